//! The normal form: a flow in one dialect of YAML, whatever dialect its file is in.
//!
//! It omits defaults, the gateway's settings and plugin directories, leaves expressions as written, and includes the content
//! of executors' files. Drivers become lists of calls, for human readers.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::choices::WhenFull;
use super::endpoint::method_endpoint;
use super::executor::{ExecutorSpec, Handler, PythonModule, Step, StepTarget, Uses};
use super::flow::{FlowSpec, JobSpec};
use super::key::KeyName;
use super::keys::{self, EXECUTORS, VERSION, WITH};
use super::pod::{Join, Needs, PodSpec};
use super::polling::PollingTable;
use super::strategy::Strategy;
use crate::diagnostic::VariableTexts;
use crate::limits::{CONCURRENCY_DEFAULT, READY_TIMEOUT_DEFAULT};
use crate::yaml::is_ambiguous;

/// A character for private use, which marks a string that needs quotes until the YAML is written.
const QUOTE_MARK: char = '\u{e000}';

/// The flow as YAML in the normal form, with expressions instead of the values of `variables`.
pub fn normal_form(flow: &FlowSpec, variables: &VariableTexts) -> String {
    // Without `..`, so that a new field does not compile before it is printed, or listed with those that are not.
    let FlowSpec {
        name,
        prefetch,
        when_full,
        timeout,
        exit_on_hang,
        job,
        pods,
        dialect: _,
        span: _,
        gateway: _,
        plugins: _,
    } = flow;
    let JobSpec { input, include, endpoint, output, top_k, request_size } = job;
    let mut with = Object::default();
    with.set(&keys::NAME, name.as_str());
    with.set(&keys::PREFETCH, *prefetch);
    with.set_if(&keys::WHEN_FULL, (*when_full == WhenFull::Refuse).then_some("refuse"));
    with.set_if(&keys::TIMEOUT, timeout.map(milliseconds));
    with.set_if(&keys::EXIT_ON_HANG, exit_on_hang.then_some(true));
    with.set_if(&keys::ENDPOINT, endpoint.as_deref());
    let input: Vec<Value> = input.iter().map(|path| path.to_string_lossy().into()).collect();
    with.set_if(&keys::INPUT, (!input.is_empty()).then_some(input));
    with.set_if(&keys::INCLUDE, (!include.is_empty()).then(|| json!(include)));
    with.set_if(&keys::OUTPUT, output.as_deref().map(Path::to_string_lossy));
    with.set_if(&keys::TOP_K, *top_k);
    with.set_if(&keys::REQUEST_SIZE, *request_size);
    let executors: Vec<Value> = pods.iter().map(pod).collect();
    let mut document = json!({
        "jtype": "Flow",
        VERSION.name().as_str(): "1",
        WITH.name().as_str(): with.0,
        EXECUTORS.name().as_str(): executors,
    });
    write_expressions(&mut document, variables);
    mark_ambiguous(&mut document);
    quote_marked(&serde_yaml::to_string(&document).unwrap_or_default())
}

/// Replaces the values of variables in strings by their expressions.
fn write_expressions(value: &mut Value, variables: &VariableTexts) {
    match value {
        Value::String(text) => *text = variables.as_written(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(|item| write_expressions(item, variables)),
        Value::Object(entries) => entries.values_mut().for_each(|entry| write_expressions(entry, variables)),
        _ => {}
    }
}

/// Marks the strings that need quotes. The YAML writer quotes by the rules of YAML 1.2, which do not know `1:30` or `yes`.
fn mark_ambiguous(value: &mut Value) {
    match value {
        Value::String(text) if is_ambiguous(text) => text.insert(0, QUOTE_MARK),
        Value::Array(items) => items.iter_mut().for_each(mark_ambiguous),
        Value::Object(entries) => entries.values_mut().for_each(mark_ambiguous),
        _ => {}
    }
}

/// Replaces the marks in `yaml` by quotes. A marked string is the last one of its line.
fn quote_marked(yaml: &str) -> String {
    let quoted = |line: &str| match line.split_once(QUOTE_MARK) {
        Some((before, text)) if is_ambiguous(text) => format!("{before}'{text}'\n"),
        _ => format!("{line}\n"),
    };
    yaml.lines().map(quoted).collect()
}

/// A mapping under construction.
#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    fn set(&mut self, key: impl Into<KeyName>, value: impl Into<Value>) {
        self.0.insert(key.into().as_str().to_owned(), value.into());
    }

    fn set_if(&mut self, key: impl Into<KeyName>, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }
}

