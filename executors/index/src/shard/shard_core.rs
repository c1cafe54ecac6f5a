//! The shared core of an open shard: its settings, its files, and its locks.
//!
//! Three types act on it, each named after the lock that it holds: [`ReadTransaction`](super::ReadTransaction) reads
//! one committed view, `Writer` changes documents and replaces the current generation, `Maintenance` creates
//! generations and backups. A thread acquires them only in the order maintenance, writer, read transaction, see
//! [`super::lock_order`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flowrun_sdk::tracing;

use super::cache_capacity::CacheCapacity;
use super::compaction_control::CompactionControl;
use super::index_cache::{CachedIndex, IndexCache, Pin, Purpose};
use super::lock_order::{
    LockRank, OrderedMutex, OrderedMutexGuard, OrderedReadGuard, OrderedRwLock, OrderedWriteGuard,
};
use super::settings::Settings;
use super::state::GenerationState;
use super::storage_version::StorageVersion;
use super::vectors::VectorIndex;
use crate::ann::{release_memory, set_threads};
use crate::metric::Metric;
use crate::storage::{DirectoryLock, ElementType, Layout, StorageError};

/// Time during which [`Shard::state_for_replacement`] only polls, so that it does not block new readers.
const POLITE_WAIT: Duration = Duration::from_secs(1);
/// Interval of these polls.
const POLITE_POLL: Duration = Duration::from_millis(5);

/// An open shard, shared by the replicas of an executor.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(super) settings: Settings,
    pub(super) layout: Layout,
    /// Held by `Maintenance`.
    generation_lock: OrderedMutex<()>,
    /// Version at which a read-only shard was opened or refreshed last; `None` if the next refresh has to open the files again.
    pub(super) refreshed: OrderedMutex<Option<StorageVersion>>,
    /// Held by `Writer`.
    writer_lock: OrderedMutex<()>,
    /// The current generation. Locked for reading by readers and the writer, for writing to replace the generation.
    state: OrderedRwLock<GenerationState>,
    /// True once the host (flowrun's runtime) uses tag statistics: every generation then maintains them.
    pub(super) maintains_tag_stats: AtomicBool,
    /// Coordinates a running compaction with writers.
    pub(super) compaction: CompactionControl,
    /// Bounds the indexes in memory; `None` without the parameter `resident`.
    pub(super) cache: Option<Arc<IndexCache>>,
    /// Released last. A read-only shard has none.
    directory_lock: Option<DirectoryLock>,
}

impl Shard {
    pub(super) fn new(
        layout: Layout,
        settings: Settings,
        state: GenerationState,
        directory_lock: Option<DirectoryLock>,
    ) -> Self {
        Self {
            settings,
            layout,
            generation_lock: OrderedMutex::new(LockRank::Generation, ()),
            refreshed: OrderedMutex::new(LockRank::Refresh, None),
            writer_lock: OrderedMutex::new(LockRank::Writer, ()),
            state: OrderedRwLock::new(LockRank::State, state),
            maintains_tag_stats: AtomicBool::new(false),
            compaction: CompactionControl::default(),
            cache: None,
            directory_lock,
        }
    }

    /// Bounds the memory of the index by the index cache of the pod. Called before the shard is shared.
    pub(super) fn bound_by_cache(&mut self, pod: &str, capacity: CacheCapacity) {
        let directory = self.layout.directory();
        let pod_directory = directory.parent().unwrap_or(directory);
        self.cache = Some(IndexCache::of_pod(pod, pod_directory, capacity));
    }

