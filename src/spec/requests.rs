//! The `requests:` of an executor's YAML: lists of drivers under `on:` (Jina 0.x and 1.x), or a mapping from
//! endpoints to methods (Jina 2 and 3).

use serde_json::Value;

use super::drivers;
use super::executor::{ExecutorSpec, Handler, Requests, Step, StepTarget};
use super::polling::with_slash;
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Spanned, did_you_mean};
use crate::yaml::{Mapping, Node};

/// Reads what `node` says about the requests of `spec`, whose components are known already.
pub(super) fn read(node: &Node, spec: &ExecutorSpec, reader: &mut Reader<'_>) -> Requests {
    let Some(mapping) = node.mapping() else { return Requests::default() };
    match mapping.get("on") {
        Some(on) => Requests { handlers: on_requests(on, spec, reader), pass_unmatched: true },
        None => Requests { handlers: methods(mapping, reader), pass_unmatched: false },
    }
}

fn wrong(what: &str, node: &Node, reader: &mut Reader<'_>) {
    let message = format!("{what}, but is {}", node.kind());
    reader.report.push(Diagnostic::at(Code::WrongType, node.span, message));
}

/// `'/foo': encode`: requests to `/foo` do what requests to `/encode` do.
fn methods(mapping: &Mapping, reader: &mut Reader<'_>) -> Vec<Handler> {
    let mut programs = Vec::new();
    for (key, value) in mapping.iter() {
        let Some(method) = value.text() else {
            let message = format!("a method's name must be a text, but is {}", value.kind());
            reader.report.push(Diagnostic::at(Code::WrongType, value.span, message));
            continue;
        };
        let target = StepTarget::Method(method.to_owned());
        let step = Step { target, endpoint: None, access_paths: None, span: value.span };
        programs.push(Handler { endpoints: vec![with_slash(&key.key_text())], steps: vec![step] });
    }
    programs
}

/// `on: {[IndexRequest, SearchRequest]: [!Driver …]}`.
fn on_requests(on: &Node, spec: &ExecutorSpec, reader: &mut Reader<'_>) -> Vec<Handler> {
    let mut programs = Vec::new();
    let Some(requests) = on.mapping() else {
        wrong("`on` must be a mapping from types of requests to lists of drivers", on, reader);
        return programs;
    };
    for (key, value) in requests.iter() {
        let endpoints = endpoints(key, reader);
        if value.sequence().is_none() && !value.is_null() {
            wrong("what a request does must be a list of drivers", value, reader);
        }
        let steps = value.sequence().unwrap_or_default();
        let steps: Vec<Step> = steps.iter().filter_map(|node| step(node, spec, reader)).collect();
        if !endpoints.is_empty() {
            programs.push(Handler { endpoints, steps });
        }
    }
    programs
}

/// The endpoints that the request types of a key stand for; none for control requests.
fn endpoints(key: &Node, reader: &mut Reader<'_>) -> Vec<String> {
    let single = std::slice::from_ref(key);
    let names = key.sequence().unwrap_or(single);
    let mut endpoints = Vec::new();
    for node in names {
        match node.text().unwrap_or_default() {
            "IndexRequest" => endpoints.push("/index".to_owned()),
            "SearchRequest" => endpoints.push("/search".to_owned()),
            "TrainRequest" => endpoints.push("/train".to_owned()),
            "UpdateRequest" => endpoints.push("/update".to_owned()),
            "DeleteRequest" => endpoints.push("/delete".to_owned()),
            // The second is a misspelling that stands in many files and does no harm.
            "ControlRequest" | "ControRequest" => {}
            other => {
                let message = format!("`{other}` is not a type of request");
                let diagnostic = Diagnostic::at(Code::MisspeltKey, node.span, message);
                reader.report.push(diagnostic.maybe_help(did_you_mean(other, TYPES)));
            }
        }
    }
    endpoints
}

const TYPES: [&str; 6] =
    ["IndexRequest", "SearchRequest", "TrainRequest", "UpdateRequest", "DeleteRequest", "ControlRequest"];

/// The step that a driver becomes.
fn step(node: &Node, spec: &ExecutorSpec, reader: &mut Reader<'_>) -> Option<Step> {
    let Some(driver) = node.class() else {
        let message = "a driver must have a class";
        reader.report.push(Diagnostic::at(Code::MissingKey, node.span, message).help("write `!SomeDriver`"));
        return None;
    };
    let with = node.mapping().and_then(|mapping| mapping.get("with"));
    let json = with.map_or(Value::Null, |with| with.to_json(reader.dialect.schema()));
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
            let message = format!("`{}` does not say which component it calls", driver.value);
            let help =
                format!("write `with: {{executor: {}}}`", names(spec).first().copied().unwrap_or("NAME"));
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
    let has = format!("its components are {}", names(spec).join(", "));
    let meant = did_you_mean(name.value, names(spec));
    Diagnostic::at(Code::UnknownComponent, name.span, message).maybe_help(meant).help(has)
}

/// The component that a driver's `executor:` means: by its name, then by its class, then by a class that its own
/// derives from in Jina.
pub(super) fn component(components: &[ExecutorSpec], name: &str) -> Option<usize> {
    let by = |matches: &dyn Fn(&ExecutorSpec) -> bool| components.iter().position(matches);
    by(&|component| component.name == name)
        .or_else(|| by(&|component| component.class.value == name))
        .or_else(|| by(&|component| derives(&component.class.value, name)))
}

/// Whether Jina's class `class` derives from `base`, as far as that can be told from the names.
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
