//! What the pods of every dialect have in common.

use std::time::Duration;

use super::batching::BatchingTable;
use super::executor::{Parameters, Uses};
use super::executor_yaml;
use super::fields::Fields;
use super::flow::{FlowSpec, Join, Needs, PodSpec, PythonSpec};
use super::library;
use super::polling::PollingTable;
use super::reader::Reader;
use super::strategy::Strategy;
use super::uses::{self, PASS};
use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use crate::limits::{CONCURRENCY_DEFAULT, READY_TIMEOUT_DEFAULT};
use crate::yaml::Node;

/// Where a pod stands in its flow, by the `method` of the list forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// An ordinary pod.
    Add,
    /// A join.
    Needs,
    /// A join of everything that nobody needs.
    NeedsAll,
    /// A pod that looks on from the side.
    Inspect,
    /// The end of looking on.
    GatherInspect,
}

impl Method {
    pub(super) fn of(fields: &Fields<'_>) -> Self {
        match fields.text("method").map(|method| method.to_ascii_lowercase()).as_deref() {
            Some("needs") => Self::Needs,
            Some("needs_all") => Self::NeedsAll,
            Some("inspect") => Self::Inspect,
            Some("gather_inspect") => Self::GatherInspect,
            _ => Self::Add,
        }
    }
}

/// What the flow says for pods that do not say.
#[derive(Debug, Default)]
pub(super) struct Defaults<'a> {
    pub(super) read_only: Option<bool>,
    pub(super) workspace: Option<&'a Node>,
    pub(super) python: Option<&'a Node>,
    pub(super) env: Option<&'a Node>,
    pub(super) timeout_ready: Option<Option<Duration>>,
}

impl<'a> Defaults<'a> {
    pub(super) fn of(fields: &Fields<'a>) -> Self {
        Self {
            read_only: fields.flag("read_only"),
            workspace: fields.node("workspace"),
            python: fields.node("python"),
            env: fields.node("env"),
            timeout_ready: fields.milliseconds("timeout_ready"),
        }
    }
}

/// A pod with what is read alike in every dialect; copies and polling are the dialect's own.
pub(super) fn read(
    name: Spanned<String>,
    (mut executor, join): (Spanned<Uses>, Join),
    fields: &Fields<'_>,
    defaults: &Defaults<'_>,
    reader: &mut Reader<'_>,
) -> PodSpec {
    library::pin_of_pod(&mut executor.value, fields, reader);
    let timeout_ready = fields.milliseconds("timeout_ready").or(defaults.timeout_ready);
    let executor_span = executor.span;
    PodSpec {
        name,
        needs: needs(fields),
        executor,
        uses_before: router(fields, "uses_before", reader),
        uses_after: router(fields, "uses_after", reader),
        replicas: 1,
        shards: 1,
        polling: PollingTable::default(),
        strategy: Strategy::read(fields.node("strategy"), executor_span, reader),
        when: None,
        join,
        floating: fields.flag("floating").unwrap_or(false),
        is_inspect: false,
        remote_unsupported: None,
        timeout_send: None,
        workspace: reader.path(fields.node("workspace").or(defaults.workspace)),
        read_only: fields.flag("read_only").or(defaults.read_only).unwrap_or(false),
        timeout_ready: timeout_ready.unwrap_or(Some(READY_TIMEOUT_DEFAULT)),
        concurrency: fields.count("concurrency").map_or(CONCURRENCY_DEFAULT, |count| count.value),
        env: env(defaults.env, fields.node("env"), executor_span, reader),
        python: python(fields.node("python"), true, reader)
            .or_else(|| python(defaults.python, false, reader)),
        isolate: fields.text("isolate").is_some(),
        batching: BatchingTable::read(fields.node("uses_dynamic_batching"), reader),
    }
}

/// The Python that `node` names: a path, or a name to be looked for.
fn python(node: Option<&Node>, set_on_pod: bool, reader: &Reader<'_>) -> Option<PythonSpec> {
    let node = node?;
    // Empty is what a variable is that nobody has set.
    let scalar = node.scalar().filter(|scalar| !scalar.text.is_empty())?;
    let path = match scalar.text.contains('/') {
        true => reader.path(Some(node))?,
        false => scalar.text.as_str().into(),
    };
    Some(PythonSpec { written: Spanned::new(scalar.text.clone(), node.span), path, set_on_pod })
}

