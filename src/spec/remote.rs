//! Pods that run elsewhere: `external: true` with `host` and `port`, and `uses: grpc://HOST:PORT`. Both become an
//! executor of ours that calls what is there.

use serde_json::Value;

use super::executor::{Parameters, Uses};
use super::fields::Fields;
use super::flow::{FlowSpec, PodSpec};
use super::reader::Reader;
use super::uses;
use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use crate::yaml::{Node, Scalar};

/// The executor that calls one that runs elsewhere.
pub(super) const REMOTE: &str = "RemoteExecutor";

/// Keys of a pod that say how one elsewhere is called, and the parameters that they are.
const KEYS: [(&str, &str); 6] = [
    ("tls", "tls"),
    ("ca", "ca"),
    ("grpc_metadata", "metadata"),
    ("retries", "retries"),
    ("timeout_send", "timeout_send"),
    ("schema", "schema"),
];

/// Those that a flow may say for all of its pods.
const INHERITED: [&str; 3] = ["grpc_metadata", "retries", "timeout_send"];

/// Keys that mean nothing at a pod that runs here.
const ELSEWHERE_ALONE: [&str; 7] = ["host", "port", "tls", "ca", "grpc_metadata", "retries", "schema"];

/// Keys that mean nothing at a pod that runs elsewhere, which has its own.
const HERE_ALONE: [&str; 10] = [
    "uses_with",
    "uses_metas",
    "uses_requests",
    "replicas",
    "shards",
    "polling",
    "strategy",
    "workspace",
    "read_only",
    "isolate",
];

/// Whether a pod says that it runs elsewhere.
pub(super) fn is_external(fields: &Fields<'_>) -> bool {
    fields.flag("external") == Some(true)
}

/// Whether what a pod uses is an address.
pub(super) fn is_address(fields: &Fields<'_>) -> bool {
    let scheme = |text: &str| text.starts_with("grpc://") || text.starts_with("grpcs://");
    fields.text("uses").is_some_and(|uses| scheme(uses.trim()))
}

/// Whether an executor is called elsewhere.
pub(super) fn is_remote(executor: &Uses) -> bool {
    matches!(executor, Uses::Class(spec) if spec.class.value == REMOTE)
}

/// The executor of a pod that says `external: true`, from its `host` and `port`.
pub(super) fn external(fields: &Fields<'_>, pod: Span, reader: &mut Reader<'_>) -> Spanned<Uses> {
    let key = fields.key_span("external").unwrap_or(pod);
    let span =
        [fields.node("host"), fields.node("port")].into_iter().flatten().next().map_or(key, |n| n.span);
    let (hosts, ports) = (scalars(fields.node("host")), scalars(fields.node("port")));
    fn text(scalar: &&Scalar) -> String {
        scalar.text.clone()
    }
    fn written(scalar: &&Scalar) -> String {
        scalar.written.clone()
    }
    let join =
        |list: &[&Scalar], of: fn(&&Scalar) -> String| list.iter().map(of).collect::<Vec<_>>().join(",");
    let found = addresses(&join(&hosts, text), &join(&ports, text));
    let found = found.unwrap_or_else(|(message, help)| {
        reader.report.push(Diagnostic::at(Code::MissingKey, span, message).help(help));
        Vec::new()
    });
    if found.is_empty() {
        let written = reader.sources.slice(key).to_owned();
        return Spanned::new(Uses::Broken { written }, span);
    }
    let shown = addresses(&join(&hosts, written), &join(&ports, written)).unwrap_or_default();
    if let Some(uses) = fields.key_span("uses") {
        let message = "`uses` has no effect: the executor runs elsewhere, as `external` says";
        reader.report.push(Diagnostic::at(Code::WithoutEffect, uses, message));
    }
    Spanned::new(at(found, shown, key, span, reader), span)
}

/// The executor that calls what is served at these addresses.
pub(super) fn at(
    addresses: Vec<String>,
    written: Vec<String>,
    key: Span,
    value: Span,
    reader: &Reader<'_>,
) -> Uses {
    let mut executor = uses::class(REMOTE, value, reader);
    if let Uses::Class(spec) = &mut executor {
        put(&mut spec.with, "addresses", (key, value), addresses.into(), written.into());
    }
    executor
}

fn put(arguments: &mut Parameters, name: &str, places: (Span, Span), value: Value, written: Value) {
    arguments.values.insert(name.to_owned(), value);
    arguments.written.insert(name.to_owned(), written);
    arguments.spans.insert(name.to_owned(), places);
}

fn scalars(node: Option<&Node>) -> Vec<&Scalar> {
    let Some(node) = node else { return Vec::new() };
    match node.sequence() {
        Some(items) => items.iter().filter_map(Node::scalar).collect(),
        None => node.scalar().into_iter().collect(),
    }
}

