//! Removing expired documents.
//!
//! The background task holds the writer lock, so that no document is written again between the decision and the removal.

use std::sync::Arc;
use std::time::Duration;

use flowrun_sdk::{Health, tracing};

use crate::shard::background_task::{BackgroundTask, NextRun};
use crate::shard::shard_core::Shard;
use crate::shard::state::now;
use crate::storage::{Change, StorageError};

/// Longest interval between two runs: the clock may be set, or a backup restored.
const RUN_INTERVAL_MAX: Duration = Duration::from_secs(1);

impl Shard {
    /// Starts the task that removes expired documents, if the shard has an expiry tag and may be written. `removed` is
    /// called after each removal.
    pub(in crate::shard) fn start_expiring(
        shard: &Arc<Self>,
        health: Health,
        removed: impl Fn() + Send + 'static,
    ) -> Option<BackgroundTask> {
        if shard.settings.read_only || shard.settings.expires.is_none() {
            return None;
        }
        let shard = Arc::clone(shard);
        Some(BackgroundTask::started(health.clone(), move || match shard.remove_expired(&removed) {
            Ok(wait) => NextRun::After(wait.map_or(RUN_INTERVAL_MAX, |wait| wait.min(RUN_INTERVAL_MAX))),
            // Reported as rejected writes. The schedule is read again when they are accepted.
            Err(error) if error.is_transient() => NextRun::After(RUN_INTERVAL_MAX),
            Err(error) => {
                let reason = format!("expired documents could not be removed: {error}");
                tracing::error!("{reason}");
                health.set_unhealthy(reason);
                NextRun::Never
            }
        }))
    }

    /// Removes expired documents; returns the time until the next one expires.
    fn remove_expired(&self, removed: impl Fn()) -> Result<Option<Duration>, StorageError> {
        loop {
            let writer = self.writer();
            let (mut change, mut wait) = (Change::default(), None);
            if let Some(expiry) = &self.state().expiry {
                expiry.take_due(now()).into_iter().for_each(|id| change.remove(id));
                wait = expiry.time_until_due(now());
            }
            if change.is_empty() {
                return Ok(wait);
            }
            let count = writer.store(change)?.removed;
            tracing::debug!(directory = %self.layout.directory().display(), removed = count, "expired");
            removed();
        }
    }
}
