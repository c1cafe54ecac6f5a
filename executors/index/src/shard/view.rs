//! What a search sees: what was committed when it began, whatever is written meanwhile.

use std::sync::Arc;

use flowrun_sdk::filter::Filter;
use parking_lot::Mutex;

use super::RowSet;
use super::tags::TagColumns;
use crate::storage::{Counters, Reader, StorageError, Table};

/// How many filters are remembered with the rows that they mean: those of the flows that ask now.
const REMEMBERED_MAX: usize = 8;

/// What was committed at one moment.
#[derive(Debug)]
pub(super) struct View {
    pub(super) table: Reader,
    pub(super) counters: Counters,
    /// Rows that nobody finds any more.
    pub(super) dead: Arc<RowSet>,
    /// The tags that filters may name, once one did.
    pub(super) tags: Option<Arc<TagColumns>>,
    /// Filters that were asked for, and the rows that they mean.
    remembered: Mutex<Vec<(Filter, Arc<RowSet>)>>,
}

impl View {
    /// What is committed now.
    pub(super) fn new(table: &Table, dead: Arc<RowSet>) -> Result<Self, StorageError> {
        let table = table.view();
        Ok(Self { counters: table.counters()?, table, dead, tags: None, remembered: Mutex::default() })
    }

    /// The same with tags in memory.
    pub(super) fn with_tags(&self, tags: Option<Arc<TagColumns>>) -> Self {
        Self {
            table: self.table.clone(),
            counters: self.counters,
            dead: Arc::clone(&self.dead),
            tags,
            remembered: Mutex::default(),
        }
    }

    /// Rows that can be found.
    pub(super) fn live(&self) -> u64 {
        self.counters.rows.saturating_sub(self.dead.len())
    }

    /// The rows that a filter means, if it was asked for before.
    pub(super) fn remembered(&self, filter: &Filter) -> Option<Arc<RowSet>> {
        let remembered = self.remembered.lock();
        remembered.iter().find(|(known, _)| known == filter).map(|(_, rows)| Arc::clone(rows))
    }

    /// Remembers what a filter means.
    pub(super) fn remember(&self, filter: &Filter, rows: &Arc<RowSet>) {
        let mut remembered = self.remembered.lock();
        remembered.truncate(REMEMBERED_MAX - 1);
        remembered.insert(0, (filter.clone(), Arc::clone(rows)));
    }
}
