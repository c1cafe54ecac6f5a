//! Remote executors: `external: true` with `host` and `port`, and `uses: grpc://HOST:PORT`.
//!
//! Both forms become the built-in executor that calls a remote one.

use serde_json::Value;

use super::executor::Uses;
use super::fields::Fields;
use super::flow::FlowSpec;
use super::key::KeyName;
use super::keys::{
    CA, EXTERNAL, GRPC_METADATA, ISOLATE, POLLING, PORT, READ_ONLY, REMOTE_HOST, REPLICAS, RETRIES, SCHEMA,
    SHARDS, STRATEGY, TIMEOUT_SEND, TLS, USES, USES_METAS, USES_REQUESTS, USES_WITH, WORKSPACE,
};
use super::pod::PodSpec;
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use crate::yaml::{Node, Scalar};

/// Keys of a pod that configure calls of a remote executor, and the parameters that they become.
const PARAMETERS: [(KeyName, &str); 6] = [
    (TLS.name(), "tls"),
    (CA.name(), "ca"),
    (GRPC_METADATA.name(), "metadata"),
    (RETRIES.name(), "retries"),
    (TIMEOUT_SEND.name(), "timeout_send"),
    (SCHEMA.name(), "schema"),
];

/// The keys of [`PARAMETERS`] that a flow may set for all of its pods.
const INHERITED: [KeyName; 3] = [GRPC_METADATA.name(), RETRIES.name(), TIMEOUT_SEND.name()];

/// Keys without effect in a pod that runs locally.
const REMOTE_ONLY: [KeyName; 7] = [
    REMOTE_HOST.name(),
    PORT.name(),
    TLS.name(),
    CA.name(),
    GRPC_METADATA.name(),
    RETRIES.name(),
    SCHEMA.name(),
];

/// Keys without effect in a pod whose executor is remote.
const LOCAL_ONLY: [KeyName; 10] = [
    USES_WITH.name(),
    USES_METAS.name(),
    USES_REQUESTS.name(),
    REPLICAS.name(),
    SHARDS.name(),
    POLLING.name(),
    STRATEGY.name(),
    WORKSPACE.name(),
    READ_ONLY.name(),
    ISOLATE.name(),
];

/// True if a pod sets `external: true`.
pub(super) fn is_external(fields: &Fields<'_>) -> bool {
    fields.get(&EXTERNAL) == Some(true)
}

/// True if the pod's `uses` is an address.
pub(super) fn is_address(fields: &Fields<'_>) -> bool {
    let scheme = |text: &str| text.starts_with("grpc://") || text.starts_with("grpcs://");
    fields.node(&USES).and_then(Node::text).is_some_and(|uses| scheme(uses.trim()))
}

/// The executor of a pod with `external: true`, from its `host` and `port`.
pub(super) fn external(fields: &Fields<'_>, pod: Span, reader: &mut Reader<'_>) -> Spanned<Uses> {
    let key = fields.key_span(&EXTERNAL).unwrap_or(pod);
    let (hosts, ports) = (fields.node(&REMOTE_HOST), fields.node(&PORT));
    let span = [hosts, ports].into_iter().flatten().next().map_or(key, |node| node.span);
    let (hosts, ports) = (scalars(hosts), scalars(ports));
    fn text(scalar: &&Scalar) -> String {
        scalar.text.clone()
    }
    fn written(scalar: &&Scalar) -> String {
        scalar.written.clone()
    }
    let join =
        |list: &[&Scalar], text: fn(&&Scalar) -> String| list.iter().map(text).collect::<Vec<_>>().join(",");
    let found = addresses(&join(&hosts, text), &join(&ports, text));
    let found = found.unwrap_or_else(|(message, help)| {
        reader.report.push(Diagnostic::at(Code::MissingKey, span, message).help(help));
        Vec::new()
    });
    if found.is_empty() {
        let written = reader.sources.slice(key).to_owned();
        return Spanned::new(Uses::Broken { written }, span);
    }
    let as_written = addresses(&join(&hosts, written), &join(&ports, written)).unwrap_or_default();
    if let Some(uses) = fields.key_span(&USES) {
        let message = "`uses` has no effect: with `external`, the executor is remote";
        reader.report.push(Diagnostic::at(Code::WithoutEffect, uses, message));
    }
    Spanned::new(Uses::remote(found, as_written, (key, span), reader.directory(span)), span)
}

fn scalars(node: Option<&Node>) -> Vec<&Scalar> {
    node.map(Node::items).unwrap_or_default().iter().filter_map(Node::scalar).collect()
}

