//! Stage 3, build: from names to a directed acyclic graph.
//!
//! A [`FlowGraph`] is valid by construction: every name leads somewhere, nothing goes in circles, and what is waited
//! for is fed by what is waited for. It can be drawn; how many workers run a pod is decided by the next stage.

mod build;
pub mod draw;
mod needs;

use petgraph::graph::DiGraph;
use petgraph::graph::NodeIndex;

pub use build::build;

use crate::spec::{FlowSpec, PodSpec};

/// A vertex of the graph: a pod, by its position in the flow, or one of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vertex {
    /// Where requests come in.
    Entrance,
    /// A pod.
    Pod(usize),
    /// Where replies go out.
    Exit,
}

/// A flow whose pods are connected.
#[derive(Clone, Debug)]
pub struct FlowGraph {
    /// The flow.
    spec: FlowSpec,
    /// Entrance, pods, exit; an edge leads from a pod to one that needs it. Its weight is the position among the
    /// needs of the target.
    graph: DiGraph<Vertex, usize>,
    /// The pods so that each comes after those that it needs.
    order: Vec<usize>,
}

impl FlowGraph {
    /// The flow.
    pub fn spec(&self) -> &FlowSpec {
        &self.spec
    }

    /// The pod at that position.
    pub fn pod(&self, position: usize) -> Option<&PodSpec> {
        self.spec.pods.get(position)
    }

    /// The pods so that each comes after those that it needs.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// What a vertex waits for, in the order of its `needs`.
    pub fn needs(&self, vertex: Vertex) -> Vec<Vertex> {
        let mut edges: Vec<(usize, Vertex)> = self
            .graph
            .edges_directed(index(vertex), petgraph::Direction::Incoming)
            .map(|edge| (*edge.weight(), self.vertex(petgraph::visit::EdgeRef::source(&edge))))
            .collect();
        edges.sort_by_key(|(position, _)| *position);
        edges.into_iter().map(|(_, vertex)| vertex).collect()
    }

    /// What waits for a vertex.
    pub fn needed_by(&self, vertex: Vertex) -> Vec<Vertex> {
        let mut targets: Vec<NodeIndex> =
            self.graph.neighbors_directed(index(vertex), petgraph::Direction::Outgoing).collect();
        targets.sort_unstable();
        targets.into_iter().map(|target| self.vertex(target)).collect()
    }

    /// The name of a vertex, as `needs` would write it.
    pub fn name(&self, vertex: Vertex) -> &str {
        match vertex {
            Vertex::Entrance | Vertex::Exit => "gateway",
            Vertex::Pod(position) => self.pod(position).map_or("", |pod| pod.name.value.as_str()),
        }
    }

    fn vertex(&self, index: NodeIndex) -> Vertex {
        self.graph.node_weight(index).copied().unwrap_or(Vertex::Exit)
    }
}

/// Where a vertex is kept: the two ends first, then the pods.
fn index(vertex: Vertex) -> NodeIndex {
    NodeIndex::new(match vertex {
        Vertex::Entrance => 0,
        Vertex::Exit => 1,
        Vertex::Pod(position) => position + 2,
    })
}
