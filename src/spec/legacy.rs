//! Reads flows of Jina 0.x, whose pods are a mapping, and of 1.x, whose pods are a list.

use super::choices::{Inspect, Method};
use super::dialect::Dialect;
use super::fields::Fields;
use super::flow::FlowSpec;
use super::keys::{
    ENV, FLOW_METAS, HOST, IMAGE, INSPECT, LEGACY_FLOW, LEGACY_POD, LEGACY_TOP, NAME, PARALLEL, PODS,
    POLLING, REPLICAS, SEPARATED_WORKSPACE, USES, USES_AFTER, WITH,
};
use super::pod::{self, Defaults, Needs, PodExecutor, PodSpec};
use super::polling::{Polling, PollingTable};
use super::reader::Reader;
use super::reducer::Reducer;
use super::{settings, uses};
use crate::diagnostic::{Code, Diagnostic, Spanned};
use crate::yaml::Node;

/// Reads the flow `root`.
pub(super) fn flow(root: &Node, reader: &mut Reader<'_>) -> FlowSpec {
    let top = reader.fields_of(Some(root), &LEGACY_TOP);
    settings::check_version(&top, reader);
    note_misplaced(top.get(&FLOW_METAS), reader);
    let with = reader.fields_of(top.get(&WITH), &LEGACY_FLOW);
    let mut flow = settings::flow(&with, root.span, reader);
    let mut defaults = Defaults::of(&with);
    // Jina 1.x has `env` at the top level.
    defaults.env = defaults.env.or(top.get(&ENV));
    let inspect = with.get(&INSPECT).unwrap_or_default();
    for (name, body) in entries(top.get(&PODS)) {
        let Some(mapping) = body.mapping() else {
            let message = format!("a pod must be a mapping, but is {}", body.kind());
            let span = name.map_or(body.span, |name| name.span);
            reader.report.push(Diagnostic::at(Code::WrongType, span, message).help("write `{uses: …}`"));
            continue;
        };
        let fields = reader.fields(mapping, &LEGACY_POD);
        let name =
            name.and_then(|name| Some(Spanned::new(name.text()?, name.span))).or_else(|| fields.get(&NAME));
        if name.is_some_and(|name| name.value == "gateway") {
            continue;
        }
        let method = pod::method(&fields);
        if method == Method::GatherInspect || (method == Method::Inspect && inspect == Inspect::Remove) {
            continue;
        }
        let name = match name {
            Some(name) => pod::check_name(name, reader),
            None => Spanned::new(default_name(method, &flow), body.span),
        };
        let pod = read_pod(name, method, &fields, &defaults, reader);
        flow.add_pod(pod, reader.report);
    }
    flow
}

/// Jina's name of a pod without one.
fn default_name(method: Method, flow: &FlowSpec) -> String {
    match method {
        Method::Needs | Method::NeedsAll => flow.joiner_name(),
        _ => flow.unused_name("pod"),
    }
}

/// The pods of either form: the key that names the pod, in a mapping, and its body.
fn entries(pods: Option<&Node>) -> Vec<(Option<&Node>, &Node)> {
    let Some(pods) = pods else { return Vec::new() };
    match (pods.mapping(), pods.sequence()) {
        (Some(mapping), _) => mapping.iter().map(|(name, body)| (Some(name), body)).collect(),
        (None, Some(items)) => items.iter().map(|body| (None, body)).collect(),
        (None, None) => Vec::new(),
    }
}

/// Reports the keys under a flow's `metas:`, which Jina does not read. The help for a known key is to move it under `with:`.
fn note_misplaced(metas: Option<&Node>, reader: &mut Reader<'_>) {
    for (key, _) in metas.and_then(Node::mapping).into_iter().flat_map(|mapping| mapping.iter()) {
        let name = key.key_text();
        let message = format!("`{name}` has no effect under the flow's `metas:`");
        let diagnostic = Diagnostic::at(Code::MisplacedKey, key.span, message);
        let known = LEGACY_FLOW.find(&name).is_some();
        let help = known.then(|| format!("move `{name}` under `with:`"));
        reader.report.push(diagnostic.maybe_help(help));
    }
}