/// The variables of the flow, and over them those of the pod.
fn env(flow: Option<&Node>, pod: Option<&Node>, span: Span, reader: &Reader<'_>) -> Parameters {
    let schema = reader.dialect.schema();
    let mut variables = executor_yaml::arguments(flow, span, schema);
    let Parameters { values, spans, written, .. } = executor_yaml::arguments(pod, span, schema);
    variables.values.extend(values);
    // Only these are the pod's own: what the flow says is said for those of its pods that it concerns.
    variables.spans = spans;
    variables.written.extend(written);
    variables
}

fn needs(fields: &Fields<'_>) -> Needs {
    let named = fields.texts("needs").unwrap_or_default();
    let named: Vec<_> =
        named.into_iter().filter(|name| !name.is_empty()).map(|name| name.map(str::to_owned)).collect();
    if named.is_empty() { Needs::Previous } else { Needs::Named(named) }
}

/// An executor before or behind a pod; none for those that only route, which the runtime does itself.
fn router(fields: &Fields<'_>, key: &str, reader: &mut Reader<'_>) -> Option<Spanned<Uses>> {
    let node = fields.node(key)?;
    if node.text().is_some_and(|name| Reducer::of(name).is_some()) {
        return None;
    }
    let executor = uses::read(Some(node), node.span, reader);
    let passes = matches!(&executor.value, Uses::Class(spec) if spec.class.value == PASS);
    (!passes).then_some(executor)
}

/// Jina's resources that make one message of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reducer {
    /// Of the documents, the last-arrived part's stay.
    Routes,
    /// Matches are merged.
    Matches,
    /// Embeddings are concatenated.
    Embeddings,
}

impl Reducer {
    /// The reducer of that name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "_merge" | "_pass" | "_forward" | "_route" => Self::Routes,
            "_merge_topk"
            | "_merge_topk_chunks"
            | "_merge_topk_docs"
            | "_merge_all"
            | "_merge_chunks"
            | "_merge_matches"
            | "_merge_matches_topk"
            | "_merge_root" => Self::Matches,
            "_concat" => Self::Embeddings,
            _ => return None,
        })
    }
}

/// Gives `pod` a name of its own and adds it to the flow. Jina 3 renames the second of two without a word.
pub(super) fn add(mut pod: PodSpec, flow: &mut FlowSpec, reader: &mut Reader<'_>) {
    if let Some(first) = flow.pods.iter().find(|known| known.name.value == pod.name.value) {
        let message = format!("two pods are called `{}`", pod.name.value);
        let duplicate = Diagnostic::at(Code::DuplicateName, pod.name.span, message)
            .label(first.name.span, "the first one")
            .help("give one of them another name");
        reader.report.push(duplicate);
        pod.name.value = unused(&pod.name.value, flow);
    }
    flow.pods.push(pod);
}

/// `name` with a number behind it that no pod has yet.
pub(super) fn unused(name: &str, flow: &FlowSpec) -> String {
    let taken = |candidate: &String| flow.pods.iter().any(|pod| pod.name.value == *candidate);
    let numbered = (flow.pods.len()..).map(|number| format!("{name}{number}"));
    numbered.into_iter().find(|candidate| !taken(candidate)).unwrap_or_default()
}

/// What a pod runs, and how it joins: Jina's merging resources are no executors but ways to join.
pub(super) fn executor(fields: &Fields<'_>, name: Span, reader: &mut Reader<'_>) -> (Spanned<Uses>, Join) {
    let span = fields.key_span("uses").unwrap_or(name);
    let (mut executor, join) = match fields.text("uses").and_then(|name| Reducer::of(name.value)) {
        Some(Reducer::Embeddings) => (uses::read(None, span, reader), Join::ConcatenateEmbeddings),
        Some(Reducer::Routes | Reducer::Matches) => (uses::read(None, span, reader), Join::Merge),
        None => (uses::read(fields.node("uses"), span, reader), Join::Merge),
    };
    if let Uses::Class(spec) = &mut executor.value {
        spec.py_modules.extend(reader.python_modules(fields.node("py_modules")));
    }
    (executor, join)
}
