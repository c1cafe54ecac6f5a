//! Reads flows of Jina 2 and 3, and Deployments.

use super::choices::{Inspect, Method};
use super::executor::Uses;
use super::fields::Fields;
use super::flow::FlowSpec;
use super::key::{Count, Key};
use super::keys::{
    DEPLOYMENT, EXECUTORS, EXTERNAL, GATEWAY, INSPECT, MODERN_EXECUTOR, MODERN_FLOW, MODERN_TOP, NAME,
    NO_REDUCE, POLLING, REPLICAS, SHARDS, TIMEOUT_SEND, USES_METAS, USES_REQUESTS, USES_WITH, WHEN, WITH,
};
use super::pod::{self, Defaults, Join, Needs, PodExecutor, PodSpec};
use super::polling::PollingTable;
use super::reader::Reader;
use super::{condition, executor_yaml, path, remote, settings};
use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use crate::yaml::{self, Mapping, Node};

/// Reads the flow `root`.
pub(super) fn flow(root: &Node, reader: &mut Reader<'_>) -> FlowSpec {
    let top = reader.fields_of(Some(root), &MODERN_TOP);
    settings::check_version(&top, reader);
    let merged = merged(top.get(&GATEWAY), top.get(&WITH));
    let with = reader.fields(&merged, &MODERN_FLOW);
    let mut flow = settings::flow(&with, root.span, reader);
    let Some(node) = top.get(&EXECUTORS) else { return flow };
    let Some(items) = node.sequence() else {
        let message = format!("`executors` must be a list, but is {}", node.kind());
        reader.report.push(Diagnostic::at(Code::WrongType, node.span, message));
        return flow;
    };
    for item in items {
        add_executor(item, &with, &mut flow, reader);
    }
    remote::note_flow(&flow, &with, reader);
    flow
}

/// Reads the Deployment `root`: a flow of one executor.
pub(super) fn deployment(root: &Node, reader: &mut Reader<'_>) -> FlowSpec {
    let top = reader.fields_of(Some(root), &MODERN_TOP);
    settings::check_version(&top, reader);
    let fields = reader.fields_of(top.get(&WITH), &DEPLOYMENT);
    let mut flow = settings::flow(&fields, root.span, reader);
    let mut pod = read_pod(root.span, &fields, &Fields::default(), &flow, None, reader);
    if remote::is_external(&fields) {
        // `host` and `port` are those of the gateway here.
        let span = fields.key_span(&EXTERNAL).unwrap_or(root.span);
        let message =
            "a Deployment in its own file is served by flowrun, so it cannot be external; write a Flow";
        pod.remote_unsupported = Some(Spanned::new(message.to_owned(), span));
    }
    flow.add_pod(pod, reader.report);
    flow
}

/// Merges two mappings; the entries of the first win.
fn merged(first: Option<&Node>, second: Option<&Node>) -> Mapping {
    let mut merged = first.and_then(Node::mapping).cloned().unwrap_or_default();
    for (key, value) in second.and_then(Node::mapping).into_iter().flat_map(Mapping::iter) {
        if key.text().is_none_or(|name| merged.get(name).is_none()) {
            merged.0.push((key.clone(), value.clone()));
        }
    }
    merged
}

/// Adds an item of `executors:`: a mapping, a Deployment, or the path of one.
fn add_executor(item: &Node, with: &Fields<'_>, flow: &mut FlowSpec, reader: &mut Reader<'_>) {
    let loaded = item.scalar().and_then(|scalar| {
        let found = path::find(scalar, item.span, reader.sources, reader.report)?;
        yaml::load(&found, reader.environment, reader.sources, reader.report)
    });
    let item = loaded.as_ref().unwrap_or(item);
    let Some(mut mapping) = item.mapping() else {
        let message = format!(
            "an executor must be a mapping or the path of a Deployment's YAML, but is {}",
            item.kind()
        );
        reader.report.push(Diagnostic::at(Code::WrongType, item.span, message));
        return;
    };
    if item.class().is_some_and(|class| class.value == "Deployment") {
        let Some(inner) = mapping.get(WITH.name().as_str()).and_then(Node::mapping) else {
            let message = "the Deployment has no `with:`";
            let help = "write `name`, `uses`, … under `with:`";
            reader.report.push(Diagnostic::at(Code::MissingKey, item.span, message).help(help));
            return;
        };
        mapping = inner;
    }
    let fields = reader.fields(mapping, &MODERN_EXECUTOR);
    if fields.get(&NAME).is_some_and(|name| name.value == "gateway") {
        return;
    }
    let (method, inspect) = (pod::method(&fields), with.get(&INSPECT));
    if method == Method::GatherInspect || (method == Method::Inspect && inspect == Some(Inspect::Remove)) {
        return;
    }
    let external = remote::is_external(&fields).then(|| remote::external(&fields, item.span, reader));
    let pod = read_pod(item.span, &fields, with, flow, external, reader);
    remote::note_local(&pod, &fields, reader);
    flow.add_pod(pod, reader.report);
}

/// Reads a pod. `external` is its executor, if that is remote by `external: true`.
fn read_pod(
    span: Span,
    fields: &Fields<'_>,
    with: &Fields<'_>,
    flow: &FlowSpec,
    external: Option<Spanned<Uses>>,
    reader: &mut Reader<'_>,
) -> PodSpec {
    let method = pod::method(fields);
    let name = match fields.get(&NAME) {
        Some(name) => pod::check_name(name, reader),
        None => Spanned::new(default_name(method, flow), span),
    };
    let is_remote = external.is_some() || remote::is_address(fields);
    let mut executor = match external {
        Some(external) => PodExecutor::new(external),
        None => pod::executor(fields, name.span, reader),
    };
    if !is_remote && let Uses::Class(spec) = &mut executor.executor.value {
        let (metas, requests) = (fields.get(&USES_METAS), fields.get(&USES_REQUESTS));
        executor_yaml::override_with(spec, fields.get(&USES_WITH), metas, requests, reader);
    }
    let mut pod = pod::read(name, executor, fields, &Defaults::of(with), reader);
    if method == Method::NeedsAll {
        pod.needs = Needs::AllLeaves;
    }
    if fields.get(&NO_REDUCE) == Some(true) {
        pod.join = Join::Append;
    }
    pod.when = condition::read(fields.get(&WHEN), reader);
    pod.is_inspect = method == Method::Inspect;
    pod.floating |= pod.is_inspect && with.get(&INSPECT) == Some(Inspect::Hang);
    let count = |key: &Key<Count>| fields.get(key).or_else(|| with.get(key)).map_or(1, |count| count.value);
    pod.replicas = count(&REPLICAS);
    pod.shards = count(&SHARDS);
    if let Some(node) = fields.get(&POLLING).or_else(|| with.get(&POLLING)) {
        pod.polling = PollingTable::read(node, reader.report);
    }
    pod.timeout_send = fields.get(&TIMEOUT_SEND).or_else(|| with.get(&TIMEOUT_SEND)).flatten();
    remote::pass_parameters(&mut pod, is_remote, fields, with, reader);
    pod
}

/// Jina's name of an executor without one.
fn default_name(method: Method, flow: &FlowSpec) -> String {
    match method {
        Method::Needs | Method::NeedsAll => flow.joiner_name(),
        _ => flow.unused_name("executor"),
    }
}
