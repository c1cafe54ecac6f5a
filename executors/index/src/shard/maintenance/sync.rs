//! Syncing acknowledged writes, in intervals (`fsync: interval`) and when the shard is closed.

use std::sync::Arc;

use flowrun_sdk::{Health, tracing};

use crate::shard::background_task::{BackgroundTask, NextRun};
use crate::shard::shard_core::Shard;
use crate::storage::{FSYNC_INTERVAL, Fsync, StorageError};

impl Shard {
    /// Starts the task that syncs every [`FSYNC_INTERVAL`], if the policy is [`Fsync::Interval`].
    pub(in crate::shard) fn start_syncing(shard: &Arc<Self>, health: Health) -> Option<BackgroundTask> {
        if shard.settings.read_only || shard.settings.fsync != Fsync::Interval {
            return None;
        }
        let shard = Arc::clone(shard);
        Some(BackgroundTask::started(health, move || {
            if let Err(error) = shard.sync() {
                // Further writes are rejected, which is reported until they are accepted again.
                tracing::error!(%error, "sync failed: the last writes may not be on disk");
            }
            NextRun::After(FSYNC_INTERVAL)
        }))
    }

    /// Syncs acknowledged writes that are not synced yet.
    pub(in crate::shard) fn sync(&self) -> Result<(), StorageError> {
        self.state().sync()
    }

    /// Syncs the last writes when the shard is closed, and records that all are synced. A failure is logged.
    pub(in crate::shard) fn sync_at_close(&self) {
        if self.settings.read_only {
            return;
        }
        if let Err(error) = self.sync().and_then(|()| self.state().close()) {
            tracing::error!(%error, "sync failed: the last writes may not be on disk");
        }
    }
}
