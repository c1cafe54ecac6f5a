//! Tags in memory by row, for the tags that `columns` configures. A filter over them reads no document.
//!
//! Loaded when a filter first uses them, and updated with each write. A write copies only the chunks of its rows;
//! running searches keep the chunks that they have.

use std::collections::HashSet;
use std::sync::Arc;

use flowrun_sdk::filter::{FieldLookup, FieldValue, Filter, is_document_field};
use flowrun_sdk::{ExecutorError, Tags, Value};

use crate::shard::cancellation::CancelCheck;
use crate::shard::row_set::RowSet;
use crate::storage::{DocumentTags, StorageError, TableReader};

/// Rows per chunk: the unit that is copied when a row changes during a search.
const ROWS_PER_CHUNK: usize = 4096;
/// Number of distinct texts that are stored only once. They stay in memory when the rows that have them are replaced.
const TEXTS_MAX: usize = 1 << 16;
/// Length in bytes of a text that is stored only once. Longer texts are seldom repeated.
const TEXT_BYTES_MAX: usize = 256;

/// Tags by row.
#[derive(Clone, Debug)]
pub(in crate::shard) struct TagColumns {
    names: Arc<[String]>,
    chunks: Vec<Arc<Chunk>>,
    texts: HashSet<Arc<str>>,
}

/// The tags of `ROWS_PER_CHUNK` rows, by column.
#[derive(Clone, Debug)]
struct Chunk(Vec<Vec<Cell>>);

/// Value of one row in one column.
#[derive(Clone, Debug, Default)]
enum Cell {
    #[default]
    Missing,
    Bool(bool),
    Number(f64),
    Text(Arc<str>),
    Collection(usize),
    List(Arc<[Value]>),
}

impl TagColumns {
    /// Reads the columns of all stored documents.
    pub(in crate::shard) fn read(names: &[String], table: &TableReader) -> Result<Self, StorageError> {
        let mut columns = Self { names: names.into(), chunks: Vec::new(), texts: HashSet::new() };
        for stored in table.tags() {
            let DocumentTags { row, tags, .. } = stored?;
            if let Some(row) = row {
                columns.set(row, &tags);
            }
        }
        Ok(columns)
    }

    /// Sets the tags of a row.
    pub(in crate::shard) fn set(&mut self, row: u64, tags: &Tags) {
        let (chunk, offset) = position(row);
        let width = self.names.len();
        while self.chunks.len() <= chunk {
            self.chunks.push(Arc::new(Chunk(vec![Vec::new(); width])));
        }
        let cells: Vec<Cell> = self.names.clone().iter().map(|name| self.cell(tags.get(name))).collect();
        let Some(chunk) = self.chunks.get_mut(chunk).map(Arc::make_mut) else { return };
        for (column, cell) in chunk.0.iter_mut().zip(cells) {
            if column.len() <= offset {
                column.resize(offset + 1, Cell::Missing);
            }
            if let Some(old) = column.get_mut(offset) {
                *old = cell;
            }
        }
    }

    fn cell(&mut self, value: Option<&Value>) -> Cell {
        match value.map_or(FieldValue::Missing, FieldValue::from_json) {
            FieldValue::Missing => Cell::Missing,
            FieldValue::Bool(value) => Cell::Bool(value),
            FieldValue::Number(number) => Cell::Number(number),
            FieldValue::Collection(entries) => Cell::Collection(entries),
            FieldValue::List(items) => Cell::List(items.into()),
            FieldValue::Text(text) => Cell::Text(self.text(text)),
        }
    }

    /// A text, shared by all rows that have it.
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        if self.texts.len() < TEXTS_MAX && text.len() <= TEXT_BYTES_MAX {
            self.texts.insert(Arc::clone(&text));
        }
        text
    }

    /// Returns whether columns of these names suffice for a filter: it uses no other tags, and no fields of documents.
    pub(in crate::shard) fn covers(names: &[String], filter: &Filter) -> bool {
        let is_column = |name: &str| names.iter().any(|column| column == name);
        filter.field_names().into_iter().all(|name| is_column(name) && !is_document_field(name))
    }

    /// The rows below `rows` without tombstones that match a filter.
    pub(in crate::shard) fn matching_rows(
        &self,
        filter: &Filter,
        rows: u64,
        tombstones: &RowSet,
        check: CancelCheck<'_>,
    ) -> Result<RowSet, ExecutorError> {
        let mut matching = RowSet::default();
        for row in 0..rows {
            if row.is_multiple_of(1 << 16) {
                check()?;
            }
            if !tombstones.contains(row) && filter.matches(&Row { columns: self, row }) {
                matching.insert(row);
            }
        }
        Ok(matching)
    }
}

/// Chunk of a row, and its position in the chunk.
fn position(row: u64) -> (usize, usize) {
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
        let (chunk, offset) = position(self.row);
        let column = self.columns.names.iter().position(|column| column == name);
        let cell = column.and_then(|column| self.columns.chunks.get(chunk)?.0.get(column)?.get(offset));
        match cell {
            None | Some(Cell::Missing) => FieldValue::Missing,
            Some(Cell::Bool(value)) => FieldValue::Bool(*value),
            Some(Cell::Number(number)) => FieldValue::Number(*number),
            Some(Cell::Text(text)) => FieldValue::Text(text),
            Some(Cell::Collection(entries)) => FieldValue::Collection(*entries),
            Some(Cell::List(items)) => FieldValue::List(items),
        }
    }
}
