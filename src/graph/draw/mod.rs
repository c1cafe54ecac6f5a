//! Renders a graph as Mermaid, Graphviz, SVG or JSON.
//!
//! Pure functions of the graph: nothing is read from files or the network.

mod dot;
mod json;
mod labels;
mod layout;
mod mermaid;
mod svg;

use super::flow_graph::FlowGraph;

/// Output format of a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Mermaid, which Markdown viewers render.
    #[default]
    Mermaid,
    /// Graphviz (DOT).
    Dot,
    /// A self-contained SVG image.
    Svg,
    /// JSON, for programs.
    Json,
}

/// Renders the graph.
pub fn draw(graph: &FlowGraph, format: Format) -> String {
    match format {
        Format::Mermaid => mermaid::draw(graph),
        Format::Dot => dot::draw(graph),
        Format::Svg => svg::draw(graph),
        Format::Json => json::draw(graph),
    }
}
