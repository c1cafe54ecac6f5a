//! A pod, and the keys that pods of every dialect share.
//!
//! Copies, polling and conditions differ by dialect: [`legacy`](super::legacy) and [`modern`](super::modern) read them.

use std::path::PathBuf;
use std::time::Duration;

use super::batching::BatchingTable;
use super::choices::Method;
use super::condition::Condition;
use super::executor::{Parameters, PythonModule, Uses};
use super::fields::Fields;
use super::key::{AnyNode, Key};
use super::keys::{
    CONCURRENCY, ENV, FLOATING, ISOLATE, METHOD, NEEDS, PY_MODULES, PYTHON, READ_ONLY, STRATEGY,
    TIMEOUT_READY, USES, USES_AFTER, USES_BEFORE, USES_DYNAMIC_BATCHING, WORKSPACE,
};
use super::polling::PollingTable;
use super::reader::Reader;
use super::reducer::Reducer;
use super::strategy::Strategy;
use super::uses::{self, PASS};
use super::{executor_yaml, library};
use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use crate::limits::{CONCURRENCY_DEFAULT, READY_TIMEOUT_DEFAULT};
use crate::yaml::Node;

/// One pod of a flow. Names in it are not resolved yet.
#[derive(Clone, Debug)]
pub struct PodSpec {
    /// Name, unique in the flow.
    pub name: Spanned<String>,
    /// Pods whose output it waits for.
    pub needs: Needs,
    /// Executor that it runs.
    pub executor: Spanned<Uses>,
    /// Executor that runs before the shards.
    pub uses_before: Option<Spanned<Uses>>,
    /// Executor that runs after the shards, on the merged replies.
    pub uses_after: Option<Spanned<Uses>>,
    /// Python files or modules of the pod, which may define all of its executors. Those of `executor` include them.
    pub py_modules: Vec<PythonModule>,
    /// Copies of each shard, which compete for requests.
    pub replicas: usize,
    /// Partitions of the data.
    pub shards: usize,
    /// Shards that receive a request, by endpoint.
    pub polling: PollingTable,
    /// Selects the shard of a new document.
    pub strategy: Spanned<Strategy>,
    /// Selects the documents that the pod receives; all documents if absent.
    pub when: Option<Condition>,
    /// Merge policy of a join.
    pub join: Join,
    /// It receives requests, but replies do not wait for it.
    pub floating: bool,
    /// It is a side branch: pods without `needs` do not follow it.
    pub is_inspect: bool,
    /// Reason why its executor, on another machine, cannot be called. Such a flow can be drawn but not run.
    pub remote_unsupported: Option<Spanned<String>>,
    /// Directory for its data, if the pod or its flow sets one.
    pub workspace: Option<PathBuf>,
    /// Time limit of one call, in addition to the request's deadline; `None` for no limit.
    pub timeout_send: Option<Duration>,
    /// Opens stored data read-only.
    pub read_only: bool,
    /// Time that the executor may take to start; `None` for no limit.
    pub timeout_ready: Option<Duration>,
    /// Calls in flight in each replica of an async executor.
    pub concurrency: usize,
    /// Environment variables of the executor's processes, if it has any.
    pub env: Parameters,
    /// Python that runs an executor written in Python.
    pub python: Option<PythonSpec>,
    /// Each worker runs in a child process.
    pub isolate: bool,
    /// Dynamic batching set in the pod, which overrides the executor's own.
    pub batching: BatchingTable,
}

impl PodSpec {
    /// True if its executor is remote, callable or not.
    pub fn is_remote(&self) -> bool {
        self.remote_unsupported.is_some() || self.executor.value.is_remote()
    }
}

/// Python that runs an executor.
#[derive(Clone, Debug)]
pub struct PythonSpec {
    /// The value as written.
    pub written: Spanned<String>,
    /// Path of the interpreter or of its environment; a bare name is left as written, for a search in `$PATH`.
    pub path: PathBuf,
    /// True if the pod itself sets it: then a built-in class of the same name is not used.
    pub set_on_pod: bool,
}

