//! Stage 3, build: from names to a directed acyclic graph.
//!
//! A [`FlowGraph`] is valid by construction: every name is resolved, there are no cycles, and no pod that the reply waits
//! for needs a floating pod. It can be drawn. The next stage decides how many workers run a pod.

mod build;
pub mod draw;
mod flow_graph;
mod needs;

pub use build::build;
pub use flow_graph::{FlowGraph, Vertex};
