//! The right to create a generation.

use crate::shard::lock_order::OrderedMutexGuard;
use crate::shard::shard_core::Shard;

/// The right to create a generation or to read and write backups: at most one exists per shard.
pub(super) struct Maintenance<'a> {
    pub(super) shard: &'a Shard,
    _lock: OrderedMutexGuard<'a, ()>,
}

impl Shard {
    /// Waits for the right to create a generation.
    pub(super) fn maintenance(&self) -> Maintenance<'_> {
        Maintenance { shard: self, _lock: self.lock_generation() }
    }

    /// Waits like [`Shard::maintenance`], but interrupts a running compaction, whose generation would be replaced anyway.
    pub(super) fn urgent_maintenance(&self) -> Maintenance<'_> {
        let _interruption = self.compaction.interrupt();
        self.maintenance()
    }
}