/// The addresses of hosts and ports, each a list separated by commas. A host may include its port.
/// Otherwise there is one port per host, one port for all hosts, or one host for all ports.
fn addresses(hosts: &str, ports: &str) -> Result<Vec<String>, (String, &'static str)> {
    const WRITE: &str = "write `host: HOST` and `port: PORT`, or `host: 'grpc://HOST:PORT'`";
    let list = |text: &str| -> Vec<String> {
        // A variable may hold a list in brackets; so may an IPv6 address.
        let inner = text.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let text = inner.filter(|inner| inner.parse::<std::net::Ipv6Addr>().is_err()).unwrap_or(text);
        text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
    };
    let (mut hosts, ports) = (list(hosts), list(ports));
    if hosts.is_empty() {
        // Jina's default, which a client resolves to its own machine.
        hosts.push("0.0.0.0".to_owned());
    }
    let bare = hosts.iter().filter(|host| !has_port(host)).count();
    match (hosts.len(), bare, ports.len()) {
        (_, 0, _) => Ok(hosts),
        (_, _, 0) => Err(("the port of the remote executor is missing".to_owned(), WRITE)),
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
            format!("`host` has {bare} hosts without a port, and `port` has {count} ports"),
            "write one port per host, or one for all",
        )),
    }
}

fn with_port(host: &str, port: &str) -> String {
    format!("{}:{port}", host.trim_end_matches('/'))
}

fn has_port(host: &str) -> bool {
    let authority = host.split_once("://").map_or(host, |(_, authority)| authority);
    let authority = authority.rsplit(']').next().unwrap_or(authority);
    authority.contains(':')
}

/// Passes the keys of a pod with a remote executor on, as parameters of the executor that calls it. `is_remote_pod` is false
/// for `uses: RemoteExecutor`, which is an ordinary executor apart from that.
pub(super) fn pass_parameters(
    pod: &mut PodSpec,
    is_remote_pod: bool,
    fields: &Fields<'_>,
    flow: &Fields<'_>,
    reader: &mut Reader<'_>,
) {
    if !pod.executor.value.is_remote() {
        return;
    }
    let Uses::Class(spec) = &mut pod.executor.value else { return };
    // As a parameter it limits each attempt of a call, not all attempts together.
    pod.timeout_send = None;
    let schema = reader.dialect.schema();
    for (key, parameter) in PARAMETERS {
        let of_flow = || INHERITED.contains(&key).then(|| flow.entry(key)).flatten();
        let Some((name, value)) = fields.entry(key).or_else(of_flow) else { continue };
        if spec.with.values.contains_key(parameter) {
            continue;
        }
        let (json, written) = match reader.path(Some(value)) {
            // Relative to the file that contains it.
            Some(path) if key == CA.name() => {
                (Value::from(path.to_string_lossy()), value.to_written_json(schema))
            }
            _ => (value.to_json(schema, reader.report), value.to_written_json(schema)),
        };
        spec.with.insert(parameter, (name.span, value.span), json, written);
    }
    if is_remote_pod {
        note_without_effect(&LOCAL_ONLY, "the executor is remote and configured there", fields, reader);
        (pod.replicas, pod.shards, pod.isolate) = (1, 1, false);
    }
}

/// Notes the keys of a local pod that only concern remote executors.
pub(super) fn note_local(pod: &PodSpec, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    if !pod.executor.value.is_remote() && !is_external(fields) {
        note_without_effect(
            &REMOTE_ONLY,
            "it configures remote executors (`external: true`)",
            fields,
            reader,
        );
    }
}

/// Notes the keys of a flow that only concern remote executors, when it has none.
pub(super) fn note_flow(flow: &FlowSpec, with: &Fields<'_>, reader: &mut Reader<'_>) {
    if !flow.pods.iter().any(|pod| pod.executor.value.is_remote()) {
        let reason = "no executor of this flow is remote (`external: true`)";
        note_without_effect(&[GRPC_METADATA.name(), RETRIES.name()], reason, with, reader);
    }
}

fn note_without_effect(keys: &[KeyName], reason: &str, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    for (key, span) in keys.iter().filter_map(|key| Some((key, fields.key_span(*key)?))) {
        let message = format!("`{key}` has no effect: {reason}");
        reader.report.push(Diagnostic::at(Code::WithoutEffect, span, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_combine_as_in_jina() {
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
        assert!(addresses("a", "").unwrap_err().0.contains("the port of the remote executor is missing"));
        assert!(addresses("a,b,c", "1,2").unwrap_err().0.contains("3 hosts without a port"));
    }
}
