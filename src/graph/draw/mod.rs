//! The graph as a picture or as data. Nothing here decides anything; nothing is fetched.

mod dot;
mod json;
mod layout;
mod mermaid;
mod svg;

use super::{FlowGraph, Vertex};
use crate::spec::{PodSpec, Uses};

/// How a graph is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Mermaid, which Markdown viewers draw.
    #[default]
    Mermaid,
    /// Graphviz.
    Dot,
    /// A picture of its own, drawn here.
    Svg,
    /// Data for programs.
    Json,
}

/// The graph in that form.
pub fn draw(graph: &FlowGraph, format: Format) -> String {
    match format {
        Format::Mermaid => mermaid::draw(graph),
        Format::Dot => dot::draw(graph),
        Format::Svg => svg::draw(graph),
        Format::Json => json::draw(graph),
    }
}

/// Every edge, from what is needed to what needs it; those into the exit last.
fn edges(graph: &FlowGraph) -> Vec<(Vertex, Vertex)> {
    let pods = (0..graph.spec().pods.len()).map(Vertex::Pod);
    let into = |target: Vertex| graph.needs(target).into_iter().map(move |source| (source, target));
    pods.chain(std::iter::once(Vertex::Exit)).flat_map(into).collect()
}

/// What a pod runs, as its file says it.
fn uses(pod: &PodSpec) -> &str {
    match &pod.executor.value {
        Uses::Class(spec) => &spec.class.value,
        Uses::Unresolved { written, .. } | Uses::Broken { written } => written,
    }
}

/// `2 replicas × 3 shards`, or nothing for a single copy.
fn copies(pod: &PodSpec) -> Option<String> {
    match (pod.replicas, pod.shards) {
        (1, 1) => None,
        (replicas, 1) => Some(format!("{replicas} replicas")),
        (1, shards) => Some(format!("{shards} shards")),
        (replicas, shards) => Some(format!("{replicas} replicas × {shards} shards")),
    }
}
