//! The committed contents of a shard at one moment, as searches see them regardless of later writes.

use std::sync::Arc;

use flowrun_sdk::filter::Filter;

use super::tag_columns::TagColumns;
use crate::shard::lock_order::{LockRank, OrderedMutex};
use crate::shard::row_set::RowSet;
use crate::storage::{Counters, StorageError, Table, TableReader};

/// Number of filters whose matching rows are cached: enough for the flows that search concurrently.
const CACHED_FILTERS_MAX: usize = 8;

/// Largest size in bytes of a filter that is cached. A client can send lists of any length in a filter.
const CACHED_FILTER_BYTES_MAX: usize = 64 << 10;

/// Committed contents at one moment.
#[derive(Debug)]
pub(in crate::shard) struct View {
    /// A snapshot of the documents.
    pub(in crate::shard) table: TableReader,
    pub(in crate::shard) counters: Counters,
    /// Rows of replaced and deleted documents.
    pub(in crate::shard) tombstones: Arc<RowSet>,
    /// Tags in memory; `None` until a filter uses one of them.
    pub(in crate::shard) tag_columns: Option<Arc<TagColumns>>,
    /// Recent filters and the rows that match them, most recent first.
    filter_cache: OrderedMutex<Vec<(Filter, Arc<RowSet>)>>,
}

impl View {
    /// The contents that are committed now.
    pub(super) fn new(table: &Table, tombstones: Arc<RowSet>) -> Result<Self, StorageError> {
        let table = table.view();
        let counters = table.counters()?;
        Ok(Self { counters, table, tombstones, tag_columns: None, filter_cache: empty_cache() })
    }

    /// This view with other tags in memory.
    pub(super) fn with_tag_columns(&self, tag_columns: Option<Arc<TagColumns>>) -> Self {
        Self {
            table: self.table.clone(),
            counters: self.counters,
            tombstones: Arc::clone(&self.tombstones),
            tag_columns,
            filter_cache: empty_cache(),
        }
    }

    /// Number of rows without tombstones.
    pub(in crate::shard) fn live_rows(&self) -> u64 {
        self.counters.rows.saturating_sub(self.tombstones.len())
    }

    /// The cached rows that match a filter.
    pub(in crate::shard) fn cached_filter(&self, filter: &Filter) -> Option<Arc<RowSet>> {
        let cache = self.filter_cache.lock();
        cache.iter().find(|(known, _)| known == filter).map(|(_, rows)| Arc::clone(rows))
    }

    /// Caches the rows that match a filter.
    pub(in crate::shard) fn cache_filter(&self, filter: &Filter, rows: &Arc<RowSet>) {
        if filter.memory_bytes() > CACHED_FILTER_BYTES_MAX {
            return;
        }
        let mut cache = self.filter_cache.lock();
        cache.truncate(CACHED_FILTERS_MAX - 1);
        cache.insert(0, (filter.clone(), Arc::clone(rows)));
    }
}

fn empty_cache() -> OrderedMutex<Vec<(Filter, Arc<RowSet>)>> {
    OrderedMutex::new(LockRank::FilterCache, Vec::new())
}
