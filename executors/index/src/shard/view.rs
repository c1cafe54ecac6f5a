//! What a search sees: what was committed when it began, whatever is written meanwhile.

use std::sync::Arc;

use super::RowSet;
use crate::storage::{Counters, Reader, StorageError, Table};

/// What was committed at one moment.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) table: Reader,
    pub(super) counters: Counters,
    /// Rows that nobody finds any more.
    pub(super) dead: Arc<RowSet>,
}

impl View {
    /// What is committed now.
    pub(super) fn new(table: &Table, dead: Arc<RowSet>) -> Result<Self, StorageError> {
        let table = table.view();
        Ok(Self { counters: table.counters()?, table, dead })
    }

    /// Rows that can be found.
    pub(super) fn live(&self) -> u64 {
        self.counters.rows.saturating_sub(self.dead.len())
    }
}