fn milliseconds(time: Duration) -> Value {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into()
}

fn pod(pod: &PodSpec) -> Value {
    // Without `..`, so that a new field does not compile before it is printed, or listed with those that are not.
    let PodSpec {
        name,
        needs,
        executor: main,
        uses_before,
        uses_after,
        py_modules,
        replicas,
        shards,
        polling,
        strategy,
        when,
        join,
        floating,
        is_inspect,
        remote_unsupported,
        workspace,
        timeout_send,
        read_only,
        timeout_ready,
        concurrency,
        env,
        python,
        isolate,
        batching,
    } = pod;
    let mut object = Object::default();
    object.set(&keys::NAME, name.value.as_str());
    object.set_if(&keys::METHOD, method(needs, *is_inspect));
    object.set_if(&keys::NEEDS, needed_pods(needs));
    let uses = match join {
        Join::Merge | Join::Append => executor(&main.value),
        Join::ConcatenateEmbeddings => "_concat".into(),
    };
    object.set(&keys::USES, uses);
    object.set_if(&keys::USES_BEFORE, uses_before.as_ref().map(|before| executor(&before.value)));
    object.set_if(&keys::USES_AFTER, uses_after.as_ref().map(|after| executor(&after.value)));
    let has_stage = uses_before.is_some() || uses_after.is_some();
    object.set_if(&keys::PY_MODULES, modules(py_modules).filter(|_| has_stage));
    object.set_if(&keys::REPLICAS, (*replicas > 1).then_some(*replicas));
    object.set_if(&keys::SHARDS, (*shards > 1).then_some(*shards));
    let polling_differs = *shards > 1 && *polling != PollingTable::default();
    object.set_if(&keys::POLLING, polling_differs.then(|| polling.to_json()));
    let strategy_differs = *shards > 1 && strategy.value != Strategy::Hash;
    object.set_if(&keys::STRATEGY, strategy_differs.then(|| strategy.to_json()));
    object.set_if(&keys::NO_REDUCE, (*join == Join::Append).then_some(true));
    object.set_if(&keys::WHEN, when.as_ref().map(|when| when.written.clone()));
    object.set_if(&keys::TIMEOUT_SEND, timeout_send.map(milliseconds));
    object.set_if(&keys::FLOATING, floating.then_some(true));
    object.set_if(&keys::EXTERNAL, remote_unsupported.is_some().then_some(true));
    object.set_if(&keys::WORKSPACE, workspace.as_deref().map(Path::to_string_lossy));
    object.set_if(&keys::READ_ONLY, read_only.then_some(true));
    let is_default = *timeout_ready == Some(READY_TIMEOUT_DEFAULT);
    let timeout_ready = timeout_ready.map_or_else(|| Value::from(-1), milliseconds);
    object.set_if(&keys::TIMEOUT_READY, (!is_default).then_some(timeout_ready));
    object.set_if(&keys::CONCURRENCY, (*concurrency != CONCURRENCY_DEFAULT).then_some(*concurrency));
    object.set_if(&keys::ENV, (!env.written.is_empty()).then(|| env.written.clone()));
    object.set_if(&keys::PYTHON, python.as_ref().map(|python| python.written.value.as_str()));
    object.set_if(&keys::USES_DYNAMIC_BATCHING, (!batching.is_empty()).then(|| batching.to_json()));
    object.set_if(&keys::ISOLATE, isolate.then_some("process"));
    object.0.into()
}

fn method(needs: &Needs, is_inspect: bool) -> Option<&'static str> {
    match (needs, is_inspect) {
        (Needs::AllLeaves, _) => Some("needs_all"),
        (_, true) => Some("inspect"),
        _ => None,
    }
}

