//! Edges and labels that every format draws.

use crate::graph::flow_graph::{FlowGraph, Vertex};
use crate::spec::{PodSpec, Uses};

/// Every edge, from a vertex to one that needs it; edges to the exit are last.
pub(super) fn edges(graph: &FlowGraph) -> Vec<(Vertex, Vertex)> {
    let pods = (0..graph.spec().pods.len()).map(Vertex::Pod);
    let into = |target: Vertex| graph.needs(target).into_iter().map(move |source| (source, target));
    pods.chain(std::iter::once(Vertex::Exit)).flat_map(into).collect()
}

/// The executor of a pod, as named in its file.
pub(super) fn uses(pod: &PodSpec) -> &str {
    match &pod.executor.value {
        Uses::Class(spec) => &spec.class.value,
        Uses::Unresolved { written, .. } | Uses::Broken { written } => written,
    }
}

/// `2 replicas × 3 shards`; `None` for a single copy.
pub(super) fn copies(pod: &PodSpec) -> Option<String> {
    match (pod.replicas, pod.shards) {
        (1, 1) => None,
        (replicas, 1) => Some(format!("{replicas} replicas")),
        (1, shards) => Some(format!("{shards} shards")),
        (replicas, shards) => Some(format!("{replicas} replicas × {shards} shards")),
    }
}

/// `when {…}`: the condition on the documents of a pod, as JSON.
pub(super) fn condition(pod: &PodSpec) -> Option<String> {
    pod.when.as_ref().map(|when| format!("when {}", when.written))
}

/// Addresses of a remote executor as written, without user names and passwords.
pub(super) fn addresses(pod: &PodSpec) -> Option<String> {
    let Uses::Class(spec) = &pod.executor.value else { return None };
    let written = spec.with.written.get("addresses").filter(|_| pod.is_remote())?;
    let addresses = match written.as_array() {
        Some(addresses) => addresses.iter().filter_map(serde_json::Value::as_str).collect(),
        None => vec![written.as_str()?],
    };
    let addresses: Vec<String> = addresses.into_iter().map(without_credentials).collect();
    Some(addresses.join(", "))
}

/// `on HOST:PORT, …`: the workers of a pod that does not run in the gateway.
pub(super) fn workers(graph: &FlowGraph, position: usize) -> Option<String> {
    let addresses = graph.workers(position)?.iter().flatten().map(|address| without_credentials(address));
    Some(format!("on {}", addresses.collect::<Vec<_>>().join(", ")))
}

fn without_credentials(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").map_or(("", address), |(scheme, rest)| (scheme, rest));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn addresses_are_drawn_without_credentials() {
        assert_eq!(without_credentials("grpc://user:secret@host:1"), "grpc://host:1");
        assert_eq!(without_credentials("host:1"), "host:1");
    }
}
