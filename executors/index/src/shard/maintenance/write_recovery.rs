//! Reports that writes are rejected, and accepts them again once a full disk has space.
//!
//! After a failed write the contents of the files are unknown, so the shard rejects writes. A restart would open the files again
//! and repair what the failed write left; this does the same in a running flow, where lack of space was the cause. A
//! checkpoint of the documents answers searches meanwhile.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use flowrun_sdk::{Health, tracing};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use crate::shard::background_task::{BackgroundTask, NextRun};
use crate::shard::health_report::HealthReport;
use crate::shard::settings::Settings;
use crate::shard::shard_core::Shard;
use crate::storage::{Manifest, StorageError};

/// Interval between two checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Space that must be available before writes are accepted again, in bytes: a few memtables that may have to be flushed.
const SPACE_BYTES_MIN: u64 = 16 << 20;

impl Shard {
    /// Starts the task that reports rejected writes and ends them, unless the shard is read-only. `name` names the shard in
    /// reports.
    pub(in crate::shard) fn start_write_recovery(
        shard: &Arc<Self>,
        name: String,
        health: Health,
    ) -> Option<BackgroundTask> {
        if shard.settings.read_only {
            return None;
        }
        let shard = Arc::clone(shard);
        let mut report = HealthReport::new(health.clone());
        Some(BackgroundTask::started(health, move || {
            match shard.recover_writes() {
                Err(error) => report.fail(format!("{name} rejects writes: {error}")),
                Ok(()) if report.succeed() => tracing::info!("{name} accepts writes again"),
                Ok(()) => {}
            }
            NextRun::After(CHECK_INTERVAL)
        }))
    }

    /// Accepts writes again, if the cause of their rejection has ended.
    ///
    /// # Errors
    /// The reason why writes are rejected.
    pub(in crate::shard) fn recover_writes(&self) -> Result<(), StorageError> {
        let rejected = self.check_accepts_writes(&self.state());
        match rejected {
            Err(error) if error.is_transient() => {
                let has_space =
                    self.check_space().inspect_err(|error| tracing::debug!(%error, "still no space"));
                if has_space.is_err() { Err(error) } else { self.reopen() }
            }
            rejected => rejected,
        }
    }

    /// Checks that there is space for further writes.
    fn check_space(&self) -> Result<(), StorageError> {
        let path = self.layout.directory().join("space.new");
        let reserved = File::create(&path).and_then(|file| {
            // Nothing is left behind when the process is killed.
            fs::remove_file(&path)?;
            match fallocate(&file, FallocateFlags::empty(), 0, SPACE_BYTES_MIN) {
                // The file system cannot reserve space: the next write shows whether there is some.
                Err(Errno::OPNOTSUPP) => Ok(()),
                reserved => reserved.map_err(io::Error::from),
            }
        });
        reserved.map_err(StorageError::io("reserve space in", self.layout.directory()))
    }