    /// The current generation, locked against replacement.
    pub(super) fn state(&self) -> OrderedReadGuard<'_, GenerationState> {
        self.state.read()
    }

    /// The current generation for a thread that may already hold it; does not wait for threads that wait to replace it.
    pub(super) fn state_recursive(&self) -> OrderedReadGuard<'_, GenerationState> {
        self.state.read_recursive()
    }

    /// The current generation, unless that would block.
    pub(super) fn try_state(&self) -> Option<OrderedReadGuard<'_, GenerationState>> {
        self.state.try_read()
    }

    /// The current generation, locked exclusively.
    pub(super) fn state_mut(&self) -> OrderedWriteGuard<'_, GenerationState> {
        self.state.write()
    }

    /// The current generation, locked exclusively to replace it. A thread that waits for the lock blocks new readers,
    /// hence this polls for a second first.
    pub(super) fn state_for_replacement(&self) -> OrderedWriteGuard<'_, GenerationState> {
        let until = Instant::now() + POLITE_WAIT;
        loop {
            match self.state.try_write() {
                Some(state) => return state,
                None if Instant::now() >= until => return self.state.write(),
                None => std::thread::sleep(POLITE_POLL),
            }
        }
    }

    /// Waits for the lock that [`Maintenance`](super::maintenance) holds.
    pub(super) fn lock_generation(&self) -> OrderedMutexGuard<'_, ()> {
        self.generation_lock.lock()
    }

    /// Waits for the lock that [`Writer`](super::write) holds.
    pub(super) fn lock_writer(&self) -> OrderedMutexGuard<'_, ()> {
        self.writer_lock.lock()
    }

    /// Limits the threads that FAISS uses for calls of the current thread to the share of this shard.
    pub(super) fn use_threads(&self) {
        set_threads(self.settings.threads);
    }

    /// Vectors of the current generation; `None` for a document store, and before the first vector is written.
    pub(super) fn vectors(&self) -> Option<Arc<VectorIndex>> {
        self.state().vectors.clone()
    }

    /// Dimension of the vectors, once it is known. May be called during a read transaction.
    pub(crate) fn dimension(&self) -> Option<usize> {
        self.state_recursive().manifest.dimension
    }

    /// Element type of the stored vectors. May be called during a read transaction.
    pub(crate) fn elements(&self) -> ElementType {
        self.state_recursive().manifest.elements()
    }

    /// The distance metric.
    pub(crate) fn metric(&self) -> Metric {
        self.settings.schema.metric
    }

    /// Number of the current generation.
    ///
    /// # Errors
    /// Those of [`Shard::check_accepts_writes`]: while writes are rejected, no generation may replace the current one.
    pub(super) fn replaceable_generation(&self) -> Result<u32, StorageError> {
        let state = self.state();
        self.check_accepts_writes(&state)?;
        Ok(state.manifest.generation)
    }

    /// Checks that the directory is still there, and that no earlier write or sync of the current generation has failed.
    ///
    /// # Errors
    /// [`StorageError::Removed`], or [`StorageError::WriteFailed`] after a failed write or sync.
    pub(super) fn check_accepts_writes(&self, state: &GenerationState) -> Result<(), StorageError> {
        self.directory_lock.as_ref().map_or(Ok(()), |lock| lock.check_in_place(&self.layout))?;
        state.check_accepts_writes(&self.layout)
    }

    /// Adds tag statistics and centroids to a generation that is not visible yet, if the shard maintains them.
    pub(super) fn with_tag_stats(&self, next: GenerationState) -> Result<GenerationState, StorageError> {
        if self.maintains_tag_stats.load(Ordering::Acquire) {
            next.collect_tag_stats()?;
            next.update_centroids()?;
        }
        Ok(next)
    }

    /// Pins the index in memory, if the shard is bound by a cache; see [`IndexCache::pin`].
    ///
    /// # Errors
    /// When vectors cannot be read, or those of `check`.
    pub(super) fn pin<E: From<StorageError>>(
        &self,
        purpose: Purpose,
        check: impl Fn() -> Result<(), E>,
    ) -> Result<Option<Pin<'_>>, E> {
        self.cache.as_ref().map(|cache| cache.pin(self, purpose, check)).transpose()
    }

    /// Saves the index, so that the next start need not rebuild it; does nothing for a read-only shard.
    pub(crate) fn save_index(&self) {
        if let Some(vectors) = self.vectors() {
            vectors.finish();
        }
    }

    /// Returns whether the shard is being closed, or has no vectors to work on.
    pub(super) fn is_closing(&self) -> bool {
        self.state().vectors.as_ref().is_none_or(|vectors| vectors.is_retired())
    }
}

impl CachedIndex for Shard {
    fn load(&self) -> Result<(), StorageError> {
        self.use_threads();
        self.vectors().map_or(Ok(()), |vectors| vectors.load())
    }

    /// Also releases the tags in memory, unless a thread is writing; they take less than the index.
    fn evict(&self) -> bool {
        self.use_threads();
        let is_evicted = self.vectors().is_none_or(|vectors| vectors.evict());
        if let Some(_writer) = self.writer_lock.try_lock() {
            self.state().release_tag_columns();
        }
        release_memory();
        tracing::debug!(directory = %self.layout.directory().display(), is_evicted, "index evicted");
        is_evicted
    }

    fn is_known_to_be_evicted(&self) -> bool {
        let Some(state) = self.try_state() else { return false };
        let served = state.vectors.as_ref().and_then(|vectors| vectors.served.try_read());
        served.is_some_and(|served| served.index.is_evicted())
    }

    fn index_bytes(&self) -> u64 {
        self.state().vectors.as_ref().map_or(0, |vectors| vectors.served.read().index.memory_bytes())
    }
}
