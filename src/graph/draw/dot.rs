//! Renders a graph in Graphviz's language DOT.

use std::fmt::Write as _;

use super::labels::{addresses, condition, copies, edges, uses, workers};
use crate::graph::flow_graph::{FlowGraph, Vertex};

pub(super) fn draw(graph: &FlowGraph) -> String {
    let mut text = format!(
        "digraph {} {{\n    rankdir=LR;\n    node [shape=box, style=rounded];\n",
        quoted(&graph.spec().name)
    );
    text.push_str("    entrance [label=\"gateway\", shape=oval];\n");
    for (position, pod) in graph.spec().pods.iter().enumerate() {
        let mut label = format!("{}\n{}", pod.name.value, uses(pod));
        if let Some(copies) = copies(pod) {
            let _ = write!(label, "\n{copies}");
        }
        for line in [addresses(pod), workers(graph, position), condition(pod)].into_iter().flatten() {
            let _ = write!(label, "\n{line}");
        }
        let style = if pod.floating { ", style=\"rounded,dashed\"" } else { "" };
        let _ = writeln!(text, "    pod{position} [label={}{style}];", quoted(&label));
    }
    text.push_str("    exit [label=\"gateway\", shape=oval];\n");
    for (source, target) in edges(graph) {
        let _ = writeln!(text, "    {} -> {};", id(source), id(target));
    }
    text.push_str("}\n");
    text
}

fn id(vertex: Vertex) -> String {
    match vertex {
        Vertex::Entrance => "entrance".to_owned(),
        Vertex::Exit => "exit".to_owned(),
        Vertex::Pod(position) => format!("pod{position}"),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
