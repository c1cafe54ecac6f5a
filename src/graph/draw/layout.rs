//! Where to put the vertices: columns by the longest way from the entrance, rows so that edges cross little.

use std::collections::BTreeMap;

use super::super::{FlowGraph, Vertex};

/// A column and a row for every vertex; rows count from the middle of the picture.
#[derive(Debug)]
pub(super) struct Layout {
    places: Vec<(Vertex, Place)>,
    /// How many columns there are.
    pub(super) columns: usize,
    /// How many vertices the fullest column holds.
    pub(super) rows: usize,
}

/// Where a vertex stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) column: usize,
    /// 0 is the middle; half steps occur.
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
            places: Vec::with_capacity(columns.len()),
            columns: members.len(),
            rows: members.values().map(Vec::len).max().unwrap_or(1),
        };
        for (column, mut vertices) in members {
            // Each beside what feeds it: the barycentre heuristic (Sugiyama, Tagawa & Toda 1981), one sweep.
            vertices
                .sort_by(|left, right| layout.centre(graph, *left).total_cmp(&layout.centre(graph, *right)));
            let middle = row(vertices.len().saturating_sub(1)) / 2.0;
            for (position, vertex) in vertices.into_iter().enumerate() {
                layout.places.push((vertex, Place { column, row: row(position) - middle }));
            }
        }
        layout
    }

    /// Where `vertex` stands.
    pub(super) fn place(&self, vertex: Vertex) -> Place {
        let place = self.places.iter().find(|(known, _)| *known == vertex);
        place.map_or(Place { column: 0, row: 0.0 }, |(_, place)| *place)
    }

    /// The mean row of what feeds `vertex`.
    fn centre(&self, graph: &FlowGraph, vertex: Vertex) -> f32 {
        let needs = graph.needs(vertex);
        let rows: f32 = needs.iter().map(|need| self.place(*need).row).sum();
        rows / row(needs.len().max(1))
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are at most a thousand rows")]
fn row(count: usize) -> f32 {
    count as f32
}

/// The column of every vertex: one behind the last that it needs. The exit stands behind everything.
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
