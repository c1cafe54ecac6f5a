//! Tags in memory, by row: those that `columns` names. A filter over them looks at no document.
//!
//! Filled when a filter asks for them for the first time, and kept up to date by whoever writes. A change touches the
//! chunks of its rows alone; searches that began before go on with those that they have.

use std::collections::HashSet;
use std::sync::Arc;

use flowrun_sdk::filter::{FieldLookup, FieldValue, Filter};
use flowrun_sdk::{ExecutorError, Tags, Value};

use super::RowSet;
use super::answer::Check;
use crate::storage::{DocumentTags, Reader, StorageError};

/// Rows of one chunk: what is copied when one of them changes while somebody searches.
const ROWS_PER_CHUNK: usize = 4096;
/// Different texts that are kept once rather than once for each row.
const TEXTS_MAX: usize = 1 << 16;

/// Tags by row.
#[derive(Clone, Debug)]
pub(super) struct TagColumns {
    names: Arc<[String]>,
    chunks: Vec<Arc<Chunk>>,
    texts: HashSet<Arc<str>>,
}

/// The tags of so many rows, column by column.
#[derive(Clone, Debug)]
struct Chunk(Vec<Vec<Cell>>);

/// What stands in a column.
#[derive(Clone, Debug, Default)]
enum Cell {
    #[default]
    Nothing,
    Truth(bool),
    Number(f64),
    Text(Arc<str>),
    Several(usize),
}

impl TagColumns {
    /// The columns of everything that is stored.
    pub(super) fn read(names: &[String], table: &Reader) -> Result<Self, StorageError> {
        let mut columns = Self { names: names.into(), chunks: Vec::new(), texts: HashSet::new() };
        for stored in table.tags() {
            let DocumentTags { row, tags, .. } = stored?;
            if let Some(row) = row {
                columns.set(row, &tags);
            }
        }
        Ok(columns)
    }

    /// Takes the tags of a row.
    pub(super) fn set(&mut self, row: u64, tags: &Tags) {
        let (chunk, place) = place(row);
        let width = self.names.len();
        while self.chunks.len() <= chunk {
            self.chunks.push(Arc::new(Chunk(vec![Vec::new(); width])));
        }
        let cells: Vec<Cell> = self.names.clone().iter().map(|name| self.cell(tags.get(name))).collect();
        let Some(chunk) = self.chunks.get_mut(chunk).map(Arc::make_mut) else { return };
        for (column, cell) in chunk.0.iter_mut().zip(cells) {
            if column.len() <= place {
                column.resize(place + 1, Cell::Nothing);
            }
            if let Some(old) = column.get_mut(place) {
                *old = cell;
            }
        }
    }

    fn cell(&mut self, value: Option<&Value>) -> Cell {
        match value.map_or(FieldValue::Missing, FieldValue::from_json) {
            FieldValue::Missing => Cell::Nothing,
            FieldValue::Bool(truth) => Cell::Truth(truth),
            FieldValue::Number(number) => Cell::Number(number),
            FieldValue::Collection(entries) => Cell::Several(entries),
            FieldValue::Text(text) => Cell::Text(self.text(text)),
        }
    }

    /// A text, once for all rows that have it.
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        if self.texts.len() < TEXTS_MAX {
            self.texts.insert(Arc::clone(&text));
        }
        text
    }

    /// Whether a filter looks at nothing else.
    pub(super) fn covers(names: &[String], filter: &Filter) -> bool {
        filter.field_names().into_iter().all(|name| names.iter().any(|column| column == name))
    }

    /// The rows that a filter means, of those that live.
    pub(super) fn rows_of(
        &self,
        filter: &Filter,
        rows: u64,
        dead: &RowSet,
        check: Check<'_>,
    ) -> Result<RowSet, ExecutorError> {
        let mut meant = RowSet::default();
        for row in 0..rows {
            if row.is_multiple_of(1 << 16) {
                check()?;
            }
            if !dead.contains(row) && filter.matches(&Row { columns: self, row }) {
                meant.insert(row);
            }
        }
        Ok(meant)
    }
}

/// The chunk of a row, and its place there.
fn place(row: u64) -> (usize, usize) {
    let row = usize::try_from(row).unwrap_or(usize::MAX);
    (row / ROWS_PER_CHUNK, row % ROWS_PER_CHUNK)
}

/// The tags of one row.
struct Row<'a> {
    columns: &'a TagColumns,
    row: u64,
}

impl FieldLookup for Row<'_> {
    fn field(&self, name: &str) -> FieldValue<'_> {
        let (chunk, place) = place(self.row);
        let column = self.columns.names.iter().position(|column| column == name);
        let cell = column.and_then(|column| self.columns.chunks.get(chunk)?.0.get(column)?.get(place));
        match cell {
            None | Some(Cell::Nothing) => FieldValue::Missing,
            Some(Cell::Truth(truth)) => FieldValue::Bool(*truth),
            Some(Cell::Number(number)) => FieldValue::Number(*number),
            Some(Cell::Text(text)) => FieldValue::Text(text),
            Some(Cell::Several(entries)) => FieldValue::Collection(*entries),
        }
    }
}
