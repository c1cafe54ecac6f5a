//! Documents that are kept until a time, which a tag of theirs names.
//!
//! The times of all that is stored are in memory: read when a generation is opened, and kept up by whoever writes. A thread
//! removes what is due, whatever else the shard is busy with. What is due is looked at once more before it goes, under the
//! lock that writers take: in the meantime it may have been written anew.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowrun_sdk::{Condition, Tags, tracing};
use parking_lot::Mutex;

use super::Shard;
use super::recurring::Recurring;
use crate::storage::{Change, Reader, StorageError, Tagged};

/// How many documents are removed in one change.
const REMOVED_AT_ONCE: usize = 1024;
/// How long the thread waits at the most before it looks again: somebody may set the clock, or restore a backup.
const LOOKING: Duration = Duration::from_secs(1);

/// Milliseconds since 1970.
type Time = u64;

/// Until when documents are kept.
#[derive(Debug)]
pub(super) struct Expiry {
    tag: String,
    /// Times and ids. Some may be out of date: of documents that were removed, or written anew.
    due: Mutex<BTreeSet<(Time, String)>>,
}

impl Expiry {
    /// The times of what is stored.
    pub(super) fn read(tag: &str, table: &Reader) -> Result<Self, StorageError> {
        let expiry = Self { tag: tag.to_owned(), due: Mutex::default() };
        for stored in table.tags() {
            let Tagged { id, tags, .. } = stored?;
            expiry.note(&id, &tags);
        }
        Ok(expiry)
    }

    /// Notes until when a document is kept, if it says so.
    pub(super) fn note(&self, id: &str, tags: &Tags) {
        if let Some(time) = self.time(tags) {
            self.due.lock().insert((time, id.to_owned()));
        }
    }

    /// Until when a document with these tags is kept; `None` for one that does not say it in seconds since 1970.
    fn time(&self, tags: &Tags) -> Option<Time> {
        let seconds = tags.get(&self.tag)?.as_f64()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "what is far away saturates"
        )]
        let milliseconds = (seconds * 1000.0).ceil() as Time;
        Some(milliseconds)
    }

    /// What is due now, the first of it.
    fn due(&self, now: Time) -> Vec<(Time, String)> {
        let due = self.due.lock();
        due.iter().take_while(|(time, _)| *time <= now).take(REMOVED_AT_ONCE).cloned().collect()
    }

    /// How long it is until something is due.
    fn wait(&self, now: Time) -> Option<Duration> {
        self.due.lock().first().map(|(time, _)| Duration::from_millis(time.saturating_sub(now)))
    }

    fn forget(&self, gone: &[(Time, String)]) {
        let mut due = self.due.lock();
        gone.iter().for_each(|gone| _ = due.remove(gone));
    }
}

impl Shard {
    /// Removes what is due; how long it is until something else will be, `None` when nothing is.
    fn expire(&self) -> Result<Option<Duration>, StorageError> {
        loop {
            let _writing = self.writing.lock();
            let (due, mut change) = (self.due()?, Change::default());
            if due.is_empty() {
                let state = self.state.read();
                return Ok(state.expiry.as_ref().and_then(|expiry| expiry.wait(now())));
            }
            for (_, id, is_due) in &due {
                if *is_due {
                    change.remove(id.clone());
                }
            }
            let removed = self.write_alone(change)?.removed;
            tracing::debug!(directory = %self.layout.directory().display(), removed, "no longer kept");
            let seen: Vec<(Time, String)> = due.into_iter().map(|(time, id, _)| (time, id)).collect();
            if let Some(expiry) = &self.state.read().expiry {
                expiry.forget(&seen);
            }
        }
    }

    /// What was noted as due, and whether it still is.
    fn due(&self) -> Result<Vec<(Time, String, bool)>, StorageError> {
        let state = self.state.read();
        let Some(expiry) = &state.expiry else { return Ok(Vec::new()) };
        let now = now();
        let is_due = |(time, id): (Time, String)| {
            let stored = state.table.document(&id)?;
            let is_due = stored.and_then(|stored| expiry.time(&stored.tags)).is_some_and(|time| time <= now);
            Ok((time, id, is_due))
        };
        expiry.due(now).into_iter().map(is_due).collect()
    }
}

fn now() -> Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// Starts to remove what is due, unless documents are kept for ever here, or nothing may be removed.
pub(super) fn start_expiring(shard: &Arc<Shard>, condition: Condition) -> Option<Recurring> {
    if shard.settings.read_only || shard.settings.expires.is_none() {
        return None;
    }
    let shard = Arc::clone(shard);
    Some(Recurring::start(move || match shard.expire() {
        Ok(wait) => Some(wait.map_or(LOOKING, |wait| wait.min(LOOKING))),
        Err(error) => {
            let reason = format!("documents are kept for longer than they should be: {error}");
            tracing::error!("{reason}");
            condition.fail(reason);
            None
        }
    }))
}