/// Pods whose output a pod waits for.
#[derive(Clone, Debug)]
pub enum Needs {
    /// The pod written before it; the gateway, for the first one.
    Previous,
    /// Pods with these names.
    Named(Vec<Spanned<String>>),
    /// Every earlier pod that no other pod needs.
    AllLeaves,
}

/// Merge policy of a request that arrives in several parts: at a join one per needed pod, after a pod one per shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Join {
    /// Documents of the same id are merged field by field; the first part in the order of `needs` wins.
    #[default]
    Merge,
    /// Like `Merge`, and embeddings of the same document are concatenated.
    ConcatenateEmbeddings,
    /// The documents of all parts are concatenated, whatever their ids.
    Append,
}

/// Values that a flow sets for pods without their own.
#[derive(Debug, Default)]
pub(super) struct Defaults<'a> {
    pub(super) read_only: Option<bool>,
    pub(super) workspace: Option<&'a Node>,
    pub(super) python: Option<&'a Node>,
    pub(super) env: Option<&'a Node>,
    /// `Some(None)` for no limit.
    pub(super) timeout_ready: Option<Option<Duration>>,
}

impl<'a> Defaults<'a> {
    /// The defaults in the `with:` of a flow.
    pub(super) fn of(with: &Fields<'a>) -> Self {
        Self {
            read_only: with.get(&READ_ONLY),
            workspace: with.get(&WORKSPACE),
            python: with.get(&PYTHON),
            env: with.get(&ENV),
            timeout_ready: with.get(&TIMEOUT_READY),
        }
    }
}

/// The keys of a pod that select its executor.
pub(super) struct PodExecutor {
    pub(super) executor: Spanned<Uses>,
    pub(super) join: Join,
    /// Modules of the pod, which those of `executor` include.
    py_modules: Vec<PythonModule>,
}

impl PodExecutor {
    /// An executor that the pod's `py_modules` do not define.
    pub(super) fn new(executor: Spanned<Uses>) -> Self {
        Self { executor, join: Join::Merge, py_modules: Vec::new() }
    }
}

/// Reads the keys that every dialect shares; the rest of the pod has default values.
pub(super) fn read(
    name: Spanned<String>,
    PodExecutor { mut executor, join, py_modules }: PodExecutor,
    fields: &Fields<'_>,
    defaults: &Defaults<'_>,
    reader: &mut Reader<'_>,
) -> PodSpec {
    library::pin_for_pod(&mut executor.value, fields, reader);
    let timeout_ready = fields.get(&TIMEOUT_READY).or(defaults.timeout_ready);
    let executor_span = executor.span;
    PodSpec {
        name,
        needs: needs(fields),
        executor,
        uses_before: stage(fields, &USES_BEFORE, reader),
        uses_after: stage(fields, &USES_AFTER, reader),
        py_modules,
        replicas: 1,
        shards: 1,
        polling: PollingTable::default(),
        strategy: Strategy::read(fields.get(&STRATEGY), executor_span, reader),
        when: None,
        join,
        floating: fields.get(&FLOATING).unwrap_or(false),
        is_inspect: false,
        remote_unsupported: None,
        timeout_send: None,
        workspace: reader.path(fields.get(&WORKSPACE).or(defaults.workspace)),
        read_only: fields.get(&READ_ONLY).or(defaults.read_only).unwrap_or(false),
        timeout_ready: timeout_ready.unwrap_or(Some(READY_TIMEOUT_DEFAULT)),
        concurrency: fields.get(&CONCURRENCY).map_or(CONCURRENCY_DEFAULT, |count| count.value),
        env: env(defaults.env, fields.get(&ENV), executor_span, reader),
        python: python(fields.get(&PYTHON), true, reader).or_else(|| python(defaults.python, false, reader)),
        isolate: fields.get(&ISOLATE).is_some(),
        batching: BatchingTable::read(fields.get(&USES_DYNAMIC_BATCHING), reader),
    }
}

