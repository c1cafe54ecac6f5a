//! Reads an executor's own YAML: class, parameters, metas, components, requests.

use serde_json::{Map, Value};

use super::batching::BatchingTable;
use super::executor::{
    ExecutorSpec, Handler, Parameters, PythonModule, Requests, Step, StepTarget, dotted_class,
};
use super::keys::{
    COMPONENTS, DYNAMIC_BATCHING, EXECUTOR, EXECUTOR_METAS, META_DESCRIPTION, METAS, NAME, PY_MODULES,
    READ_ONLY, REQUESTS, WITH, WORKSPACE,
};
use super::reader::Reader;
use super::{library, path, requests};
use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use crate::yaml::Node;

/// Reads the executor `node`. `None` when it has no class.
pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<ExecutorSpec> {
    let Some(class) = node.class() else {
        let message = "the executor has no class";
        let help = "write `!Class` before the mapping, or `jtype: Class` in it";
        reader.report.push(Diagnostic::at(Code::MissingKey, node.span, message).help(help));
        return None;
    };
    let (module, class) = match dotted_class(class.value) {
        Some((module, name)) => (Some(class.map(|_| module.to_owned())), class.map(|_| name.to_owned())),
        None => (None, class.map(str::to_owned)),
    };
    let schema = reader.dialect.schema();
    let fields = reader.fields_of(Some(node), &EXECUTOR);
    let metas = reader.fields_of(fields.get(&METAS), &EXECUTOR_METAS);
    let name = metas.get(&NAME).map_or_else(|| class.value.clone(), |name| name.value.to_owned());
    // Jina 2 and 3 write the key at the root, older versions below `metas`.
    let mut py_modules = python_modules(fields.node(&PY_MODULES), reader);
    py_modules.extend(python_modules(metas.node(&PY_MODULES), reader));
    py_modules.extend(module.map(|written| PythonModule { written, file: None }));
    let components = fields.get(&COMPONENTS).unwrap_or_default();
    let components: Vec<ExecutorSpec> =
        components.iter().filter_map(|node| component(node, reader)).collect();
    let mut spec = ExecutorSpec {
        with: Parameters::read(fields.get(&WITH), class.span, schema, reader.report),
        name,
        workspace: reader.path(metas.get(&WORKSPACE)),
        description: metas.get(&META_DESCRIPTION).map(|text| text.value.to_owned()),
        directory: reader.directory(node.span),
        read_only: metas.get(&READ_ONLY).unwrap_or(false),
        py_modules,
        libraries: library::of_metas(&metas, reader),
        components,
        requests: Requests::default(),
        batching: BatchingTable::read(fields.get(&DYNAMIC_BATCHING), reader),
        class,
    };
    spec.requests = match fields.get(&REQUESTS) {
        Some(node) => requests::read(node, &spec, reader),
        None => default_requests(&spec),
    };
    Some(spec)
}

/// Reads a component of a compound executor. Batches are formed before a request reaches any component.
fn component(node: &Node, reader: &mut Reader<'_>) -> Option<ExecutorSpec> {
    let mut spec = read(node, reader)?;
    if !std::mem::take(&mut spec.batching).is_empty() {
        let message = "`dynamic_batching` has no effect in a component";
        let help = "write it in the compound executor, or in the pod as `uses_dynamic_batching`";
        reader.report.push(Diagnostic::at(Code::WithoutEffect, node.span, message).help(help));
    }
    Some(spec)
}

/// The Python files and modules in `node`: a scalar, or a list of scalars.
pub(super) fn python_modules(node: Option<&Node>, reader: &mut Reader<'_>) -> Vec<PythonModule> {
    let module = |item: &Node| {
        let scalar = item.scalar().filter(|scalar| !scalar.text.is_empty())?;
        let file = path::find(scalar, item.span, reader.sources, reader.report);
        Some(PythonModule { written: Spanned::new(scalar.text.clone(), item.span), file })
    };
    node.map(Node::items).unwrap_or_default().iter().filter_map(module).collect()
}