/// The addresses that hosts and ports are, each a list with commas between: a host may have its port with it.
/// Otherwise there is a port for each host, one port for all, or one host for all ports.
fn addresses(hosts: &str, ports: &str) -> Result<Vec<String>, (String, &'static str)> {
    const WRITE: &str = "write `host: HOST` and `port: PORT`, or `host: 'grpc://HOST:PORT'`";
    let list = |text: &str| -> Vec<String> {
        // A variable may hold a list in brackets, in which an address of IP stands as well.
        let inner = text.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let text = inner.filter(|inner| inner.parse::<std::net::Ipv6Addr>().is_err()).unwrap_or(text);
        text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
    };
    let (mut hosts, ports) = (list(hosts), list(ports));
    if hosts.is_empty() {
        // Jina's default, which is this machine for those who call.
        hosts.push("0.0.0.0".to_owned());
    }
    let bare = hosts.iter().filter(|host| !has_port(host)).count();
    match (hosts.len(), bare, ports.len()) {
        (_, 0, _) => Ok(hosts),
        (_, _, 0) => Err(("nothing says at which port the executor elsewhere listens".to_owned(), WRITE)),
        (1, 1, _) => {
            Ok(ports.iter().flat_map(|port| hosts.iter().map(move |host| with_port(host, port))).collect())
        }
        (_, bare, count) if count == 1 || count == bare => {
            let mut ports = ports.iter().cycle();
            let address = |host: &String| match has_port(host) {
                true => host.clone(),
                false => with_port(host, ports.next().map_or("", String::as_str)),
            };
            Ok(hosts.iter().map(address).collect())
        }
        (_, bare, count) => Err((
            format!("`host` names {bare} places without a port, and `port` names {count}"),
            "write as many ports as hosts, or one for all",
        )),
    }
}

fn with_port(host: &str, port: &str) -> String {
    format!("{}:{port}", host.trim_end_matches('/'))
}

fn has_port(host: &str) -> bool {
    let place = host.split_once("://").map_or(host, |(_, place)| place);
    let place = place.rsplit(']').next().unwrap_or(place);
    place.contains(':')
}

/// Hands the keys of a pod that runs elsewhere on to the executor that calls it.
pub(super) fn pass_on(
    pod: &mut PodSpec,
    elsewhere: bool,
    fields: &Fields<'_>,
    flow: &Fields<'_>,
    reader: &mut Reader<'_>,
) {
    let Uses::Class(spec) = &mut pod.executor.value else { return };
    if spec.class.value != REMOTE {
        return;
    }
    // It holds for each attempt of a call, not for all of them.
    pod.timeout_send = None;
    let schema = reader.dialect.schema();
    for (key, parameter) in KEYS {
        let of_flow = || INHERITED.contains(&key).then(|| flow.entry(key)).flatten();
        let Some((name, value)) = fields.entry(key).or_else(of_flow) else { continue };
        if spec.with.values.contains_key(parameter) {
            continue;
        }
        let (json, written) = match (key, reader.path(Some(value))) {
            // Where it stands says what it is relative to.
            ("ca", Some(path)) => (path.to_string_lossy().into(), value.to_written_json(schema)),
            _ => (value.to_json(schema), value.to_written_json(schema)),
        };
        put(&mut spec.with, parameter, (name.span, value.span), json, written);
    }
    if elsewhere {
        note(&HERE_ALONE, "the executor runs elsewhere, and has its own", fields, reader);
        (pod.replicas, pod.shards, pod.isolate) = (1, 1, false);
    }
}

/// Notes what a pod says that means nothing where it runs.
pub(super) fn note_idle(pod: &PodSpec, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    if !is_remote(&pod.executor.value) && !is_external(fields) {
        note(&ELSEWHERE_ALONE, "it concerns executors that run elsewhere (`external: true`)", fields, reader);
    }
}

fn note(keys: &[&str], reason: &str, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    for (key, span) in keys.iter().filter_map(|key| Some((key, fields.key_span(key)?))) {
        let message = format!("`{key}` has no effect: {reason}");
        reader.report.push(Diagnostic::at(Code::WithoutEffect, span, message));
    }
}

/// Notes what a flow says for pods elsewhere when it has none.
pub(super) fn settle_flow(spec: &FlowSpec, with: &Fields<'_>, reader: &mut Reader<'_>) {
    if !spec.pods.iter().any(|pod| is_remote(&pod.executor.value)) {
        let keys = ["grpc_metadata", "retries"];
        note(&keys, "no executor of this flow runs elsewhere (`external: true`)", with, reader);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_make_addresses_as_in_jina() {
        for (hosts, ports, expected) in [
            ("", "1", vec!["0.0.0.0:1"]),
            ("a", "1", vec!["a:1"]),
            ("a", "1,2", vec!["a:1", "a:2"]),
            ("a,b", "1", vec!["a:1", "b:1"]),
            ("a,b", "1,2", vec!["a:1", "b:2"]),
            ("grpcs://a:5", "", vec!["grpcs://a:5"]),
            ("grpc://a, b:2", "3", vec!["grpc://a:3", "b:2"]),
            ("a:1,b:2", "9", vec!["a:1", "b:2"]),
            ("[::1]", "4", vec!["[::1]:4"]),
        ] {
            let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(addresses(hosts, ports), Ok(expected), "{hosts} {ports}");
        }
        assert!(addresses("a", "").unwrap_err().0.contains("at which port"));
        assert!(addresses("a,b,c", "1,2").unwrap_err().0.contains("3 places without a port"));
    }
}
