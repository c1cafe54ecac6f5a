//! The normal form: the flow as flowrun understood it, as YAML in one dialect, whatever the file was written in.
//!
//! Defaults are left out, expressions stand as they were written, and executors' files are written out in place. What
//! drivers do is written as lists of calls, for reading.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::executor::{ExecutorSpec, PythonModule, StepTarget, Uses, method_endpoint};
use super::flow::{FlowSpec, Join, Needs, PodSpec, WhenFull};
use super::polling::PollingTable;
use super::strategy::Strategy;
use crate::limits::{CONCURRENCY_DEFAULT, READY_TIMEOUT_DEFAULT};

/// The flow as YAML.
pub fn normal_form(flow: &FlowSpec) -> String {
    let mut with = Map::new();
    with.insert("name".to_owned(), flow.name.as_str().into());
    with.insert("prefetch".to_owned(), flow.prefetch.into());
    if flow.when_full == WhenFull::Refuse {
        with.insert("when_full".to_owned(), "refuse".into());
    }
    if let Some(timeout) = flow.timeout {
        with.insert("timeout".to_owned(), milliseconds(timeout));
    }
    if let Some(endpoint) = &flow.job.endpoint {
        with.insert("endpoint".to_owned(), endpoint.as_str().into());
    }
    if !flow.job.input.is_empty() {
        let input = flow.job.input.iter().map(|path| Value::from(path.to_string_lossy())).collect();
        with.insert("input".to_owned(), input);
    }
    if let Some(output) = &flow.job.output {
        with.insert("output".to_owned(), output.to_string_lossy().into());
    }
    for (key, count) in [("top_k", flow.job.top_k), ("request_size", flow.job.request_size)] {
        if let Some(count) = count {
            with.insert(key.to_owned(), count.into());
        }
    }
    let executors: Vec<Value> = flow.pods.iter().map(pod).collect();
    let document = json!({ "jtype": "Flow", "version": "1", "with": with, "executors": executors });
    serde_yaml::to_string(&document).unwrap_or_default()
}

fn milliseconds(time: Duration) -> Value {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into()
}

fn pod(pod: &PodSpec) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    };
    put("name", Some(pod.name.value.as_str().into()));
    let method = match (&pod.needs, pod.is_inspect) {
        (Needs::AllLeaves, _) => Some("needs_all"),
        (_, true) => Some("inspect"),
        _ => None,
    };
    put("method", method.map(Value::from));
    put(
        "needs",
        match &pod.needs {
            Needs::Named(names) => Some(names.iter().map(|name| Value::from(name.value.as_str())).collect()),
            Needs::Previous | Needs::AllLeaves => None,
        },
    );
    put(
        "uses",
        match pod.join {
            Join::Merge | Join::Append => Some(executor(&pod.executor.value)),
            Join::ConcatenateEmbeddings => Some("_concat".into()),
        },
    );
    put("uses_before", pod.uses_before.as_ref().map(|before| executor(&before.value)));
    put("uses_after", pod.uses_after.as_ref().map(|after| executor(&after.value)));
    put("replicas", (pod.replicas > 1).then(|| pod.replicas.into()));
    put("shards", (pod.shards > 1).then(|| pod.shards.into()));
    let polling = pod.shards > 1 && pod.polling != PollingTable::default();
    put("polling", polling.then(|| pod.polling.to_json()));
    let strategy = pod.shards > 1 && pod.strategy.value != Strategy::Hash;
    put("strategy", strategy.then(|| pod.strategy.to_json()));
    put("no_reduce", (pod.join == Join::Append).then(|| true.into()));
    put("when", pod.when.as_ref().map(|when| when.written.clone()));
    put("timeout_send", pod.timeout_send.map(milliseconds));
    put("floating", pod.floating.then(|| true.into()));
    put("external", pod.remote_unsupported.is_some().then(|| true.into()));
    put("workspace", pod.workspace.as_ref().map(|path| path.to_string_lossy().into()));
    put("read_only", pod.read_only.then(|| true.into()));
    let timeout_ready = pod.timeout_ready.map_or_else(|| Value::from(-1), milliseconds);
    put("timeout_ready", (pod.timeout_ready != Some(READY_TIMEOUT_DEFAULT)).then_some(timeout_ready));
    put("concurrency", (pod.concurrency != CONCURRENCY_DEFAULT).then(|| pod.concurrency.into()));
    put("env", (!pod.env.written.is_empty()).then(|| Value::Object(pod.env.written.clone())));
    put("python", pod.python.as_ref().map(|python| python.written.value.as_str().into()));
    put("uses_dynamic_batching", (!pod.batching.is_empty()).then(|| pod.batching.to_json()));
    put("isolate", pod.isolate.then(|| "process".into()));
    Value::Object(object)
}