/// Applies `uses_with`, `uses_metas` and `uses_requests` of Jina 2 and 3, which override the executor's own YAML.
pub(super) fn override_with(
    spec: &mut ExecutorSpec,
    with: Option<&Node>,
    metas: Option<&Node>,
    uses_requests: Option<&Node>,
    reader: &mut Reader<'_>,
) {
    let schema = reader.dialect.schema();
    spec.with.override_with(Parameters::read(with, spec.with.span, schema, reader.report));
    let metas = reader.fields_of(metas, &EXECUTOR_METAS);
    if let Some(name) = metas.get(&NAME) {
        spec.name = name.value.to_owned();
    }
    if let Some(workspace) = reader.path(metas.get(&WORKSPACE)) {
        spec.workspace = Some(workspace);
    }
    if let Some(description) = metas.get(&META_DESCRIPTION) {
        spec.description = Some(description.value.to_owned());
    }
    spec.py_modules.extend(python_modules(metas.node(&PY_MODULES), reader));
    library::override_with(spec, &metas, reader);
    if let Some(node) = uses_requests {
        let requests = requests::read(node, spec, reader);
        spec.requests.handlers.splice(0..0, requests.handlers);
    }
}

/// The calls of an executor without `requests:`.
///
/// A simple executor is called with every request as it is. Jina gives compound indexers of vectors and documents
/// (`ChunkIndexer`, …) handlers of their own; every other compound executor calls its components in order.
fn default_requests(spec: &ExecutorSpec) -> Requests {
    if spec.components.is_empty() {
        return Requests::default();
    }
    let vectors = requests::component(&spec.components, "BaseVectorIndexer");
    let documents = requests::component(&spec.components, "BaseKVIndexer");
    let span = spec.class.span;
    let handlers = match (vectors, documents) {
        (Some(vectors), Some(documents)) if spec.class.value.ends_with("Indexer") => {
            let document_level = spec.class.value.starts_with("Doc");
            let paths = if document_level { ["@r", "@m"] } else { ["@c", "@cm"] };
            vec![
                index_handler(vectors, documents, paths, span),
                search_handler(vectors, documents, paths, span),
            ]
        }
        _ => {
            let call = |position| step(StepTarget::Component(position), None, None, span);
            let steps = (0..spec.components.len()).map(call).collect();
            vec![Handler { endpoints: Vec::new(), steps }]
        }
    };
    Requests { handlers, pass_unmatched: true }
}

fn step(target: StepTarget, endpoint: Option<&'static str>, paths: Option<&str>, span: Span) -> Step {
    Step { target, endpoint, access_paths: paths.map(str::to_owned), span }
}

/// Jina's steps for `IndexRequest`: store vectors, prune, store documents.
fn index_handler(vectors: usize, documents: usize, [paths, _]: [&str; 2], span: Span) -> Handler {
    let steps = vec![
        step(StepTarget::Component(vectors), Some("/index"), Some(paths), span),
        prune(paths, span),
        step(StepTarget::Component(documents), Some("/index"), Some(paths), span),
    ];
    Handler { endpoints: vec!["/index".to_owned()], steps }
}

/// Jina's steps for `SearchRequest`: search vectors, prune, look up documents.
fn search_handler(vectors: usize, documents: usize, [paths, found]: [&str; 2], span: Span) -> Handler {
    let steps = vec![
        step(StepTarget::Component(vectors), Some("/search"), Some(paths), span),
        prune(paths, span),
        step(StepTarget::Component(documents), Some("/search"), Some(found), span),
    ];
    Handler { endpoints: vec!["/search".to_owned()], steps }
}

/// Removes vectors and payloads, which are stored by now or no longer needed.
fn prune(paths: &str, span: Span) -> Step {
    let fields = ["embedding", "blob", "tensor", "text"].map(Value::from).to_vec();
    let with: Map<String, Value> = [("fields".to_owned(), Value::Array(fields))].into_iter().collect();
    step(StepTarget::Builtin("ExcludeFields", Value::Object(with)), None, Some(paths), span)
}
