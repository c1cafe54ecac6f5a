//! Positions of the vertices and edges: columns by the longest path from the entrance, rows by a heuristic that avoids
//! crossings.
//!
//! An edge that skips columns has a *bend* in each of them: a position of its own, as if a box were there. Therefore it
//! never crosses the box of a pod that it does not connect.

use std::collections::{BTreeMap, HashMap};

use super::labels::edges;
use crate::graph::flow_graph::{FlowGraph, Vertex};

/// An edge, from a vertex to one that needs it.
pub(super) type Edge = (Vertex, Vertex);

/// Positions in the grid of every vertex, and of every edge in the columns that it skips.
#[derive(Debug)]
pub(super) struct Layout {
    positions: HashMap<Node, Position>,
    /// Bends of the edges that skip columns, from left to right.
    bends: HashMap<Edge, Vec<Position>>,
    /// Number of columns.
    pub(super) columns: usize,
    /// Number of vertices and bends in the fullest column.
    pub(super) rows: usize,
}

/// Position in the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Position {
    /// Column from the left, from 0.
    pub(super) column: usize,
    /// Rows from the middle of the image; half steps occur.
    pub(super) row: f32,
}

/// Occupant of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Node {
    Vertex(Vertex),
    /// The edge in a column that it skips.
    Bend(Edge, usize),
}

impl Layout {
    /// Lays out the graph.
    pub(super) fn of(graph: &FlowGraph) -> Self {
        let columns = columns(graph);
        let column_of: HashMap<Vertex, usize> = columns.iter().copied().collect();
        let column = |vertex: Vertex| column_of.get(&vertex).copied().unwrap_or(0);
        let edges = edges(graph);
        let mut members: BTreeMap<usize, Vec<Node>> = BTreeMap::new();
        for (vertex, column) in columns {
            members.entry(column).or_default().push(Node::Vertex(vertex));
        }
        for edge in &edges {
            for column in column(edge.0) + 1..column(edge.1) {
                members.entry(column).or_default().push(Node::Bend(*edge, column));
            }
        }
        let (columns, rows) = (members.len(), members.values().map(Vec::len).max().unwrap_or(1));
        let mut layout = Self { positions: HashMap::new(), bends: HashMap::new(), columns, rows };
        for (column, mut nodes) in members {
            // One sweep of the barycentre heuristic (Sugiyama, Tagawa & Toda 1981): each node near its inputs.
            let centre = |node: &Node| layout.centre(&edges, *node);
            nodes.sort_by(|left, right| centre(left).total_cmp(&centre(right)));
            let middle = row(nodes.len().saturating_sub(1)) / 2.0;
            for (number, node) in nodes.into_iter().enumerate() {
                let position = Position { column, row: row(number) - middle };
                layout.positions.insert(node, position);
                if let Node::Bend(edge, _) = node {
                    layout.bends.entry(edge).or_default().push(position);
                }
            }
        }
        layout
    }

    /// The position of `vertex`.
    pub(super) fn position(&self, vertex: Vertex) -> Position {
        self.node(Node::Vertex(vertex))
    }

    /// Positions that an edge passes through between its ends, one in each column that it skips.
    pub(super) fn bends(&self, edge: Edge) -> &[Position] {
        self.bends.get(&edge).map_or(&[], Vec::as_slice)
    }

    fn node(&self, node: Node) -> Position {
        self.positions.get(&node).copied().unwrap_or(Position { column: 0, row: 0.0 })
    }

    /// Mean row of the inputs of a node: the ends of its edges in the column before it.
    fn centre(&self, edges: &[Edge], node: Node) -> f32 {
        let inputs: Vec<f32> = match node {
            Node::Bend(edge, _) => vec![self.end(edge)],
            Node::Vertex(vertex) => {
                edges.iter().filter(|(_, target)| *target == vertex).map(|edge| self.end(*edge)).collect()
            }
        };
        inputs.iter().sum::<f32>() / row(inputs.len().max(1))
    }

    /// Row where an edge ends so far: at its last bend, or else at its source.
    fn end(&self, edge: Edge) -> f32 {
        self.bends(edge).last().map_or_else(|| self.position(edge.0).row, |position| position.row)
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are at most a thousand rows")]
fn row(count: usize) -> f32 {
    count as f32
}

/// The column of every vertex: one after the last of its inputs. The exit is in the last column.
fn columns(graph: &FlowGraph) -> Vec<(Vertex, usize)> {
    let mut columns = vec![(Vertex::Entrance, 0)];
    for position in graph.order() {
        let vertex = Vertex::Pod(*position);
        let column_of =
            |need: &Vertex| columns.iter().find(|(known, _)| known == need).map_or(0, |(_, column)| *column);
        let column = graph.needs(vertex).iter().map(column_of).max().unwrap_or(0) + 1;
        columns.push((vertex, column));
    }
    let last = columns.iter().map(|(_, column)| *column).max().unwrap_or(0);
    columns.push((Vertex::Exit, last + 1));
    columns
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::diagnostic::{Report, Sources};
    use crate::yaml::Environment;

    fn graph(path: &str) -> FlowGraph {
        let (mut sources, mut report) = (Sources::default(), Report::default());
        let tree =
            crate::yaml::load(Path::new(path), &Environment::default(), &mut sources, &mut report).unwrap();
        let spec = crate::spec::parse(&tree, &Environment::default(), &mut sources, &mut report).unwrap();
        crate::graph::build(spec, &mut report).unwrap()
    }

    #[test]
    fn no_edge_shares_a_position_with_a_box_or_another_edge() {
        for path in ["tests/cases/cli/diamond.yml", "flows/flower/index.yml", "flows/index.yml"] {
            let graph = graph(path);
            let layout = Layout::of(&graph);
            let mut taken: Vec<Position> = Vec::new();
            for position in layout.positions.values() {
                assert!(!taken.contains(position), "{path}: {position:?} is taken twice");
                taken.push(*position);
            }
            for edge in edges(&graph) {
                let columns: Vec<usize> = layout.bends(edge).iter().map(|bend| bend.column).collect();
                let (source, target) = (layout.position(edge.0).column, layout.position(edge.1).column);
                assert_eq!(columns, (source + 1..target).collect::<Vec<_>>(), "{path}: {edge:?}");
            }
        }
    }
}