fn executor(executor: &Uses) -> Value {
    match executor {
        Uses::Unresolved { written, .. } | Uses::Broken { written } => written.as_str().into(),
        Uses::Class(spec) if is_plain(spec) => spec.class.value.as_str().into(),
        Uses::Class(spec) => described(spec),
    }
}

/// Whether the class says everything.
fn is_plain(spec: &ExecutorSpec) -> bool {
    spec.with.values.is_empty()
        && spec.name == spec.class.value
        && spec.workspace.is_none()
        && spec.py_modules.is_empty()
        && !spec.read_only
        && (spec.libraries.is_empty() || spec.names_library_file())
        && spec.libraries.iter().all(|library| library.sha256.is_none())
        && spec.components.is_empty()
        && spec.requests.handlers.is_empty()
        && spec.batching.is_empty()
}

fn described(spec: &ExecutorSpec) -> Value {
    let mut object = Map::new();
    object.insert("jtype".to_owned(), spec.class.value.as_str().into());
    if !spec.with.written.is_empty() {
        object.insert("with".to_owned(), Value::Object(spec.with.written.clone()));
    }
    let mut metas = Map::new();
    if spec.name != spec.class.value {
        metas.insert("name".to_owned(), spec.name.as_str().into());
    }
    if let Some(workspace) = &spec.workspace {
        metas.insert("workspace".to_owned(), workspace.to_string_lossy().into());
    }
    if !spec.py_modules.is_empty() {
        let written = |module: &PythonModule| Value::from(module.written.value.as_str());
        metas.insert("py_modules".to_owned(), spec.py_modules.iter().map(written).collect());
    }
    let libraries = spec.libraries.iter().map(|library| Value::from(library.path.to_string_lossy()));
    if !spec.libraries.is_empty() && !spec.names_library_file() {
        metas.insert("plugins".to_owned(), libraries.collect());
    }
    let hashes = spec.libraries.iter().filter_map(|library| library.sha256.as_ref());
    let hashes: Vec<Value> = hashes.map(|hash| hash.value.as_str().into()).collect();
    if !hashes.is_empty() {
        metas.insert("sha256".to_owned(), hashes.into());
    }
    if spec.read_only {
        metas.insert("read_only".to_owned(), true.into());
    }
    if !metas.is_empty() {
        object.insert("metas".to_owned(), Value::Object(metas));
    }
    if !spec.components.is_empty() {
        object.insert("components".to_owned(), spec.components.iter().map(described).collect());
    }
    if !spec.requests.handlers.is_empty() {
        object.insert("requests".to_owned(), programs(spec));
    }
    if !spec.batching.is_empty() {
        object.insert("dynamic_batching".to_owned(), spec.batching.to_json());
    }
    Value::Object(object)
}

/// The programs as lists of calls: `component /endpoint @paths`.
fn programs(spec: &ExecutorSpec) -> Value {
    let step = |step: &super::Step| {
        let target = match &step.target {
            StepTarget::Component(position) => {
                spec.components.get(*position).map_or(spec.name.as_str(), |c| c.name.as_str())
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
    let program = |program: &super::Handler| {
        let endpoints =
            if program.endpoints.is_empty() { "*".to_owned() } else { program.endpoints.join(", ") };
        (endpoints, program.steps.iter().map(|one| Value::from(step(one))).collect())
    };
    Value::Object(spec.requests.handlers.iter().map(program).collect())
}
