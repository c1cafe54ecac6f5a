//! Coordination of a running compaction with writers, and with threads that want it to stop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::lock_order::{LockRank, OrderedMutex};
use super::vectors::VectorIndex;
use crate::storage::Plan;

/// Coordination of a compaction.
#[derive(Debug)]
pub(super) struct CompactionControl {
    /// Ids of documents written or removed since the compaction began; `None` while none is running.
    changed_ids: OrderedMutex<Option<BTreeSet<String>>>,
    /// Vectors of the generation that is being created; their index need not be finished when the shard is closed.
    target: OrderedMutex<Option<Arc<VectorIndex>>>,
    /// Number of threads that want the compaction to stop: the shard is being closed, cleared or restored.
    interruptions: AtomicUsize,
    /// A compaction failed; none is tried again until the shard is reopened.
    has_failed: AtomicBool,
}

impl Default for CompactionControl {
    fn default() -> Self {
        Self {
            changed_ids: OrderedMutex::new(LockRank::ChangedIds, None),
            target: OrderedMutex::new(LockRank::CompactionTarget, None),
            interruptions: AtomicUsize::new(0),
            has_failed: AtomicBool::new(false),
        }
    }
}

impl CompactionControl {
    /// Ids that a plan changes; empty if no compaction is running. The caller holds the writer lock, so that none begins
    /// meanwhile.
    pub(super) fn ids_changed_by(&self, plan: &Plan) -> Vec<String> {
        let is_running = self.changed_ids.lock().is_some();
        if is_running { plan.changed_ids().map(str::to_owned).collect() } else { Vec::new() }
    }

    /// Records changed ids. Called once the change is visible, because the compaction reads each recorded document only once.
    pub(super) fn record(&self, ids: Vec<String>) {
        if let Some(changed) = self.changed_ids.lock().as_mut() {
            changed.extend(ids);
        }
    }

    /// Begins to record changed ids, until the guard of [`Self::end_on_drop`] is dropped. The caller holds the writer lock.
    pub(super) fn begin_recording(&self) {
        *self.changed_ids.lock() = Some(BTreeSet::new());
    }

    /// Takes the ids recorded since the last call.
    pub(super) fn take_changed(&self) -> BTreeSet<String> {
        self.changed_ids.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Returns a guard that ends the recording and releases the target when it is dropped, by a panic too.
    pub(super) fn end_on_drop(&self) -> RunningCompaction<'_> {
        RunningCompaction(self)
    }

    /// Sets the vectors whose index an interruption stops building; `None` for none.
    pub(super) fn set_target(&self, target: Option<Arc<VectorIndex>>) {
        *self.target.lock() = target;
    }

    /// Requests that a running compaction stops soon, and prevents further ones until the returned guard is dropped.
    pub(super) fn interrupt(&self) -> Interruption<'_> {
        self.interruptions.fetch_add(1, Ordering::AcqRel);
        if let Some(target) = &*self.target.lock() {
            target.retire();
        }
        Interruption(self)
    }

    /// Returns whether a running compaction is to stop.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interruptions.load(Ordering::Acquire) > 0
    }

    /// Gives up compaction until the shard is reopened.
    pub(super) fn fail(&self) {
        self.has_failed.store(true, Ordering::Release);
    }

    /// Returns whether a compaction has failed since the shard was opened.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }
}

/// Prevents compactions while it exists.
pub(super) struct Interruption<'a>(&'a CompactionControl);

impl Drop for Interruption<'_> {
    fn drop(&mut self) {
        self.0.interruptions.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A running compaction; dropping it ends the recording of changed ids.
pub(super) struct RunningCompaction<'a>(&'a CompactionControl);

impl Drop for RunningCompaction<'_> {
    fn drop(&mut self) {
        *self.0.changed_ids.lock() = None;
        self.0.set_target(None);
    }
}
