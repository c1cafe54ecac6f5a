//! A self-contained SVG image: boxes in columns, connected by curves. It uses no external fonts, scripts or styles.

use std::fmt::Write as _;

use super::labels::{copies, edges, uses};
use super::layout::{Layout, Position};
use crate::graph::flow_graph::{FlowGraph, Vertex};

// Sizes and distances in pixels.
const BOX_WIDTH: f32 = 168.0;
const BOX_HEIGHT: f32 = 60.0;
const COLUMN_WIDTH: f32 = 232.0;
const ROW_HEIGHT: f32 = 88.0;
const MARGIN: f32 = 24.0;
/// Characters per line that fit into a box.
const LINE_CHARACTERS_MAX: usize = 24;

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#1f2933;text-anchor:middle}\
.name{font-weight:600}.small{font-size:11px;fill:#52606d}\
.pod{fill:#f5f7fa;stroke:#3e4c59}.floating{stroke-dasharray:5 4}.gateway{fill:#d9e2ec;stroke:#3e4c59}\
.edge{fill:none;stroke:#7b8794;stroke-width:1.5}\
@media(prefers-color-scheme:dark){text{fill:#f5f7fa}.small{fill:#cbd2d9}\
.pod{fill:#323f4b;stroke:#9aa5b1}.gateway{fill:#52606d;stroke:#9aa5b1}.edge{stroke:#9aa5b1}}";

/// Draws the graph as an SVG document.
pub(super) fn draw(graph: &FlowGraph) -> String {
    let layout = Layout::of(graph);
    let width = COLUMN_WIDTH.mul_add(count(layout.columns) - 1.0, BOX_WIDTH) + 2.0 * MARGIN;
    let height = ROW_HEIGHT.mul_add(count(layout.rows) - 1.0, BOX_HEIGHT) + 2.0 * MARGIN;
    let middle = height / 2.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" fill=\"#7b8794\"/></marker></defs>\n",
        escaped(&graph.spec().name),
    );
    for (source, target) in edges(graph) {
        svg.push_str(&edge(layout.position(source), layout.position(target), middle));
    }
    for vertex in [Vertex::Entrance, Vertex::Exit] {
        svg.push_str(&boxed(layout.position(vertex), middle, "gateway", &["gateway".to_owned()]));
    }
    for (position, pod) in graph.spec().pods.iter().enumerate() {
        let class = if pod.floating { "pod floating" } else { "pod" };
        let lines: Vec<String> = [Some(pod.name.value.clone()), Some(uses(pod).to_owned()), copies(pod)]
            .into_iter()
            .flatten()
            .collect();
        svg.push_str(&boxed(layout.position(Vertex::Pod(position)), middle, class, &lines));
    }
    svg.push_str("</svg>\n");
    svg
}

#[expect(clippy::cast_precision_loss, reason = "a graph has at most about a thousand pods")]
fn count(count: usize) -> f32 {
    count as f32
}

/// The upper left corner of the box at `position`.
fn corner(position: Position, middle: f32) -> (f32, f32) {
    let x = COLUMN_WIDTH.mul_add(count(position.column), MARGIN);
    (x, ROW_HEIGHT.mul_add(position.row, middle) - BOX_HEIGHT / 2.0)
}

/// A curve from the right side of one box to the left side of another.
fn edge(source: Position, target: Position, middle: f32) -> String {
    let ((source_x, source_y), (x, target_y)) = (corner(source, middle), corner(target, middle));
    let (x0, y0, y) = (source_x + BOX_WIDTH, source_y + BOX_HEIGHT / 2.0, target_y + BOX_HEIGHT / 2.0);
    let bend = ((x - x0) / 2.0).max(24.0);
    format!(
        "<path class=\"edge\" d=\"M{x0} {y0} C{} {y0} {} {y} {x} {y}\" marker-end=\"url(#arrow)\"/>\n",
        x0 + bend,
        x - bend,
    )
}

/// A box with lines of text.
fn boxed(position: Position, middle: f32, class: &str, lines: &[String]) -> String {
    let (x, y) = corner(position, middle);
    let mut svg = format!(
        "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"8\"/>\n"
    );
    let first = y + BOX_HEIGHT / 2.0 + 4.0 - (count(lines.len()) - 1.0) * 8.0;
    for (number, line) in lines.iter().enumerate() {
        let class = if number == 0 { "name" } else { "small" };
        let baseline = 16.0_f32.mul_add(count(number), first);
        let centre = x + BOX_WIDTH / 2.0;
        let _ = writeln!(
            svg,
            "<text class=\"{class}\" x=\"{centre}\" y=\"{baseline}\">{}</text>",
            escaped(&shortened(line))
        );
    }
    svg
}

/// The line, cut to fit into a box.
fn shortened(line: &str) -> String {
    if line.chars().count() <= LINE_CHARACTERS_MAX {
        return line.to_owned();
    }
    let kept: String = line.chars().take(LINE_CHARACTERS_MAX - 1).collect();
    format!("{kept}…")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