    /// Opens the stored data again for writing, like a restart.
    fn reopen(&self) -> Result<(), StorageError> {
        let _maintenance = self.urgent_maintenance();
        let writer = self.writer();
        let failure = self.state().durability.lock().write_failure.clone();
        let absent = || StorageError::NoIndex(self.layout.directory().to_owned());
        let written = Manifest::read(&self.layout)?.ok_or_else(absent)?;
        // The files can be opened for writing once they are closed. Until then, and if they cannot, a copy is read.
        let as_reader = Settings { read_only: true, ..self.settings.clone() };
        let copy = self.open_state(&written, &as_reader)?;
        copy.durability.lock().write_failure = failure;
        drop(writer.replace_with_committed(copy));
        let next = self.open_state(&written, &self.settings)?;
        if let Some(vectors) = &next.vectors {
            vectors.file.truncate(next.view().counters.rows)?;
        }
        drop(writer.replace_with_committed(next));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Context;

    use crate::ann::IndexChoice;
    use crate::shard::OpenShard;
    use crate::shard::tests::{change, inject, settings};
    use crate::storage::{Change, FaultPlan, Fsync};

    use super::*;

    const ENOSPC: i32 = 28;

    fn open(directory: &std::path::Path, fsync: Fsync) -> (Arc<OpenShard>, Health) {
        let context = Context { pod: "store".to_owned(), ..Context::standalone(directory) };
        let health = context.health.clone();
        (OpenShard::open(&context, settings(IndexChoice::AUTO, fsync)).unwrap(), health)
    }

    /// Waits until the health of the shard is as required.
    fn wait_for(health: &Health, is_reached: impl Fn(Option<&str>) -> bool) {
        while !is_reached(health.unhealthy_reason().as_deref()) {
            std::thread::yield_now();
        }
    }

    /// Documents that a search finds.
    fn found(shard: &Shard) -> usize {
        let params = crate::shard::SearchParams { k: 99, ..crate::shard::SearchParams::default() };
        let query = crate::metric::Query::new(vec![1.0, 2.0]);
        shard.search(&[query], &params, &|| Ok(())).unwrap()[0].len()
    }

    #[test]
    fn a_shard_accepts_writes_again_when_a_full_disk_has_space() {
        let full = || FaultPlan { writing: Some((5, ENOSPC)), ..FaultPlan::default() };
        let uncommitted = || FaultPlan { committing: Some(ENOSPC), ..FaultPlan::default() };
        for (plan, fsync) in
            [(full(), Fsync::Always), (uncommitted(), Fsync::Always), (uncommitted(), Fsync::Never)]
        {
            let directory = tempfile::tempdir().unwrap();
            let (shard, health) = open(directory.path(), fsync);
            shard.apply(change("a")).unwrap();
            // As long as the directory is in the way, no space can be reserved.
            let blocked = directory.path().join("space.new");
            fs::create_dir(&blocked).unwrap();
            inject(&shard, plan);
            let error = shard.apply(change("b")).unwrap_err().to_string();
            assert!(error.contains("No space left on device"), "{error}");
            let refused = shard.apply(change("b")).unwrap_err().to_string();
            assert!(refused.contains("free some disk space"), "{refused}");
            wait_for(&health, |reason| reason.is_some());
            let reason = health.unhealthy_reason().unwrap();
            assert!(reason.starts_with("shard 0 of `store` rejects writes: "), "{reason}");
            assert_eq!(found(&shard), 1);
            inject(&shard, FaultPlan::default());
            fs::remove_dir(&blocked).unwrap();
            wait_for(&health, |reason| reason.is_none());
            for id in ["b", "c"] {
                shard.apply(change(id)).unwrap();
            }
            let mut removal = Change::default();
            removal.remove("a".to_owned());
            shard.apply(removal).unwrap();
            assert_eq!(found(&shard), 2);
            drop(shard);
            let (shard, _) = open(directory.path(), fsync);
            assert_eq!(found(&shard), 2);
            drop(shard);
            let problems = crate::tool::verify(directory.path()).unwrap();
            assert!(problems.iter().all(|(_, problems)| problems.is_empty()), "{problems:?}");
        }
    }

    #[test]
    fn a_failed_sync_keeps_rejecting_writes_until_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let (shard, health) = open(directory.path(), Fsync::Always);
        shard.apply(change("a")).unwrap();
        inject(&shard, FaultPlan { syncing: Some(5), ..FaultPlan::default() });
        shard.apply(change("b")).unwrap_err();
        inject(&shard, FaultPlan::default());
        wait_for(&health, |reason| reason.is_some());
        for _ in 0..2 {
            let error = shard.recover_writes().unwrap_err().to_string();
            assert!(error.contains("Input/output error") && error.contains("restart the flow"), "{error}");
        }
    }

    #[test]
    fn a_workspace_that_was_removed_or_replaced_is_reported_and_not_written() {
        for is_replaced in [false, true] {
            let base = tempfile::tempdir().unwrap();
            let directory = base.path().join("0");
            let (shard, health) = open(&directory, Fsync::Never);
            shard.apply(change("a")).unwrap();
            fs::rename(&directory, base.path().join("elsewhere")).unwrap();
            let replaced = is_replaced.then(|| open(&directory, Fsync::Never));
            // Also without a write.
            wait_for(&health, |reason| {
                reason.is_some_and(|reason| reason.contains("was removed or replaced"))
            });
            for refused in [shard.apply(change("b")).map(drop), shard.clear()] {
                let error = refused.unwrap_err().to_string();
                assert!(error.contains("was removed or replaced while the flow was running"), "{error}");
            }
            drop(replaced);
            let _ = fs::remove_dir_all(&directory);
            // A volume that was mounted again.
            fs::rename(base.path().join("elsewhere"), &directory).unwrap();
            wait_for(&health, |reason| reason.is_none());
            shard.apply(change("b")).unwrap();
        }
    }
}
