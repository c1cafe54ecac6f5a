//! Reads `requests:` of an executor's YAML: lists of drivers under `on:` (Jina 0.x and 1.x), or a mapping from
//! endpoints to methods (Jina 2 and 3).

use serde_json::Value;

use super::drivers;
use super::endpoint::with_slash;
use super::executor::{ExecutorSpec, Handler, Requests, Step, StepTarget};
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Spanned, did_you_mean};
use crate::yaml::{Mapping, Node};

/// Reads the requests in `node` for `spec`, whose components are already known.
pub(super) fn read(node: &Node, spec: &ExecutorSpec, reader: &mut Reader<'_>) -> Requests {
    let Some(mapping) = node.mapping() else { return Requests::default() };
    match mapping.get("on") {
        Some(on) => Requests { handlers: driver_handlers(on, spec, reader), pass_unmatched: true },
        None => Requests { handlers: method_handlers(mapping, reader), pass_unmatched: false },
    }
}

fn wrong_type(expected: &str, node: &Node, reader: &mut Reader<'_>) {
    let message = format!("{expected}, but is {}", node.kind());
    reader.report.push(Diagnostic::at(Code::WrongType, node.span, message));
}

/// `'/foo': encode`: requests to `/foo` are handled like requests to `/encode`.
fn method_handlers(mapping: &Mapping, reader: &mut Reader<'_>) -> Vec<Handler> {
    let mut handlers = Vec::new();
    for (key, value) in mapping.iter() {
        let Some(method) = value.text() else {
            wrong_type("the name of a method must be a string", value, reader);
            continue;
        };
        let target = StepTarget::Method(method.to_owned());
        let step = Step { target, endpoint: None, access_paths: None, span: value.span };
        handlers.push(Handler { endpoints: vec![with_slash(&key.key_text())], steps: vec![step] });
    }
    handlers
}

/// `on: {[IndexRequest, SearchRequest]: [!Driver …]}`.
fn driver_handlers(on: &Node, spec: &ExecutorSpec, reader: &mut Reader<'_>) -> Vec<Handler> {
    let mut handlers = Vec::new();
    let Some(requests) = on.mapping() else {
        wrong_type("`on` must be a mapping from request types to lists of drivers", on, reader);
        return handlers;
    };
    for (key, value) in requests.iter() {
        let endpoints = endpoints(key, reader);
        if value.sequence().is_none() && !value.is_null() {
            wrong_type("the value of a request type must be a list of drivers", value, reader);
        }
        let steps = value.sequence().unwrap_or_default();
        let steps: Vec<Step> = steps.iter().filter_map(|node| step(node, spec, reader)).collect();
        if !endpoints.is_empty() {
            handlers.push(Handler { endpoints, steps });
        }
    }
    handlers
}

/// The endpoints of the request types in a key; empty for control requests.
fn endpoints(key: &Node, reader: &mut Reader<'_>) -> Vec<String> {
    let mut endpoints = Vec::new();
    for node in key.items() {
        match node.text().unwrap_or_default() {
            "IndexRequest" => endpoints.push("/index".to_owned()),
            "SearchRequest" => endpoints.push("/search".to_owned()),
            "TrainRequest" => endpoints.push("/train".to_owned()),
            "UpdateRequest" => endpoints.push("/update".to_owned()),
            "DeleteRequest" => endpoints.push("/delete".to_owned()),
            // `ControRequest` is a harmless misspelling in many published files.
            "ControlRequest" | "ControRequest" => {}
            other => {
                let message = format!("`{other}` is not a request type");
                let diagnostic = Diagnostic::at(Code::MisspeltKey, node.span, message);
                reader.report.push(diagnostic.maybe_help(did_you_mean(other, REQUEST_TYPES)));
            }
        }
    }
    endpoints
}

const REQUEST_TYPES: [&str; 6] =
    ["IndexRequest", "SearchRequest", "TrainRequest", "UpdateRequest", "DeleteRequest", "ControlRequest"];

/// The step of one driver.
fn step(node: &Node, spec: &ExecutorSpec, reader: &mut Reader<'_>) -> Option<Step> {
    let Some(driver) = node.class() else {
        let message = "the driver has no class";
        reader.report.push(Diagnostic::at(Code::MissingKey, node.span, message).help("write `!SomeDriver`"));
        return None;
    };
    let with = node.mapping().and_then(|mapping| mapping.get("with"));
    let json = with.map_or(Value::Null, |with| with.to_json(reader.dialect.schema(), reader.report));
    let named = with.and_then(Node::mapping).and_then(|with| with.get("executor"));
    let position = match named.and_then(|node| node.text().map(|name| Spanned::new(name, node.span))) {
        _ if spec.components.is_empty() => Some(0),
        Some(name) => {
            let position = component(&spec.components, name.value);
            if position.is_none() {
                reader.report.push(unknown_component(name, spec));
            }
            position
        }
        None if spec.components.len() == 1 => Some(0),
        None if drivers::calls_executor(driver.value, &json) => {
            let message = format!("`{}` does not name the component that it calls", driver.value);
            let first = names(spec).first().copied().unwrap_or("NAME");
            let help = format!("write `with: {{executor: {first}}}`");
            reader.report.push(Diagnostic::at(Code::UnknownComponent, driver.span, message).help(help));
            None
        }
        None => None,
    };
    drivers::step(driver.value, &json, driver.span, position, reader.report)
}

fn names(spec: &ExecutorSpec) -> Vec<&str> {
    spec.components.iter().map(|component| component.name.as_str()).collect()
}

fn unknown_component(name: Spanned<&str>, spec: &ExecutorSpec) -> Diagnostic {
    let message = format!("`{}` has no component `{}`", spec.name, name.value);
    let components = format!("its components are {}", names(spec).join(", "));
    let suggestion = did_you_mean(name.value, names(spec));
    Diagnostic::at(Code::UnknownComponent, name.span, message).maybe_help(suggestion).help(components)
}

/// The component that a driver's `executor:` selects: by its name, then by its class, then by a base class in Jina.
pub(super) fn component(components: &[ExecutorSpec], name: &str) -> Option<usize> {
    let first = |matches: &dyn Fn(&ExecutorSpec) -> bool| components.iter().position(matches);
    first(&|component| component.name == name)
        .or_else(|| first(&|component| component.class.value == name))
        .or_else(|| first(&|component| derives(&component.class.value, name)))
}

/// True if Jina's class `class` derives from `base`, as far as the names show.
fn derives(class: &str, base: &str) -> bool {
    let documents = ["Pb", "Leveldb", "KV", "Mongo"].iter().any(|part| class.contains(part));
    match base {
        "BaseKVIndexer" => documents,
        "BaseVectorIndexer" | "BaseNumpyIndexer" => class.ends_with("Indexer") && !documents,
        "BaseIndexer" => class.ends_with("Indexer"),
        "BaseEncoder" => class.ends_with("Encoder"),
        "BaseRanker" => class.ends_with("Ranker"),
        "BaseExecutor" => true,
        _ => false,
    }
}
