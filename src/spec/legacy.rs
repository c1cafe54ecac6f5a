//! Flows of Jina 0.x, whose pods are a mapping, and of 1.x, whose pods are a list.

use super::fields::Fields;
use super::flow::{FlowSpec, Join, Needs, PodSpec};
use super::keys::{LEGACY_FLOW_PLACE, LEGACY_POD_PLACE, LEGACY_TOP_PLACE};
use super::pod::{self, Defaults, Method, Reducer};
use super::polling::{Polling, PollingTable};
use super::reader::Reader;
use super::{Dialect, settings, uses};
use crate::diagnostic::{Code, Diagnostic, Spanned};
use crate::yaml::Node;

/// The flow that `root` describes.
pub(super) fn flow(root: &Node, reader: &mut Reader<'_>) -> FlowSpec {
    let top = reader.fields_of(Some(root), &LEGACY_TOP_PLACE);
    settings::version(top.node("version"), reader);
    misplaced(top.node("metas"), reader);
    let with = reader.fields_of(top.node("with"), &LEGACY_FLOW_PLACE);
    let mut flow = settings::flow(&with, root.span, reader);
    let defaults = Defaults::of(&with);
    let remove = with.text("inspect").is_some_and(|word| word.eq_ignore_ascii_case("REMOVE"));
    for (name, body) in entries(top.node("pods")) {
        let Some(mapping) = body.mapping() else {
            let message = format!("a pod must be a mapping, but is {}", body.kind());
            let span = name.map_or(body.span, |name| name.span);
            reader.report.push(Diagnostic::at(Code::WrongType, span, message).help("write `{uses: …}`"));
            continue;
        };
        let fields = reader.fields(mapping, &LEGACY_POD_PLACE);
        let name =
            name.and_then(|name| Some(Spanned::new(name.text()?, name.span))).or_else(|| fields.text("name"));
        if name.is_some_and(|name| name.value == "gateway") {
            continue;
        }
        let method = Method::of(&fields);
        if method == Method::GatherInspect || (method == Method::Inspect && remove) {
            continue;
        }
        let name = match name {
            Some(name) => settings::pod_name(name, reader),
            None => Spanned::new(pod::unused("pod", &flow), body.span),
        };
        let pod = pod(name, method, &fields, &defaults, reader);
        pod::add(pod, &mut flow, reader);
    }
    flow
}

/// The pods of either form: the key that names each, if it is a mapping, and what is said of it.
fn entries(pods: Option<&Node>) -> Vec<(Option<&Node>, &Node)> {
    let Some(pods) = pods else { return Vec::new() };
    match (pods.mapping(), pods.sequence()) {
        (Some(mapping), _) => mapping.iter().map(|(name, body)| (Some(name), body)).collect(),
        (None, Some(items)) => items.iter().map(|body| (None, body)).collect(),
        (None, None) => Vec::new(),
    }
}

/// Keys under `metas:` of a flow that mean something under `with:`. Jina reads none of them.
fn misplaced(metas: Option<&Node>, reader: &mut Reader<'_>) {
    for (key, _) in metas.and_then(Node::mapping).into_iter().flat_map(|mapping| mapping.iter()) {
        let name = key.key_text();
        let message = format!("`{name}` has no effect under the flow's `metas:`");
        let diagnostic = Diagnostic::at(Code::MisplacedKey, key.span, message);
        let known = LEGACY_FLOW_PLACE.find(&name).is_some();
        let help = known.then(|| format!("write `{name}` under `with:`"));
        reader.report.push(diagnostic.maybe_help(help));
    }
}

fn pod(
    name: Spanned<String>,
    method: Method,
    fields: &Fields<'_>,
    defaults: &Defaults<'_>,
    reader: &mut Reader<'_>,
) -> PodSpec {
    let image = fields.text("image");
    let executor = match image {
        Some(image) if fields.node("uses").is_none() => (uses::image(image, reader), Join::Merge),
        _ => {
            conflict(fields, image, reader);
            pod::executor(fields, name.span, reader)
        }
    };
    let mut pod = pod::read(name, executor, fields, defaults, reader);
    if method == Method::NeedsAll {
        pod.needs = Needs::AllLeaves;
    }
    pod.is_inspect = method == Method::Inspect;
    pod.remote_unsupported = elsewhere(fields);
    copies(&mut pod, fields, reader);
    pod
}

/// An image beside an executor: the executor runs inside the image's container in Jina, and alone here.
fn conflict(fields: &Fields<'_>, image: Option<Spanned<&str>>, reader: &mut Reader<'_>) {
    if let (Some(image), Some(uses)) = (image, fields.key_span("uses")) {
        let message = "`image` has no effect beside `uses`: containers are not run";
        reader
            .report
            .push(Diagnostic::at(Code::WithoutEffect, image.span, message).label(uses, "this one is taken"));
    }
}

/// A pod on another machine.
fn elsewhere(fields: &Fields<'_>) -> Option<Spanned<String>> {
    let host = fields.text("host")?;
    let here = matches!(host.value, "" | "0.0.0.0" | "127.0.0.1" | "localhost" | "::1");
    (!here).then(|| {
        host.map(|host| {
            format!(
                "pods on other machines (`{host}`) are those of Jina 0.x, which flowrun does not speak with; what speaks \
                 Jina 3's gRPC is called by `uses: grpc://HOST:PORT`"
            )
        })
    })
}

/// One mechanism of Jina 0.x is two of ours: copies with a workspace each, or polled `all`, are shards; others are
/// replicas. In the list form `parallel` are shards and `replicas` are replicas.
fn copies(pod: &mut PodSpec, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    let polling = fields.node("polling");
    let word = polling.and_then(Node::text).map(str::to_ascii_uppercase);
    let all = word.is_some_and(|word| word.starts_with("ALL") || word == "RELEVANT");
    if let Some(node) = polling {
        pod.polling = PollingTable::read(node, reader.report);
    }
    let (replicas, parallel) = (fields.count("replicas"), fields.count("parallel"));
    if reader.dialect == Dialect::List {
        pod.replicas = replicas.map_or(1, |count| count.value);
        pod.shards = parallel.map_or(1, |count| count.value);
        return;
    }
    let Some(count) = replicas.or(parallel) else { return };
    if all || fields.flag("separated_workspace") == Some(true) {
        pod.shards = count.value;
    } else {
        pod.replicas = count.value;
    }
    if all && count.value > 1 && pod.polling.get("/search") == Polling::All {
        check_reducer(fields, reader);
    }
}

/// Polled `all`, Jina 0.x keeps the reply of the shard that answers last, unless a reducer merges matches.
fn check_reducer(fields: &Fields<'_>, reader: &mut Reader<'_>) {
    let loses = match fields.text("uses_after") {
        None => true,
        Some(reducer) => Reducer::of(reducer.value) == Some(Reducer::Routes),
    };
    let polling = fields.node("polling").filter(|_| loses);
    let Some(polling) = polling else { return };
    let message = "every shard is asked, but nothing merges what they find";
    let mut missing = Diagnostic::at(Code::ReducerMissing, polling.span, message);
    if let Some(reducer) = fields.text("uses_after") {
        missing = missing.label(reducer.span, "this one keeps the reply that comes last");
    }
    let help = "write `reducing_yaml_path: _merge_topk_chunks` (`uses_after:` in later versions); flowrun merges by score \
                and cuts to top-k whatever the name, also with --lenient";
    reader.report.push(missing.help(help));
}
