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
