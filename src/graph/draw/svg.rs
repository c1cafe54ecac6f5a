//! A self-contained SVG image: boxes in columns, connected by curves. It uses no external fonts, scripts or styles.

use std::fmt::Write as _;

use super::labels::{addresses, condition, copies, edges, uses, workers};
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

/// Widest text in a box, in pixels.
const TEXT_WIDTH_MAX: f32 = BOX_WIDTH - 12.0;

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
        let bends = layout.bends((source, target));
        svg.push_str(&edge(layout.position(source), bends, layout.position(target), middle));
    }
    for vertex in [Vertex::Entrance, Vertex::Exit] {
        svg.push_str(&boxed(layout.position(vertex), middle, "gateway", &["gateway".to_owned()]));
    }
    for (position, pod) in graph.spec().pods.iter().enumerate() {
        let class = if pod.floating { "pod floating" } else { "pod" };
        let title = addresses(pod).unwrap_or_else(|| uses(pod).to_owned());
        let name = Some(pod.name.value.clone());
        let lines = [name, Some(title), copies(pod), workers(graph, position), condition(pod)];
        let lines: Vec<String> = lines.into_iter().flatten().collect();
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

/// Curves from the right side of one box to the left side of another. Columns between them are crossed straight, in the
/// rows of `bends`.
fn edge(source: Position, bends: &[Position], target: Position, middle: f32) -> String {
    let side = |position: Position| {
        let (x, y) = corner(position, middle);
        (x, y + BOX_HEIGHT / 2.0)
    };
    let (left, top) = side(source);
    let (mut x0, mut y0) = (left + BOX_WIDTH, top);
    let mut path = format!("M{x0} {y0}");
    for bend in bends.iter().chain(std::iter::once(&target)) {
        let (x, y) = side(*bend);
        let reach = ((x - x0) / 2.0).max(24.0);
        let _ = write!(path, " C{} {y0} {} {y} {x} {y}", x0 + reach, x - reach);
        if bend != &target {
            let _ = write!(path, " H{}", x + BOX_WIDTH);
        }
        (x0, y0) = (x + BOX_WIDTH, y);
    }
    format!("<path class=\"edge\" d=\"{path}\" marker-end=\"url(#arrow)\"/>\n")
}

/// A box with lines of text.
fn boxed(position: Position, middle: f32, class: &str, lines: &[String]) -> String {
    let (x, y) = corner(position, middle);
    let mut svg = format!(
        "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"8\"/>\n"
    );
    let spacing = if lines.len() > 3 { 13.0 } else { 16.0_f32 };
    let first = y + BOX_HEIGHT / 2.0 + 4.0 - (count(lines.len()) - 1.0) * spacing / 2.0;
    for (number, line) in lines.iter().enumerate() {
        let class = if number == 0 { "name" } else { "small" };
        let baseline = spacing.mul_add(count(number), first);
        let centre = x + BOX_WIDTH / 2.0;
        let _ = writeln!(
            svg,
            "<text class=\"{class}\" x=\"{centre}\" y=\"{baseline}\"{}>{}</text>",
            squeezed(&shortened(line)),
            escaped(&shortened(line))
        );
    }
    svg
}

/// Attributes that squeeze a text of wide letters into a box.
fn squeezed(line: &str) -> String {
    let width = |letter: char| match letter {
        'W' | 'M' | 'm' | 'w' | '@' | '%' => 11.0,
        'i' | 'j' | 'l' | 't' | 'f' | 'I' | '.' | ',' | ':' | ' ' => 4.0,
        _ if letter.is_uppercase() => 8.5,
        _ => 7.0,
    };
    let width: f32 = line.chars().map(width).sum();
    if width <= TEXT_WIDTH_MAX {
        return String::new();
    }
    format!(" textLength=\"{TEXT_WIDTH_MAX}\" lengthAdjust=\"spacingAndGlyphs\"")
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
