//! Interface between the index cache and its members, the shards.

use crate::storage::StorageError;

/// A member of the cache: the owner of an index that can be in memory or only on disk.
pub(in crate::shard) trait CachedIndex: Send + Sync {
    /// Loads the index into memory if it is only on disk.
    ///
    /// # Errors
    /// When vectors cannot be read.
    fn load(&self) -> Result<(), StorageError>;

    /// Saves the index and releases its memory. The cache calls it only while the index has no pins. Returns false on
    /// failure: the index then stays in memory.
    fn evict(&self) -> bool;

    /// Returns whether the index is only on disk; false when that cannot be determined without blocking.
    fn is_known_to_be_evicted(&self) -> bool;

    /// Estimated bytes of the index in memory, or once it is loaded.
    fn index_bytes(&self) -> u64;
}

/// Purpose of a pin, which keeps an index in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shard) enum Purpose {
    /// Search the index or add rows: counted against the capacity of the cache.
    Use,
    /// Build a new index, which takes long: not counted, and at most one at a time.
    Build,
}