/// The role of a pod: its `method`.
pub(super) fn method(fields: &Fields<'_>) -> Method {
    fields.get(&METHOD).unwrap_or_default()
}

fn python(node: Option<&Node>, set_on_pod: bool, reader: &Reader<'_>) -> Option<PythonSpec> {
    let node = node?;
    // Empty is the value of an expression whose variable is unset.
    let scalar = node.scalar().filter(|scalar| !scalar.text.is_empty())?;
    let path = match scalar.text.contains('/') {
        true => reader.path(Some(node))?,
        false => scalar.text.as_str().into(),
    };
    Some(PythonSpec { written: Spanned::new(scalar.text.clone(), node.span), path, set_on_pod })
}

/// The flow's variables, overridden by the pod's. Only variables of the pod have spans, since a variable of the flow that a
/// pod cannot use is no mistake of that pod.
fn env(flow: Option<&Node>, pod: Option<&Node>, span: Span, reader: &mut Reader<'_>) -> Parameters {
    let mut variables = Parameters::read_variables(flow, span, reader.report);
    variables.spans.clear();
    variables.override_with(Parameters::read_variables(pod, span, reader.report));
    variables
}

fn needs(fields: &Fields<'_>) -> Needs {
    let names = fields.get(&NEEDS).unwrap_or_default();
    let names: Vec<_> =
        names.into_iter().filter(|name| !name.is_empty()).map(|name| name.map(str::to_owned)).collect();
    if names.is_empty() { Needs::Previous } else { Needs::Named(names) }
}

/// An executor before or after the shards; `None` for one that only routes or merges, which the runtime does itself.
fn stage(fields: &Fields<'_>, key: &Key<AnyNode>, reader: &mut Reader<'_>) -> Option<Spanned<Uses>> {
    let node = fields.get(key)?;
    if node.text().is_some_and(|name| Reducer::from_name(name).is_some()) {
        return None;
    }
    let executor = uses::read(Some(node), node.span, reader);
    let passes = matches!(&executor.value, Uses::Class(spec) if spec.class.value == PASS);
    (!passes).then_some(executor)
}

/// Reads `uses` and `py_modules`. Jina's merging resources are join policies here, not executors. Without `uses`, the
/// executor is at `pod_span`.
pub(super) fn executor(fields: &Fields<'_>, pod_span: Span, reader: &mut Reader<'_>) -> PodExecutor {
    let span = fields.key_span(&USES).unwrap_or(pod_span);
    let node = fields.get(&USES);
    let (mut executor, join) = match node.and_then(Node::text).and_then(Reducer::from_name) {
        Some(Reducer::Embeddings) => (uses::read(None, span, reader), Join::ConcatenateEmbeddings),
        Some(Reducer::LastPart | Reducer::Matches) => (uses::read(None, span, reader), Join::Merge),
        None => (uses::read(node, span, reader), Join::Merge),
    };
    let py_modules = executor_yaml::python_modules(fields.node(&PY_MODULES), reader);
    if let Uses::Class(spec) = &mut executor.value {
        // The normal form lists them twice if the pod has an executor before or after the shards.
        let new = py_modules.iter().filter(|module| !spec.lists_module(module)).cloned();
        let new: Vec<PythonModule> = new.collect();
        spec.py_modules.extend(new);
    }
    PodExecutor { executor, join, py_modules }
}

/// Checks a pod's name: an identifier, as in Python, because it is also used in patterns and paths.
pub(super) fn check_name(name: Spanned<&str>, reader: &mut Reader<'_>) -> Spanned<String> {
    let valid_start = name.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_');
    if !valid_start || !name.chars().all(|character| character.is_alphanumeric() || character == '_') {
        let message = format!("`{}` is not a valid name of a pod", name.value);
        let help = "use letters, digits and underscores, and no digit at the start";
        reader.report.push(Diagnostic::at(Code::BadName, name.span, message).help(help));
    }
    name.map(str::to_owned)
}
