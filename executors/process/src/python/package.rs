//! Sources of the Python package `flowrun`, which children receive in their start frame.

use serde_json::{Map, Value};

/// Program of the interpreter (`python -c`): receives the start frame and imports the package from it.
pub(super) const BOOTSTRAP: &str = include_str!("../../../../python/flowrun/bootstrap.py");

/// Names and sources of the modules.
const MODULES: [(&str, &str); 24] = [
    ("flowrun", include_str!("../../../../python/flowrun/__init__.py")),
    ("flowrun.child", include_str!("../../../../python/flowrun/child.py")),
    ("flowrun.class_source", include_str!("../../../../python/flowrun/class_source.py")),
    ("flowrun.client", include_str!("../../../../python/flowrun/client.py")),
    ("flowrun.conversion", include_str!("../../../../python/flowrun/conversion.py")),
    ("flowrun.document", include_str!("../../../../python/flowrun/document.py")),
    ("flowrun.errors", include_str!("../../../../python/flowrun/errors.py")),
    ("flowrun.executor", include_str!("../../../../python/flowrun/executor.py")),
    ("flowrun.flow", include_str!("../../../../python/flowrun/flow.py")),
    ("flowrun.flow_file", include_str!("../../../../python/flowrun/flow_file.py")),
    ("flowrun.grpc_client", include_str!("../../../../python/flowrun/grpc_client.py")),
    ("flowrun.http_client", include_str!("../../../../python/flowrun/http_client.py")),
    ("flowrun.index", include_str!("../../../../python/flowrun/index.py")),
    ("flowrun.jina_adapter", include_str!("../../../../python/flowrun/jina_adapter.py")),
    ("flowrun.loader", include_str!("../../../../python/flowrun/loader.py")),
    ("flowrun.messages", include_str!("../../../../python/flowrun/messages.py")),
    ("flowrun.native_adapter", include_str!("../../../../python/flowrun/native_adapter.py")),
    ("flowrun.program", include_str!("../../../../python/flowrun/program.py")),
    ("flowrun.protocol", include_str!("../../../../python/flowrun/protocol.py")),
    ("flowrun.service", include_str!("../../../../python/flowrun/service.py")),
    ("flowrun.typed_adapter", include_str!("../../../../python/flowrun/typed_adapter.py")),
    ("flowrun.unused", include_str!("../../../../python/flowrun/unused.py")),
    ("flowrun.websocket", include_str!("../../../../python/flowrun/websocket.py")),
    ("flowrun.wire", include_str!("../../../../python/flowrun/wire.py")),
];

/// Returns the sources by module name.
pub(super) fn sources() -> Map<String, Value> {
    MODULES.into_iter().map(|(name, source)| (name.to_owned(), source.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_of_the_package_is_sent() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../python/flowrun");
        let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
        let mut modules: Vec<String> = files
            .filter_map(|file| file.to_string_lossy().strip_suffix(".py").map(str::to_owned))
            .filter(|name| !["bootstrap", "__main__"].contains(&name.as_str()))
            .map(|name| if name == "__init__" { "flowrun".to_owned() } else { format!("flowrun.{name}") })
            .collect();
        modules.sort();
        let mut sent: Vec<String> = sources().keys().cloned().collect();
        sent.sort();
        assert_eq!(sent, modules);
    }
}
