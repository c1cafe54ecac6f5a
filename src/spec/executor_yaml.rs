//! An executor's own YAML: class, parameters, metas, components, requests.

use serde_json::{Map, Value};

use super::batching::BatchingTable;
use super::executor::{ExecutorSpec, Handler, Parameters, PythonModule, Requests, Step, StepTarget, dotted};
use super::keys::{EXECUTOR_PLACE, METAS_PLACE};
use super::library;
use super::reader::Reader;
use super::requests;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::yaml::{Node, Schema};

/// Reads the executor that `node` describes. `None` when it has no class.
pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<ExecutorSpec> {
    let Some(class) = node.class() else {
        let message = "this executor has no class";
        let help = "write `!Class` before it, or `jtype: Class` into it";
        reader.report.push(Diagnostic::at(Code::MissingKey, node.span, message).help(help));
        return None;
    };
    let (module, class) = match dotted(class.value) {
        Some((module, name)) => (Some(class.map(|_| module.to_owned())), class.map(|_| name.to_owned())),
        None => (None, class.map(str::to_owned)),
    };
    let schema = reader.dialect.schema();
    let fields = reader.fields_of(Some(node), &EXECUTOR_PLACE);
    let metas = reader.fields_of(fields.node("metas"), &METAS_PLACE);
    let name = metas.text("name").map_or_else(|| class.value.clone(), |name| name.value.to_owned());
    let mut py_modules = reader.python_modules(metas.node("py_modules"));
    py_modules.extend(module.map(|written| PythonModule { written, file: None }));
    let components = fields.node("components").and_then(Node::sequence).unwrap_or_default();
    let components: Vec<ExecutorSpec> =
        components.iter().filter_map(|node| component(node, reader)).collect();
    let mut spec = ExecutorSpec {
        with: arguments(fields.node("with"), class.span, schema),
        name,
        workspace: reader.path(metas.node("workspace")),
        directory: reader.directory(node.span),
        read_only: metas.flag("read_only").unwrap_or(false),
        py_modules,
        libraries: library::of_metas(&metas, reader),
        components,
        requests: Requests::default(),
        batching: BatchingTable::read(fields.node("dynamic_batching"), reader),
        class,
    };
    spec.requests = match fields.node("requests") {
        Some(node) => requests::read(node, &spec, reader),
        None => default_requests(&spec),
    };
    Some(spec)
}

/// A part of a compound executor. Batches are made of requests, before any part sees them.
fn component(node: &Node, reader: &mut Reader<'_>) -> Option<ExecutorSpec> {
    let mut spec = read(node, reader)?;
    if !std::mem::take(&mut spec.batching).is_empty() {
        let message = "`dynamic_batching` has no effect in a component";
        let help = "write it at the compound executor, or at the pod as `uses_dynamic_batching`";
        reader.report.push(Diagnostic::at(Code::WithoutEffect, node.span, message).help(help));
    }
    Some(spec)
}

/// The parameters behind `with:`, for an executor whose class stands at `span`.
pub(super) fn arguments(node: Option<&Node>, span: Span, schema: Schema) -> Parameters {
    let mut arguments = Parameters::empty(span);
    for (key, value) in node.and_then(Node::mapping).into_iter().flat_map(|mapping| mapping.iter()) {
        let name = key.key_text();
        arguments.spans.insert(name.clone(), (key.span, value.span));
        arguments.written.insert(name.clone(), value.to_written_json(schema));
        arguments.values.insert(name, value.to_json(schema));
    }
    arguments
}

/// Puts `uses_with`, `uses_metas` and `uses_requests` of Jina 2 and 3 over what the executor's own YAML says.
pub(super) fn override_with(
    spec: &mut ExecutorSpec,
    with: Option<&Node>,
    metas: Option<&Node>,
    own_requests: Option<&Node>,
    reader: &mut Reader<'_>,
) {
    let over = arguments(with, spec.with.span, reader.dialect.schema());
    spec.with.values.extend(over.values);
    spec.with.written.extend(over.written);
    spec.with.spans.extend(over.spans);
    let metas = reader.fields_of(metas, &METAS_PLACE);
    if let Some(name) = metas.text("name") {
        spec.name = name.value.to_owned();
    }
    if let Some(workspace) = reader.path(metas.node("workspace")) {
        spec.workspace = Some(workspace);
    }
    spec.py_modules.extend(reader.python_modules(metas.node("py_modules")));
    library::over(spec, &metas, reader);
    if let Some(node) = own_requests {
        let requests = requests::read(node, spec, reader);
        spec.requests.handlers.splice(0..0, requests.handlers);
    }
}

/// What an executor does whose YAML does not say. A simple one gets requests as they are. Of the compound ones Jina
/// gives `ChunkIndexer` and its kin a program; others call their components in order.
fn default_requests(spec: &ExecutorSpec) -> Requests {
    if spec.components.is_empty() {
        return Requests::default();
    }
    let vectors = requests::component(&spec.components, "BaseVectorIndexer");
    let documents = requests::component(&spec.components, "BaseKVIndexer");
    let span = spec.class.span;
    let programs = match (vectors, documents) {
        (Some(vectors), Some(documents)) if spec.class.value.ends_with("Indexer") => {
            let document_level = spec.class.value.starts_with("Doc");
            let paths = if document_level { ["@r", "@m"] } else { ["@c", "@cm"] };
            vec![indexing(vectors, documents, paths, span), searching(vectors, documents, paths, span)]
        }
        _ => {
            let call = |position| step(StepTarget::Component(position), None, None, span);
            let steps = (0..spec.components.len()).map(call).collect();
            vec![Handler { endpoints: Vec::new(), steps }]
        }
    };
    Requests { handlers: programs, pass_unmatched: true }
}

fn step(target: StepTarget, endpoint: Option<&'static str>, paths: Option<&str>, span: Span) -> Step {
    Step { target, endpoint, access_paths: paths.map(str::to_owned), span }
}

/// Jina's program for `IndexRequest`: vectors, prune, documents.
fn indexing(vectors: usize, documents: usize, [paths, _]: [&str; 2], span: Span) -> Handler {
    let steps = vec![
        step(StepTarget::Component(vectors), Some("/index"), Some(paths), span),
        prune(paths, span),
        step(StepTarget::Component(documents), Some("/index"), Some(paths), span),
    ];
    Handler { endpoints: vec!["/index".to_owned()], steps }
}

/// Jina's program for `SearchRequest`: vectors, prune, documents.
fn searching(vectors: usize, documents: usize, [paths, found]: [&str; 2], span: Span) -> Handler {
    let steps = vec![
        step(StepTarget::Component(vectors), Some("/search"), Some(paths), span),
        prune(paths, span),
        step(StepTarget::Component(documents), Some("/search"), Some(found), span),
    ];
    Handler { endpoints: vec!["/search".to_owned()], steps }
}

/// Vectors and payloads are in the index or of no more use.
fn prune(paths: &str, span: Span) -> Step {
    let fields = ["embedding", "blob", "tensor", "text"].map(Value::from).to_vec();
    let with: Map<String, Value> = [("fields".to_owned(), Value::Array(fields))].into_iter().collect();
    step(StepTarget::Builtin("ExcludeFields", Value::Object(with)), None, Some(paths), span)
}