fn read_pod(
    name: Spanned<String>,
    method: Method,
    fields: &Fields<'_>,
    defaults: &Defaults<'_>,
    reader: &mut Reader<'_>,
) -> PodSpec {
    let image = fields.get(&IMAGE);
    let executor = match image {
        Some(image) if fields.node(&USES).is_none() => PodExecutor::new(uses::image(image, reader)),
        _ => {
            note_ignored_image(fields, image, reader);
            pod::executor(fields, name.span, reader)
        }
    };
    let mut pod = pod::read(name, executor, fields, defaults, reader);
    if method == Method::NeedsAll {
        pod.needs = Needs::AllLeaves;
    }
    pod.is_inspect = method == Method::Inspect;
    pod.remote_unsupported = remote_unsupported(fields);
    read_copies(&mut pod, fields, reader);
    pod
}

/// Notes an image in addition to an executor. Jina runs the executor in a container of the image.
fn note_ignored_image(fields: &Fields<'_>, image: Option<Spanned<&str>>, reader: &mut Reader<'_>) {
    if let (Some(image), Some(uses)) = (image, fields.key_span(&USES)) {
        let message = "`image` has no effect together with `uses`: flowrun does not run containers";
        let diagnostic = Diagnostic::at(Code::WithoutEffect, image.span, message);
        reader.report.push(diagnostic.label(uses, "this executor is used"));
    }
}

/// The reason why a pod on another machine cannot be called; `None` for a local pod.
fn remote_unsupported(fields: &Fields<'_>) -> Option<Spanned<String>> {
    let host = fields.get(&HOST)?;
    let local = matches!(host.value, "" | "0.0.0.0" | "127.0.0.1" | "localhost" | "::1");
    (!local).then(|| {
        host.map(|host| {
            format!(
                "the pod runs on `{host}` and uses the protocol of Jina 0.x, which flowrun does not support; an executor \
                 that serves Jina 3's gRPC is called with `uses: grpc://HOST:PORT`"
            )
        })
    })
}

/// Reads `replicas`, `parallel`, `polling` and `separated_workspace`.
///
/// Jina 0.x has one kind of copies. Copies with a workspace each, and copies that are polled `all`, are shards here; all
/// other copies are replicas. In the list form `parallel` are shards and `replicas` are replicas.
fn read_copies(pod: &mut PodSpec, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    let polling = fields.get(&POLLING);
    let word = polling.and_then(Node::text).map(str::to_ascii_uppercase);
    let all = word.is_some_and(|word| word.starts_with("ALL") || word == "RELEVANT");
    if let Some(node) = polling {
        pod.polling = PollingTable::read(node, reader.report);
    }
    let (replicas, parallel) = (fields.get(&REPLICAS), fields.get(&PARALLEL));
    let separated = fields.get(&SEPARATED_WORKSPACE) == Some(true);
    if reader.dialect == Dialect::List {
        pod.replicas = replicas.map_or(1, |count| count.value);
        pod.shards = parallel.map_or(1, |count| count.value);
        return;
    }
    let Some(count) = replicas.or(parallel) else { return };
    if all || separated {
        pod.shards = count.value;
    } else {
        pod.replicas = count.value;
    }
    if all && count.value > 1 && pod.polling.get("/search") == Polling::All {
        check_reducer(fields, reader);
    }
}

/// Reports shards polled `all` without a reducer that merges matches: Jina 0.x then keeps only the reply of the shard
/// that answers last.
fn check_reducer(fields: &Fields<'_>, reader: &mut Reader<'_>) {
    let uses_after = fields.node(&USES_AFTER);
    let reducer = uses_after.and_then(|node| Some(Spanned::new(node.text()?, node.span)));
    let loses = match reducer {
        None => true,
        Some(reducer) => Reducer::from_name(reducer.value) == Some(Reducer::LastPart),
    };
    let Some(polling) = fields.get(&POLLING).filter(|_| loses) else { return };
    let message = "every shard is searched, but nothing merges their matches";
    let mut missing = Diagnostic::at(Code::ReducerMissing, polling.span, message);
    if let Some(reducer) = reducer {
        missing = missing.label(reducer.span, "keeps only the reply that arrives last");
    }
    let help = "write `reducing_yaml_path: _merge_topk_chunks` (`uses_after:` in later versions); flowrun always merges by \
                score and cuts to top-k, also with --lenient";
    reader.report.push(missing.help(help));
}
