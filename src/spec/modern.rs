//! Flows of Jina 2 and 3, and Deployments.

use super::executor::Uses;
use super::fields::Fields;
use super::flow::{FlowSpec, Join, Needs, PodSpec};
use super::keys::{DEPLOYMENT_PLACE, MODERN_EXECUTOR_PLACE, MODERN_FLOW_PLACE, MODERN_TOP_PLACE};
use super::pod::{self, Defaults, Method};
use super::polling::PollingTable;
use super::reader::Reader;
use super::{condition, executor_yaml, path, remote, settings};
use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use crate::yaml::{self, Mapping, Node};

/// The flow that `root` describes.
pub(super) fn flow(root: &Node, reader: &mut Reader<'_>) -> FlowSpec {
    let top = reader.fields_of(Some(root), &MODERN_TOP_PLACE);
    settings::version(top.node("version"), reader);
    // The gateway's settings are the flow's, and win.
    let merged = merged(top.node("gateway"), top.node("with"));
    let with = reader.fields(&merged, &MODERN_FLOW_PLACE);
    let mut flow = settings::flow(&with, root.span, reader);
    let Some(node) = top.node("executors") else { return flow };
    let Some(items) = node.sequence() else {
        let message = format!("`executors` must be a list, but is {}", node.kind());
        reader.report.push(Diagnostic::at(Code::WrongType, node.span, message));
        return flow;
    };
    for item in items {
        add(item, &with, &mut flow, reader);
    }
    remote::settle_flow(&flow, &with, reader);
    flow
}

/// The flow of one executor that a Deployment is.
pub(super) fn deployment(root: &Node, reader: &mut Reader<'_>) -> FlowSpec {
    let top = reader.fields_of(Some(root), &MODERN_TOP_PLACE);
    settings::version(top.node("version"), reader);
    let fields = reader.fields_of(top.node("with"), &DEPLOYMENT_PLACE);
    let mut flow = settings::flow(&fields, root.span, reader);
    let mut pod = pod(root.span, &fields, &Fields::default(), &flow, None, reader);
    if remote::is_external(&fields) {
        // Its `host` and `port` are those of the gateway here.
        let span = fields.key_span("external").unwrap_or(root.span);
        let message = "a Deployment in a file of its own is served, so it cannot run elsewhere; write a Flow";
        pod.remote_unsupported = Some(Spanned::new(message.to_owned(), span));
    }
    pod::add(pod, &mut flow, reader);
    flow
}

/// Two mappings as one; the entries of the first win.
fn merged(first: Option<&Node>, second: Option<&Node>) -> Mapping {
    let mut merged = first.and_then(Node::mapping).cloned().unwrap_or_default();
    for (key, value) in second.and_then(Node::mapping).into_iter().flat_map(Mapping::iter) {
        if key.text().is_none_or(|name| merged.get(name).is_none()) {
            merged.0.push((key.clone(), value.clone()));
        }
    }
    merged
}

/// Adds what an item of `executors:` describes: a mapping, a Deployment, or the path of one.
fn add(item: &Node, with: &Fields<'_>, flow: &mut FlowSpec, reader: &mut Reader<'_>) {
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
        let Some(inner) = mapping.get("with").and_then(Node::mapping) else {
            let message = "this Deployment has no `with:` that says what it runs";
            let help = "write name, uses, … below `with:`";
            reader.report.push(Diagnostic::at(Code::MissingKey, item.span, message).help(help));
            return;
        };
        mapping = inner;
    }
    let fields = reader.fields(mapping, &MODERN_EXECUTOR_PLACE);
    if fields.text("name").is_some_and(|name| name.value == "gateway") {
        return;
    }
    let remove = with.text("inspect").is_some_and(|word| word.eq_ignore_ascii_case("REMOVE"));
    match Method::of(&fields) {
        Method::GatherInspect => return,
        Method::Inspect if remove => return,
        _ => {}
    }
    let external = remote::is_external(&fields).then(|| remote::external(&fields, item.span, reader));
    let pod = pod(item.span, &fields, with, flow, external, reader);
    remote::note_idle(&pod, &fields, reader);
    pod::add(pod, flow, reader);
}

/// The pod of these fields, running `external` if that is given.
fn pod(
    span: Span,
    fields: &Fields<'_>,
    with: &Fields<'_>,
    flow: &FlowSpec,
    external: Option<Spanned<Uses>>,
    reader: &mut Reader<'_>,
) -> PodSpec {
    let method = Method::of(fields);
    let name = match fields.text("name") {
        Some(name) => settings::pod_name(name, reader),
        None => Spanned::new(default_name(method, flow), span),
    };
    let elsewhere = external.is_some() || remote::is_address(fields);
    let mut executor = match external {
        Some(external) => (external, Join::Merge),
        None => pod::executor(fields, name.span, reader),
    };
    if !elsewhere && let Uses::Class(spec) = &mut executor.0.value {
        let (metas, requests) = (fields.node("uses_metas"), fields.node("uses_requests"));
        executor_yaml::override_with(spec, fields.node("uses_with"), metas, requests, reader);
    }
    let mut pod = pod::read(name, executor, fields, &Defaults::of(with), reader);
    if method == Method::NeedsAll {
        pod.needs = Needs::AllLeaves;
    }
    if fields.flag("no_reduce") == Some(true) {
        pod.join = Join::Append;
    }
    pod.when = condition::read(fields.node("when"), reader);
    let hang = with.text("inspect").is_some_and(|word| word.eq_ignore_ascii_case("HANG"));
    pod.is_inspect = method == Method::Inspect;
    pod.floating |= pod.is_inspect && hang;
    let count = |key| fields.count(key).or_else(|| with.count(key)).map_or(1, |count| count.value);
    pod.replicas = count("replicas");
    pod.shards = count("shards");
    if let Some(node) = fields.node("polling").or_else(|| with.node("polling")) {
        pod.polling = PollingTable::read(node, reader.report);
    }
    pod.timeout_send =
        fields.milliseconds("timeout_send").or_else(|| with.milliseconds("timeout_send")).flatten();
    remote::pass_on(&mut pod, elsewhere, fields, with, reader);
    pod
}

/// The name of an executor that has none: Jina's.
fn default_name(method: Method, flow: &FlowSpec) -> String {
    match method {
        Method::Needs | Method::NeedsAll => {
            let taken = flow.pods.iter().any(|pod| pod.name.value == "joiner");
            if taken { pod::unused("joiner", flow) } else { "joiner".to_owned() }
        }
        _ => pod::unused("executor", flow),
    }
}
