//! Positions of the vertices: columns by the longest path from the entrance, rows by a heuristic that avoids crossings.

use std::collections::BTreeMap;

use crate::graph::flow_graph::{FlowGraph, Vertex};

/// Column and row of every vertex.
#[derive(Debug)]
pub(super) struct Layout {
    positions: Vec<(Vertex, Position)>,
    /// Number of columns.
    pub(super) columns: usize,
    /// Number of vertices in the fullest column.
    pub(super) rows: usize,
}

/// Position of a vertex in the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Position {
    pub(super) column: usize,
    /// Rows from the middle of the image; half steps occur.
    pub(super) row: f32,
}

impl Layout {
    pub(super) fn of(graph: &FlowGraph) -> Self {
        let columns = columns(graph);
        let mut members: BTreeMap<usize, Vec<Vertex>> = BTreeMap::new();
        for (vertex, column) in &columns {
            members.entry(*column).or_default().push(*vertex);
        }
        let mut layout = Self {
            positions: Vec::with_capacity(columns.len()),
            columns: members.len(),
            rows: members.values().map(Vec::len).max().unwrap_or(1),
        };
        for (column, mut vertices) in members {
            // One sweep of the barycentre heuristic (Sugiyama, Tagawa & Toda 1981): each vertex near its inputs.
            vertices
                .sort_by(|left, right| layout.centre(graph, *left).total_cmp(&layout.centre(graph, *right)));
            let middle = row(vertices.len().saturating_sub(1)) / 2.0;
            for (position, vertex) in vertices.into_iter().enumerate() {
                layout.positions.push((vertex, Position { column, row: row(position) - middle }));
            }
        }
        layout
    }

    /// The position of `vertex`.
    pub(super) fn position(&self, vertex: Vertex) -> Position {
        let position = self.positions.iter().find(|(known, _)| *known == vertex);
        position.map_or(Position { column: 0, row: 0.0 }, |(_, position)| *position)
    }

    /// The mean row of the inputs of `vertex`.
    fn centre(&self, graph: &FlowGraph, vertex: Vertex) -> f32 {
        let needs = graph.needs(vertex);
        let rows: f32 = needs.iter().map(|need| self.position(*need).row).sum();
        rows / row(needs.len().max(1))
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
