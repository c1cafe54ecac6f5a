//! JSON of a `Context` in a start frame.

use flowrun_sdk::{Context, Value};
use serde_json::json;

/// Encodes the parts of a context that a child needs.
pub(crate) fn context_to_json(context: &Context) -> Value {
    json!({
        "pod": context.pod,
        "workspace": context.workspace.to_string_lossy(),
        "directory": context.directory.to_string_lossy(),
        "shard": context.shard,
        "shards": context.shards,
        "replica": context.replica,
        "read_only": context.read_only,
        "threads": context.threads,
        "concurrency": context.concurrency,
    })
}

/// Decodes a context. Absent or malformed keys get defaults. Health, metrics and shared state are new, because they belong
/// to the child.
pub(crate) fn context_from_json(value: &Value) -> Context {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |name: &str, default| {
        value
            .get(name)
            .and_then(Value::as_u64)
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(default)
    };
    Context {
        pod: text("pod"),
        directory: text("directory").into(),
        shard: number("shard", 0),
        shards: number("shards", 1),
        replica: number("replica", 0),
        read_only: value.get("read_only") == Some(&Value::Bool(true)),
        threads: number("threads", 1),
        concurrency: number("concurrency", 1),
        ..Context::standalone(text("workspace"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_survive_a_round_trip() {
        let sent = Context {
            pod: "index".to_owned(),
            directory: "/flows".into(),
            shard: 2,
            shards: 3,
            replica: 1,
            read_only: true,
            threads: 4,
            concurrency: 5,
            ..Context::standalone("/shelves/2")
        };
        assert_eq!(context_to_json(&context_from_json(&context_to_json(&sent))), context_to_json(&sent));
    }
}
