//! How a shard is to be opened, and whether that can be.

use super::CacheCapacity;
use crate::derived::{Approximation, Derived, DerivedError, IndexChoice, IndexType, Tuning};
use crate::metric::Metric;
use crate::storage::{Fsync, Schema, StorageError};

/// How a shard is to be opened.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) schema: Schema,
    pub(crate) index: IndexChoice,
    pub(crate) tuning: Tuning,
    pub(crate) fsync: Fsync,
    pub(crate) threads: usize,
    pub(crate) read_only: bool,
    /// The tags that are kept in memory for filters.
    pub(crate) columns: Vec<String>,
    /// The tag that says until when a document is kept.
    pub(crate) expires: Option<String>,
    /// How many shards of the pod have their index in memory, if not all.
    pub(crate) cache_capacity: Option<CacheCapacity>,
}

impl Settings {
    /// Whether there is an index of the kind that is wanted, and for vectors of this dimension.
    pub(super) fn check_index(&self, dimension: Option<usize>) -> Result<(), StorageError> {
        let kind = self.resolve_index(0, dimension.unwrap_or(0))?;
        let Some(dimension) = dimension else { return Ok(()) };
        let approximation = Approximation::new(self.schema.metric, dimension);
        let made = Derived::new(kind, dimension, approximation, self.tuning);
        made.map(drop).map_err(|error| self.index_refused(&error))
    }

    /// The kind of index for that many vectors.
    pub(super) fn resolve_index(&self, rows: u64, dimension: usize) -> Result<IndexType, StorageError> {
        let parameter = self.schema.names.index;
        let kind = self.index.resolve(rows, dimension);
        kind.map_err(|reason| StorageError::IndexType { parameter, reason })
    }

    /// The kinds of index that may have been built for that many vectors, when they were fewer too.
    pub(super) fn earlier_indexes(
        &self,
        rows: u64,
        dimension: usize,
    ) -> Result<Vec<IndexType>, StorageError> {
        let parameter = self.schema.names.index;
        let kinds = self.index.earlier(rows, dimension);
        kinds.map_err(|reason| StorageError::IndexType { parameter, reason })
    }

    /// That the kind of index will not do, and what to type instead where that is known.
    pub(super) fn index_refused(&self, error: &DerivedError) -> StorageError {
        let names = self.schema.names;
        let reason = match (error, names.word_for(Metric::Euclidean.name())) {
            (DerivedError::EuclideanAlone(_), Some(euclidean)) => {
                format!("{error}: write `{}: {euclidean}`", names.metric)
            }
            _ => error.to_string(),
        };
        StorageError::IndexType { parameter: names.index, reason }
    }
}
