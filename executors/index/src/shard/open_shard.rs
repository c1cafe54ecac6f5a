//! An open shard with its background tasks.
//!
//! The index task builds the index and compacts the shard; its thread starts with the first work. Further tasks run where
//! they are needed: syncing (`fsync: interval`), expiry, the recovery of rejected writes, and the refresh of a read-only
//! shard. All end with the shard.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use flowrun_sdk::{Context, ExecutorError, Health};

use super::background_task::{BackgroundTask, NextRun};
use super::cancellation::CancelCheck;
use super::health_report::HealthReport;
use super::index_cache::CachedIndex;
use super::maintenance::BackupName;
use super::metrics;
use super::read::{Match, ReadTransaction, SearchParams};
use super::settings::Settings;
use super::shard_core::Shard;
use super::unknown_names;
use crate::metric::Query;
use crate::storage::{Change, Layout, Outcome, StorageError};

/// Interval between attempts to build or save an index on a full disk.
const FULL_DISK_RETRY: Duration = Duration::from_secs(10);

/// An open shard. Its background tasks end when the last replica releases it.
#[derive(Debug)]
pub(crate) struct OpenShard {
    shard: Arc<Shard>,
    health: Health,
    index_task: BackgroundTask,
    expiry_task: Option<BackgroundTask>,
    refresh_task: Option<BackgroundTask>,
    sync_task: Option<BackgroundTask>,
    write_recovery_task: Option<BackgroundTask>,
}

impl Deref for OpenShard {
    type Target = Shard;

    fn deref(&self) -> &Shard {
        &self.shard
    }
}

impl OpenShard {
    /// Opens the shard of a context, or shares it with the replica that has opened it.
    ///
    /// # Errors
    /// When the stored data does not fit the schema or is damaged, or another process writes to the shard.
    pub(crate) fn open(context: &Context, settings: Settings) -> Result<Arc<Self>, StorageError> {
        let layout = Layout::new(&context.workspace);
        let schema = settings.schema.clone();
        let (name, health) =
            (format!("shard {} of `{}`", context.shard, context.pod), context.health.clone());
        let open = || {
            let capacity = settings.cache_capacity;
            let mut shard = Shard::open_directory(layout, settings)?;
            if let Some(capacity) = capacity {
                shard.bound_by_cache(&context.pod, capacity);
            }
            Ok::<_, StorageError>(Self::new(shard, name, health))
        };
        let shard = context.shared.get_or_open(&context.workspace, open)?;
        let state = shard.state();
        state.manifest.check(&shard.layout, &schema)?;
        drop(state);
        metrics::register(shard.shard(), &context.metrics);
        Ok(shard)
    }

    fn new(shard: Shard, name: String, health: Health) -> Self {
        let shard = Arc::new(shard);
        if let Some(cache) = &shard.cache {
            let index: Arc<dyn CachedIndex> = Arc::<Shard>::clone(&shard);
            cache.add(&index);
        }
        unknown_names::register(&shard);
        let sync_task = Shard::start_syncing(&shard, health.clone());
        let index_task = BackgroundTask::new(health.clone());
        let wake_index_task = || {
            let signal = index_task.signal().clone();
            move || signal.wake()
        };
        let expiry_task = Shard::start_expiring(&shard, health.clone(), wake_index_task());
        let refresh_task = Shard::start_refreshing(&shard, health.clone(), wake_index_task());
        let write_recovery_task = Shard::start_write_recovery(&shard, name, health.clone());
        let open =
            Self { shard, health, index_task, expiry_task, refresh_task, sync_task, write_recovery_task };
        if open.expiry_task.is_some() || open.refresh_task.is_some() {
            open.start_index_task();
        }
        open.wake_index_task();
        open
    }

    /// The shard without its tasks.
    pub(super) fn shard(&self) -> &Arc<Shard> {
        &self.shard
    }

    /// Makes a change durable and then visible.
    ///
    /// # Errors
    /// When it could not be made durable; then nothing of it is visible.
    pub(crate) fn apply(&self, change: Change) -> Result<Outcome, StorageError> {
        self.apply_with(|_| Ok(change))
    }

    /// Makes a change that depends on the stored documents durable and then visible; no other thread writes meanwhile.
    ///
    /// # Errors
    /// Those of `change`, or when it could not be made durable; then nothing of it is visible.
    pub(crate) fn apply_with<E: From<StorageError>>(
        &self,
        change: impl FnOnce(&ReadTransaction<'_>) -> Result<Change, E>,
    ) -> Result<Outcome, E> {
        let outcome = self.shard.write(change).inspect_err(|_| {
            // Rejected writes are reported immediately.
            self.write_recovery_task.iter().for_each(|task| task.signal().wake());
        })?;
        self.wake_index_task();
        self.expiry_task.iter().for_each(|task| task.signal().wake());
        Ok(outcome)
    }

    /// Restores a backup, see [`Shard::restore`], and starts to build its index.
    ///
    /// # Errors
    /// Those of [`Shard::restore`].
    pub(crate) fn restore(&self, name: &BackupName) -> Result<u64, ExecutorError> {
        let restored = self.shard.restore(name);
        self.wake_index_task();
        restored
    }

    /// Searches for the nearest documents, see [`Shard::search`]. An index that was loaded for this search may lack recent
    /// rows or turn out to be damaged, hence the index task is woken.
    ///
    /// # Errors
    /// Those of [`Shard::search`].
    pub(crate) fn search(
        &self,
        queries: &[Query],
        params: &SearchParams<'_>,
        check: CancelCheck<'_>,
    ) -> Result<Vec<Vec<Match>>, ExecutorError> {
        let found = self.shard.search(queries, params, check);
        if self.shard.cache.is_some() {
            self.wake_index_task();
        }
        found
    }

    /// Waits until the index covers all stored vectors.
    ///
    /// # Errors
    /// Those of `check`, or when a defect has ended the index task.
    pub(crate) fn wait_until_indexed(&self, check: CancelCheck<'_>) -> Result<(), ExecutorError> {
        self.wake_index_task();
        self.index_task.wait_until_idle(check)
    }

    /// Wakes the index task if it has work.
    pub(super) fn wake_index_task(&self) {
        if self.shard.has_work() {
            self.index_task.signal().wake();
            self.start_index_task();
        }
    }

    fn start_index_task(&self) {
        self.index_task.start(NextRun::WhenWoken, || {
            let (shard, mut report) = (Arc::clone(&self.shard), HealthReport::new(self.health.clone()));
            move || {
                let Err(error) = shard.work() else {
                    report.succeed();
                    return NextRun::WhenWoken;
                };
                report.fail(format!("the index could not be built or updated: {error}"));
                if error.is_transient() { NextRun::After(FULL_DISK_RETRY) } else { NextRun::WhenWoken }
            }
        });
    }
}

impl Drop for OpenShard {
    fn drop(&mut self) {
        self.expiry_task.take();
        self.refresh_task.take();
        self.write_recovery_task.take();
        self.index_task.request_stop();
        self.shard.stop_work();
        self.index_task.join();
        self.sync_task.take();
        // With `fsync: interval` or `never`, acknowledged writes should survive an orderly end of the machine.
        self.shard.sync_at_close();
    }
}