fn needed_pods(needs: &Needs) -> Option<Value> {
    match needs {
        Needs::Named(names) => Some(names.iter().map(|name| Value::from(name.value.as_str())).collect()),
        Needs::Previous | Needs::AllLeaves => None,
    }
}

fn executor(executor: &Uses) -> Value {
    match executor {
        Uses::Unresolved { written, .. } | Uses::Broken { written } => written.as_str().into(),
        Uses::Class(spec) if is_plain(spec) => spec.class.value.as_str().into(),
        Uses::Class(spec) => executor_yaml(spec),
    }
}

/// True if the class alone specifies the executor.
fn is_plain(spec: &ExecutorSpec) -> bool {
    spec.with.values.is_empty()
        && spec.name == spec.class.value
        && spec.workspace.is_none()
        && spec.description.is_none()
        && spec.py_modules.is_empty()
        && !spec.read_only
        && (spec.libraries.is_empty() || spec.names_library_file())
        && spec.libraries.iter().all(|library| library.sha256.is_none())
        && spec.components.is_empty()
        && spec.requests.handlers.is_empty()
        && spec.batching.is_empty()
}

fn executor_yaml(spec: &ExecutorSpec) -> Value {
    let mut object = Object::default();
    object.0.insert("jtype".to_owned(), spec.class.value.as_str().into());
    object.set_if(&WITH, (!spec.with.written.is_empty()).then(|| spec.with.written.clone()));
    let metas = metas(spec);
    object.set_if(&keys::METAS, (!metas.is_empty()).then_some(metas));
    let components = spec.components.iter().map(executor_yaml);
    object.set_if(&keys::COMPONENTS, (!spec.components.is_empty()).then(|| components.collect::<Value>()));
    object.set_if(&keys::REQUESTS, (!spec.requests.handlers.is_empty()).then(|| handlers(spec)));
    object.set_if(&keys::DYNAMIC_BATCHING, (!spec.batching.is_empty()).then(|| spec.batching.to_json()));
    object.0.into()
}

fn metas(spec: &ExecutorSpec) -> Map<String, Value> {
    let mut metas = Object::default();
    metas.set_if(&keys::NAME, (spec.name != spec.class.value).then_some(spec.name.as_str()));
    metas.set_if(&keys::WORKSPACE, spec.workspace.as_deref().map(Path::to_string_lossy));
    metas.set_if(&keys::META_DESCRIPTION, spec.description.as_deref());
    metas.set_if(&keys::PY_MODULES, modules(&spec.py_modules));
    let libraries = spec.libraries.iter().map(|library| Value::from(library.path.to_string_lossy()));
    let plugins = !spec.libraries.is_empty() && !spec.names_library_file();
    metas.set_if(&keys::PLUGINS, plugins.then(|| libraries.collect::<Value>()));
    let hashes = spec.libraries.iter().filter_map(|library| library.sha256.as_ref());
    let hashes: Vec<Value> = hashes.map(|hash| hash.value.as_str().into()).collect();
    metas.set_if(&keys::SHA256, (!hashes.is_empty()).then_some(hashes));
    metas.set_if(&keys::READ_ONLY, spec.read_only.then_some(true));
    metas.0
}

/// Python modules as written; `None` if there are none.
fn modules(modules: &[PythonModule]) -> Option<Vec<Value>> {
    let written = modules.iter().map(|module| module.written.value.as_str().into());
    (!modules.is_empty()).then(|| written.collect())
}

/// The handlers as lists of calls: `component /endpoint @paths`.
fn handlers(spec: &ExecutorSpec) -> Value {
    let step = |step: &Step| {
        let target = match &step.target {
            StepTarget::Component(position) => {
                spec.components.get(*position).map_or(spec.name.as_str(), |component| component.name.as_str())
            }
            StepTarget::Builtin(class, _) => class,
            StepTarget::Method(method) => return method_endpoint(method),
        };
        [Some(target), step.endpoint, step.access_paths.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let handler = |handler: &Handler| {
        let endpoints =
            if handler.endpoints.is_empty() { "*".to_owned() } else { handler.endpoints.join(", ") };
        (endpoints, handler.steps.iter().map(|one| Value::from(step(one))).collect())
    };
    Value::Object(spec.requests.handlers.iter().map(handler).collect())
}
