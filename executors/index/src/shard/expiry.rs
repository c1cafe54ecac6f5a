//! Documents that are kept until a time, which a tag of theirs names.
//!
//! The times of all that is stored are in memory: read when a generation is opened, and kept up by whoever writes. A thread
//! removes what is due, whatever else the shard is busy with, under the lock that writers take: nothing is written anew in
//! between.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowrun_sdk::{Health, Tags, tracing};
use parking_lot::Mutex;

use super::Shard;
use super::recurring::Recurring;
use crate::storage::{Change, DocumentTags, Reader, StorageError};

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
    due: Mutex<Due>,
}

/// Times and ids, each document once.
#[derive(Debug, Default)]
struct Due {
    ordered: BTreeSet<(Time, Arc<str>)>,
    of: HashMap<Arc<str>, Time>,
}

impl Due {
    /// Notes until when a document is kept; `None` for ever, or for one that is gone.
    fn note(&mut self, id: &str, time: Option<Time>) {
        let (id, earlier) = match self.of.remove_entry(id) {
            Some((id, earlier)) => (id, Some(earlier)),
            None => (Arc::from(id), None),
        };
        if let Some(earlier) = earlier {
            self.ordered.remove(&(earlier, Arc::clone(&id)));
        }
        if let Some(time) = time {
            self.ordered.insert((time, Arc::clone(&id)));
            self.of.insert(id, time);
        }
    }
}

impl Expiry {
    /// The times of what is stored.
    pub(super) fn read(tag: &str, table: &Reader) -> Result<Self, StorageError> {
        let expiry = Self { tag: tag.to_owned(), due: Mutex::default() };
        for stored in table.tags() {
            let DocumentTags { id, tags, .. } = stored?;
            expiry.note(&id, &tags);
        }
        Ok(expiry)
    }

    /// Notes until when a document is kept, as its tags say.
    pub(super) fn note(&self, id: &str, tags: &Tags) {
        self.due.lock().note(id, self.time(tags));
    }

    /// Notes that a document is not kept any more.
    pub(super) fn forget(&self, id: &str) {
        self.due.lock().note(id, None);
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

    /// Hands over what is due now, the first of it; whoever takes it removes it.
    fn take_due(&self, now: Time) -> Vec<String> {
        let mut due = self.due.lock();
        let first = due.ordered.iter().take_while(|(time, _)| *time <= now).take(REMOVED_AT_ONCE);
        let ids: Vec<String> = first.map(|(_, id)| id.to_string()).collect();
        ids.iter().for_each(|id| due.note(id, None));
        ids
    }

    /// How long it is until something is due.
    fn wait(&self, now: Time) -> Option<Duration> {
        self.due.lock().ordered.first().map(|(time, _)| Duration::from_millis(time.saturating_sub(now)))
    }
}

impl Shard {
    /// Removes what is due; how long it is until something else will be, `None` when nothing is.
    fn expire(&self, removed: impl Fn()) -> Result<Option<Duration>, StorageError> {
        loop {
            let _writing = self.writing.lock();
            let (mut change, mut wait) = (Change::default(), None);
            if let Some(expiry) = &self.state.read().expiry {
                expiry.take_due(now()).into_iter().for_each(|id| change.remove(id));
                wait = expiry.wait(now());
            }
            if change.is_empty() {
                return Ok(wait);
            }
            let count = self.store(change)?.removed;
            tracing::debug!(directory = %self.layout.directory().display(), removed = count, "no longer kept");
            removed();
        }
    }
}

fn now() -> Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// Starts to remove what is due, unless documents are kept for ever here, or nothing may be removed; `wake` is called when
/// something was.
pub(super) fn start_expiring(
    shard: &Arc<Shard>,
    health: Health,
    wake: impl Fn() + Send + 'static,
) -> Option<Recurring> {
    if shard.settings.read_only || shard.settings.expires.is_none() {
        return None;
    }
    let shard = Arc::clone(shard);
    Some(Recurring::start(health.clone(), move || match shard.expire(&wake) {
        Ok(wait) => Some(wait.map_or(LOOKING, |wait| wait.min(LOOKING))),
        Err(error) => {
            let reason = format!("documents are kept for longer than they should be: {error}");
            tracing::error!("{reason}");
            health.set_unhealthy(reason);
            None
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_often_a_document_is_written_one_time_is_remembered() {
        let mut due = Due::default();
        for time in 0..100 {
            due.note("a", Some(time));
            due.note("b", Some(7));
        }
        let ordered: Vec<(Time, &str)> = due.ordered.iter().map(|(time, id)| (*time, &**id)).collect();
        assert_eq!((ordered, due.of.len()), (vec![(7, "b"), (99, "a")], 2));
        for id in ["a", "b", "unheard of"] {
            due.note(id, None);
        }
        assert!(due.ordered.is_empty() && due.of.is_empty());
    }
}
