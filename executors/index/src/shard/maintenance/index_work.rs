//! The work of the index task: building and updating the index, and compaction.

use crate::shard::index_cache::Purpose;
use crate::shard::shard_core::Shard;
use crate::storage::StorageError;

/// Reason why the index cannot be pinned.
enum PinError {
    Closing,
    Storage(StorageError),
}

impl From<StorageError> for PinError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl Shard {
    /// Returns whether the index task has work.
    pub(in crate::shard) fn has_work(&self) -> bool {
        let is_compaction_due = self.is_compaction_due();
        let state = self.state();
        is_compaction_due || state.vectors.as_ref().is_some_and(|vectors| vectors.has_work())
    }

    /// Builds or updates the index, and compacts the shard, as far as that is due.
    pub(in crate::shard) fn work(&self) -> Result<(), StorageError> {
        // Adding rows may make a build due, which needs another kind of pin: then once more.
        while self.has_work() {
            let may_build = self.cache.is_none() || self.is_build_due();
            let purpose = if may_build { Purpose::Build } else { Purpose::Use };
            let check = || if self.is_closing() { Err(PinError::Closing) } else { Ok(()) };
            let _pin = match self.pin(purpose, check) {
                Ok(pin) => pin,
                Err(PinError::Closing) => return Ok(()),
                Err(PinError::Storage(error)) => return Err(error),
            };
            if may_build && self.is_compaction_due() {
                self.compact();
            }
            self.vectors().map_or(Ok(()), |vectors| vectors.work(may_build))?;
            if may_build || !self.is_build_due() {
                break;
            }
        }
        Ok(())
    }

    /// Returns whether another index or another generation is to be built.
    fn is_build_due(&self) -> bool {
        self.is_compaction_due() || self.vectors().is_some_and(|vectors| vectors.is_build_due())
    }

    /// Stops work on the index soon, and prevents compactions for good: the shard is being closed.
    pub(in crate::shard) fn stop_work(&self) {
        if let Some(vectors) = &self.state().vectors {
            vectors.retire();
        }
        std::mem::forget(self.compaction.interrupt());
    }
}
