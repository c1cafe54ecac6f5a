//! The lock order: every ranked lock, outermost first.

/// Position of a lock in the order; a thread acquires locks from the top of this list to its bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::shard) enum LockRank {
    /// The right to create a generation or to read and write backups; held for minutes.
    Generation,
    /// The version that a read-only shard was refreshed to.
    Refresh,
    /// The right to write documents; one thread per shard.
    Writer,
    /// The current generation: shared by readers and the writer, exclusive while another generation replaces it.
    State,
    /// Sync status of the current generation.
    Durability,
    /// The committed view of the current generation.
    View,
    /// Tag statistics of the current generation.
    TagStats,
    /// Centroids of the current generation.
    Centroids,
    /// Expiry times of the stored documents.
    Expiry,
    /// Ids that were changed since a compaction began.
    ChangedIds,
    /// Index of the generation that a compaction creates.
    CompactionTarget,
    /// The right to add rows to the FAISS index or to replace it.
    IndexBuild,
    /// The FAISS index that answers searches.
    ServedIndex,
    /// Results of recent filters.
    FilterCache,
    /// Entries of the index cache of a pod.
    IndexCache,
    /// Flags of a background task.
    TaskFlags,
}
