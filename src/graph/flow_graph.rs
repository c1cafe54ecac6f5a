//! The graph of a flow's pods.

use std::collections::HashMap;

use petgraph::graph::{DiGraph, NodeIndex};

use crate::spec::{FlowSpec, PodSpec, Uses};

/// A vertex of the graph: a pod, by its position in the flow, or one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vertex {
    /// The gateway, where requests enter.
    Entrance,
    /// The pod at this position.
    Pod(usize),
    /// The gateway, where replies leave.
    Exit,
}

/// A flow whose pods are connected. Every name is resolved and the graph is acyclic.
#[derive(Clone, Debug)]
pub struct FlowGraph {
    pub(super) spec: FlowSpec,
    /// Entrance, exit and pods, in the order of [`index`]. An edge points from a pod to one that needs it; its weight is the
    /// position in the target's `needs`.
    pub(super) graph: DiGraph<Vertex, usize>,
    /// The pods in topological order.
    pub(super) order: Vec<usize>,
    /// Addresses of the workers of pods that run elsewhere, by position, shard and replica, for drawings.
    pub(super) workers: HashMap<usize, Vec<Vec<String>>>,
}

impl FlowGraph {
    /// The flow.
    pub fn spec(&self) -> &FlowSpec {
        &self.spec
    }

    /// The graph with the addresses of workers in its drawings: pairs of a pod's name and the addresses by shard and replica.
    #[must_use]
    pub fn with_workers<'a>(mut self, workers: impl Iterator<Item = (&'a str, Vec<Vec<String>>)>) -> Self {
        let position = |name: &str| self.spec.pods.iter().position(|pod| pod.name.value == name);
        self.workers = workers.filter_map(|(name, addresses)| Some((position(name)?, addresses))).collect();
        self
    }

    /// Addresses of the workers of the pod at a position, by shard and replica; `None` if it runs in the gateway.
    pub fn workers(&self, position: usize) -> Option<&[Vec<String>]> {
        self.workers.get(&position).map(Vec::as_slice)
    }

    /// The graph with other texts in its drawings: names, and executors as written.
    #[must_use]
    pub fn map_texts(mut self, map: impl Fn(&str) -> String) -> Self {
        self.spec.name = map(&self.spec.name);
        self.workers.values_mut().flatten().flatten().for_each(|address| *address = map(address));
        for pod in &mut self.spec.pods {
            pod.name.value = map(&pod.name.value);
            match &mut pod.executor.value {
                Uses::Class(spec) => spec.class.value = map(&spec.class.value),
                Uses::Unresolved { written, .. } | Uses::Broken { written } => *written = map(written),
            }
        }
        self
    }

    /// The pod at a position.
    pub fn pod(&self, position: usize) -> Option<&PodSpec> {
        self.spec.pods.get(position)
    }

    /// The pods in topological order.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The vertices that a vertex waits for, in the order of its `needs`.
    pub fn needs(&self, vertex: Vertex) -> Vec<Vertex> {
        let mut edges: Vec<(usize, Vertex)> = self
            .graph
            .edges_directed(index(vertex), petgraph::Direction::Incoming)
            .map(|edge| (*edge.weight(), self.vertex(petgraph::visit::EdgeRef::source(&edge))))
            .collect();
        edges.sort_by_key(|(position, _)| *position);
        edges.into_iter().map(|(_, vertex)| vertex).collect()
    }

    /// The vertices that wait for a vertex.
    pub fn needed_by(&self, vertex: Vertex) -> Vec<Vertex> {
        let mut targets: Vec<NodeIndex> =
            self.graph.neighbors_directed(index(vertex), petgraph::Direction::Outgoing).collect();
        targets.sort_unstable();
        targets.into_iter().map(|target| self.vertex(target)).collect()
    }

    /// The name of a vertex in `needs`.
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

/// The index of a vertex in the graph: the two ends first, then the pods.
pub(super) fn index(vertex: Vertex) -> NodeIndex {
    NodeIndex::new(match vertex {
        Vertex::Entrance => 0,
        Vertex::Exit => 1,
        Vertex::Pod(position) => position + 2,
    })
}
