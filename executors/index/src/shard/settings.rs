//! Settings of a shard, and their validation.

use super::cache_capacity::CacheCapacity;
use crate::ann::{AnnError, AnnIndex, DistanceBound, IndexChoice, IndexType, Tuning};
use crate::metric::Metric;
use crate::storage::{Fsync, Schema, StorageError};

/// Settings of a shard.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Schema of the stored data, which must fit an existing index.
    pub(crate) schema: Schema,
    /// Configured index type.
    pub(crate) index: IndexChoice,
    /// Default search and build parameters.
    pub(crate) tuning: Tuning,
    /// Moment at which a write is acknowledged.
    pub(crate) fsync: Fsync,
    /// Number of threads that FAISS may use.
    pub(crate) threads: usize,
    /// True if another process may write; this one does not.
    pub(crate) read_only: bool,
    /// Tags that are loaded into memory when a search filters by them.
    pub(crate) columns: Vec<String>,
    /// Tag with the expiry time of a document; `None` for documents that never expire.
    pub(crate) expires: Option<String>,
    /// Bound on the indexes in memory, over all shards of the pod; `None` for no bound.
    pub(crate) cache_capacity: Option<CacheCapacity>,
}

impl Settings {
    /// Checks that the index type is valid and, if the dimension is known, supports vectors of this dimension.
    pub(super) fn check_index(&self, dimension: Option<usize>) -> Result<(), StorageError> {
        let kind = self.resolve_index(0, dimension.unwrap_or(0))?;
        let Some(dimension) = dimension else { return Ok(()) };
        let distance_bound = DistanceBound::new(self.schema.metric, dimension);
        let made = AnnIndex::new(kind, dimension, distance_bound, self.tuning);
        made.map(drop).map_err(|error| self.index_error(&error))
    }

    /// The index type for this number of vectors.
    pub(super) fn resolve_index(&self, rows: u64, dimension: usize) -> Result<IndexType, StorageError> {
        let parameter = self.schema.names.index;
        let kind = self.index.resolve(rows, dimension);
        kind.map_err(|reason| StorageError::IndexType { parameter, reason })
    }

    /// The index types that may have been built for this number of vectors or fewer.
    pub(super) fn earlier_indexes(
        &self,
        rows: u64,
        dimension: usize,
    ) -> Result<Vec<IndexType>, StorageError> {
        let parameter = self.schema.names.index;
        let kinds = self.index.possible_types(rows, dimension);
        kinds.map_err(|reason| StorageError::IndexType { parameter, reason })
    }

    /// The error for a rejected index type, with the correction to type where it is known.
    pub(super) fn index_error(&self, error: &AnnError) -> StorageError {
        let names = self.schema.names;
        let reason = match (error, names.metric_value(Metric::Euclidean.name())) {
            (AnnError::EuclideanOnly(_), Some(euclidean)) => {
                format!("{error}: write `{}: {euclidean}`", names.metric)
            }
            _ => error.to_string(),
        };
        StorageError::IndexType { parameter: names.index, reason }
    }
}
