//! The entries of the index cache and the eviction policy; plain data, changed under the lock of the cache.

use std::sync::{Arc, Weak};

use super::cached_index::{CachedIndex, Purpose};
use crate::shard::cache_capacity::CacheCapacity;

/// The entries of a cache.
#[derive(Debug, Default)]
pub(super) struct Entries {
    entries: Vec<Entry>,
    /// Number of pins so far: the clock of the LRU order.
    clock: u64,
}

/// The entry of one shard.
struct Entry {
    index: Weak<dyn CachedIndex>,
    state: EntryState,
    pins: usize,
    /// One of the pins is held to build an index.
    is_building: bool,
    /// The last eviction failed; it is tried again after the index was used.
    is_unevictable: bool,
    last_used: u64,
    /// Bytes in memory, or when it was last loaded.
    bytes: u64,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({:?}, {} pins, {} bytes)", self.state, self.pins, self.bytes)
    }
}

/// State of an index: in memory, or only on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryState {
    /// Only on disk.
    Evicted,
    /// Being loaded or evicted by another thread.
    InTransition,
    /// In memory.
    Loaded,
}

/// Next action of a caller that wants to pin an index.
pub(super) enum NextAction {
    /// None: the index is in memory and pinned.
    Pinned,
    /// Load the index; its entry is pinned and reserved.
    Load,
    /// Evict this index first.
    Evict(Arc<dyn CachedIndex>),
}

impl Entries {
    /// Adds the entry of an index of `bytes` bytes that is evicted.
    pub(super) fn add(&mut self, index: &Arc<dyn CachedIndex>, bytes: u64) {
        self.entries.retain(|entry| entry.index.strong_count() > 0);
        self.entries.push(Entry {
            index: Arc::downgrade(index),
            state: EntryState::Evicted,
            pins: 0,
            is_building: false,
            is_unevictable: false,
            last_used: 0,
            bytes,
        });
    }

    fn entry(&mut self, index: &dyn CachedIndex) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| std::ptr::addr_eq(entry.index.as_ptr(), index))
    }

    /// Entries that count against the capacity.
    fn counted(&self) -> impl Iterator<Item = &Entry> {
        let is_counted = |entry: &&Entry| {
            entry.state != EntryState::Evicted && !entry.is_building && entry.index.strong_count() > 0
        };
        self.entries.iter().filter(is_counted)
    }

    fn counted_bytes(&self) -> u64 {
        self.counted().map(|entry| entry.bytes).sum()
    }

    /// Returns whether one more index of this size fits.
    fn fits(&self, capacity: CacheCapacity, bytes: u64) -> bool {
        match capacity {
            CacheCapacity::Shards(shards) => (self.counted().count() as u64) < shards,
            CacheCapacity::Bytes(bytes_max) => {
                self.counted_bytes().saturating_add(bytes) <= bytes_max || self.counted().next().is_none()
            }
        }
    }

    /// Returns whether more is in memory than the capacity allows.
    pub(super) fn exceeds(&self, capacity: CacheCapacity) -> bool {
        let count = self.counted().count() as u64;
        match capacity {
            CacheCapacity::Shards(shards) => count > shards,
            CacheCapacity::Bytes(bytes_max) => count > 1 && self.counted_bytes() > bytes_max,
        }
    }

    /// Picks the least recently used entry that is neither pinned nor unevictable, and marks it as in transition.
    pub(super) fn begin_eviction(&mut self) -> Option<Arc<dyn CachedIndex>> {
        let is_idle = |entry: &&mut Entry| {
            entry.state == EntryState::Loaded
                && entry.pins == 0
                && !entry.is_unevictable
                && !entry.is_building
        };
        let mut idle: Vec<&mut Entry> = self.entries.iter_mut().filter(is_idle).collect();
        idle.sort_by_key(|entry| entry.last_used);
        idle.into_iter().find_map(|entry| {
            let index = entry.index.upgrade()?;
            entry.state = EntryState::InTransition;
            Some(index)
        })
    }

    /// Pins an index, reserves its loading, or begins an eviction that makes it fit; `None` when the caller has to
    /// wait.
    pub(super) fn next_action(
        &mut self,
        capacity: CacheCapacity,
        index: &dyn CachedIndex,
        purpose: Purpose,
    ) -> Option<NextAction> {
        let is_one_building =
            self.entries.iter().any(|entry| entry.is_building && entry.index.strong_count() > 0);
        let Some(entry) = self.entry(index) else { return Some(NextAction::Pinned) };
        // Another generation may have replaced the one whose index was in memory.
        if entry.state == EntryState::Loaded && index.is_known_to_be_evicted() {
            entry.state = EntryState::Evicted;
        }
        let (state, bytes) = (entry.state, entry.bytes);
        match state {
            EntryState::InTransition => return None,
            _ if purpose == Purpose::Build && is_one_building => return None,
            EntryState::Loaded => {}
            EntryState::Evicted if purpose == Purpose::Build || self.fits(capacity, bytes) => {}
            EntryState::Evicted => match self.begin_eviction() {
                Some(idle) => return Some(NextAction::Evict(idle)),
                // Waiting would not help while every loaded index is unevictable.
                None if self.counted().all(|entry| entry.is_unevictable && entry.pins == 0) => {}
                None => return None,
            },
        }
        self.clock += 1;
        let clock = self.clock;
        let Some(entry) = self.entry(index) else { return Some(NextAction::Pinned) };
        (entry.pins, entry.last_used) = (entry.pins + 1, clock);
        entry.is_building |= purpose == Purpose::Build;
        if state == EntryState::Loaded {
            return Some(NextAction::Pinned);
        }
        entry.state = EntryState::InTransition;
        Some(NextAction::Load)
    }

    /// Pins an index if it is in memory; returns whether it was.
    pub(super) fn pin_if_loaded(&mut self, index: &dyn CachedIndex) -> bool {
        let loaded = self.entry(index).filter(|entry| entry.state == EntryState::Loaded);
        loaded.map(|entry| entry.pins += 1).is_some()
    }

    /// Releases a pin. `bytes` is the present size of the index.
    pub(super) fn unpin(&mut self, index: &dyn CachedIndex, purpose: Purpose, bytes: u64) {
        if let Some(entry) = self.entry(index) {
            (entry.pins, entry.bytes) = (entry.pins.saturating_sub(1), bytes);
            entry.is_building &= purpose != Purpose::Build;
            entry.is_unevictable = false;
        }
    }

    /// Excludes an index whose eviction failed from further evictions until it is used again.
    pub(super) fn mark_unevictable(&mut self, index: &dyn CachedIndex) {
        if let Some(entry) = self.entry(index) {
            entry.is_unevictable = true;
        }
    }

    /// Records the end of loading or eviction. `bytes` is the present size of the index.
    pub(super) fn end_transition(&mut self, index: &dyn CachedIndex, state: EntryState, bytes: u64) {
        if let Some(entry) = self.entry(index) {
            (entry.state, entry.bytes) = (state, bytes);
        }
    }
}
