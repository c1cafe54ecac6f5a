//! Renders a graph in the language Mermaid, which Markdown viewers draw.

use std::fmt::Write as _;

use super::labels::{addresses, condition, copies, edges, uses, workers};
use crate::graph::flow_graph::{FlowGraph, Vertex};

pub(super) fn draw(graph: &FlowGraph) -> String {
    let mut text = "flowchart LR\n    entrance([gateway])\n".to_owned();
    for (position, pod) in graph.spec().pods.iter().enumerate() {
        let copies = copies(pod).map_or_else(String::new, |copies| format!("<br/>{copies}"));
        let lines = [addresses(pod), workers(graph, position), condition(pod)].into_iter().flatten();
        let lines: String = lines.map(|line| format!("<br/>{}", escaped(&line))).collect();
        let label = format!("<b>{}</b><br/>{}{copies}{lines}", escaped(&pod.name.value), escaped(uses(pod)));
        let _ = writeln!(text, "    {}[\"{label}\"]", id(Vertex::Pod(position)));
    }
    text.push_str("    exit([gateway])\n");
    for (source, target) in edges(graph) {
        let _ = writeln!(text, "    {} --> {}", id(source), id(target));
    }
    let floating = graph.spec().pods.iter().enumerate().filter(|(_, pod)| pod.floating);
    for (position, _) in floating {
        let _ = writeln!(text, "    style {} stroke-dasharray: 4", id(Vertex::Pod(position)));
    }
    text
}

/// An id of its own, because a pod's name could be a keyword of Mermaid, such as `end`.
fn id(vertex: Vertex) -> String {
    match vertex {
        Vertex::Entrance => "entrance".to_owned(),
        Vertex::Exit => "exit".to_owned(),
        Vertex::Pod(position) => format!("pod{position}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
