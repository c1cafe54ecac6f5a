//! An LRU cache of the indexes of a pod's shards, bounded by `resident` (a number of shards, or bytes).
//!
//! Using an index pins it. When the cache is full of pinned indexes, callers wait; otherwise the least recently used
//! one is evicted and loaded from disk when it is needed again. Documents and vectors are on disk in any case, so
//! eviction loses nothing. Building an index is not counted against the bound (searches never wait for it); at most
//! one is built at a time.
//!
//! The cache knows its members only as [`CachedIndex`]; the shard implements that in `shard_core`.

mod cached_index;
mod entries;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::{Condvar, Mutex};

pub(super) use self::cached_index::{CachedIndex, Purpose};
use self::entries::{Entries, EntryState, NextAction};
use super::cache_capacity::CacheCapacity;
use super::cancellation::wait_until;
use super::lock_order::{LockRank, OrderedMutex};
use crate::storage::StorageError;

/// The cache, shared by the shards of one pod.
#[derive(Debug)]
pub(super) struct IndexCache {
    capacity: CacheCapacity,
    entries: OrderedMutex<Entries>,
    changed: Condvar,
}

impl IndexCache {
    /// The cache of the pod of this name for the shards below `directory`. Several pods that read the same shards
    /// have one cache each.
    pub(super) fn of_pod(pod: &str, directory: &Path, capacity: CacheCapacity) -> Arc<Self> {
        type Caches = HashMap<(String, PathBuf, CacheCapacity), Weak<IndexCache>>;
        static CACHES: LazyLock<Mutex<Caches>> = LazyLock::new(Mutex::default);
        let key = (pod.to_owned(), directory.to_owned(), capacity);
        let mut caches = CACHES.lock();
        caches.retain(|_, cache| cache.strong_count() > 0);
        if let Some(known) = caches.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        let entries = OrderedMutex::new(LockRank::IndexCache, Entries::default());
        let cache = Arc::new(Self { capacity, entries, changed: Condvar::new() });
        caches.insert(key, Arc::downgrade(&cache));
        cache
    }

    /// Adds a shard whose index is evicted.
    pub(super) fn add(&self, index: &Arc<dyn CachedIndex>) {
        let bytes = index.index_bytes();
        self.entries.lock().add(index, bytes);
    }

    /// Pins an index, after loading it if necessary: it is not evicted until the returned pin is dropped. Waits while the
    /// cache is full of pinned indexes.
    ///
    /// # Errors
    /// When vectors cannot be read, or those of `check` while this waits.
    pub(super) fn pin<'a, E: From<StorageError>>(
        &'a self,
        index: &'a dyn CachedIndex,
        purpose: Purpose,
        check: impl Fn() -> Result<(), E>,
    ) -> Result<Pin<'a>, E> {
        loop {
            let action = wait_until(&self.entries, &self.changed, &check, |entries| {
                entries.next_action(self.capacity, index, purpose)
            })?;
            match action {
                NextAction::Pinned => return Ok(Pin { cache: self, index, purpose }),
                NextAction::Load => {
                    // Unpins by itself if loading fails.
                    let pin = Pin { cache: self, index, purpose };
                    let transition = Transition { cache: self, index, end: EntryState::Evicted };
                    index.load()?;
                    transition.end_as(EntryState::Loaded);
                    return Ok(pin);
                }
                NextAction::Evict(idle) => self.evict(&*idle),
            }
        }
    }

    /// Pins an index if it is in memory.
    pub(super) fn pin_if_loaded<'a>(&'a self, index: &'a dyn CachedIndex) -> Option<Pin<'a>> {
        let is_pinned = self.entries.lock().pin_if_loaded(index);
        is_pinned.then(|| Pin { cache: self, index, purpose: Purpose::Use })
    }

    /// Evicts an index that is marked as in transition.
    fn evict(&self, idle: &dyn CachedIndex) {
        let transition = Transition { cache: self, index: idle, end: EntryState::Loaded };
        let is_evicted = idle.evict();
        if !is_evicted {
            self.entries.lock().mark_unevictable(idle);
        }
        transition.end_as(if is_evicted { EntryState::Evicted } else { EntryState::Loaded });
    }

    /// Evicts idle indexes until the cache is within its capacity.
    fn evict_excess(&self) {
        loop {
            let mut entries = self.entries.lock();
            let idle = entries.exceeds(self.capacity).then(|| entries.begin_eviction()).flatten();
            drop(entries);
            match idle {
                Some(idle) => self.evict(&*idle),
                None => return,
            }
        }
    }

    /// Returns whether more is in memory than the capacity allows.
    #[cfg(test)]
    fn is_over_capacity(&self) -> bool {
        self.entries.lock().exceeds(self.capacity)
    }
}

/// An index that is being loaded or evicted. Dropping it, by a panic too, ends the transition in the state `end`.
struct Transition<'a> {
    cache: &'a IndexCache,
    index: &'a dyn CachedIndex,
    end: EntryState,
}

impl Transition<'_> {
    fn end_as(mut self, state: EntryState) {
        self.end = state;
    }
}

impl Drop for Transition<'_> {
    fn drop(&mut self) {
        let bytes = self.index.index_bytes();
        self.cache.entries.lock().end_transition(self.index, self.end, bytes);
        self.cache.changed.notify_all();
    }
}

/// A pinned index; dropping it unpins the index.
pub(super) struct Pin<'a> {
    cache: &'a IndexCache,
    index: &'a dyn CachedIndex,
    purpose: Purpose,
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        let bytes = self.index.index_bytes();
        self.cache.entries.lock().unpin(self.index, self.purpose, bytes);
        self.cache.changed.notify_all();
        self.cache.evict_excess();
    }
}

#[cfg(test)]
mod tests;
