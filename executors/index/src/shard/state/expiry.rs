//! Expiry times of the stored documents (TTL), which a tag of each document states.
//!
//! All times are in memory: read when a generation is opened, and updated with each write. `maintenance::expiration` removes
//! documents that are due.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowrun_sdk::Tags;

use crate::shard::lock_order::{LockRank, OrderedMutex};
use crate::storage::{DocumentTags, StorageError, TableReader};

/// Largest number of documents that are removed in one change.
const REMOVED_AT_ONCE: usize = 1024;

/// Milliseconds since 1970.
pub(in crate::shard) type Time = u64;

/// Expiry times of the stored documents.
#[derive(Debug)]
pub(in crate::shard) struct ExpirySchedule {
    tag: String,
    due: OrderedMutex<DueTimes>,
}

/// Expiry times by document and in order; one per document.
#[derive(Debug, Default)]
struct DueTimes {
    ordered: BTreeSet<(Time, Arc<str>)>,
    by_id: HashMap<Arc<str>, Time>,
}

impl DueTimes {
    /// Sets the expiry time of a document; `None` for a document that never expires or is removed.
    fn set(&mut self, id: &str, time: Option<Time>) {
        let (id, earlier) = match self.by_id.remove_entry(id) {
            Some((id, earlier)) => (id, Some(earlier)),
            None => (Arc::from(id), None),
        };
        if let Some(earlier) = earlier {
            self.ordered.remove(&(earlier, Arc::clone(&id)));
        }
        if let Some(time) = time {
            self.ordered.insert((time, Arc::clone(&id)));
            self.by_id.insert(id, time);
        }
    }
}

impl ExpirySchedule {
    /// Reads the expiry times of all stored documents from this tag.
    pub(super) fn read(tag: &str, table: &TableReader) -> Result<Self, StorageError> {
        let due = OrderedMutex::new(LockRank::Expiry, DueTimes::default());
        let schedule = Self { tag: tag.to_owned(), due };
        for stored in table.tags() {
            let DocumentTags { id, tags, .. } = stored?;
            schedule.schedule(&id, &tags);
        }
        Ok(schedule)
    }

    /// Schedules the expiry of a document by its tags.
    pub(super) fn schedule(&self, id: &str, tags: &Tags) {
        self.due.lock().set(id, self.time(tags));
    }

    /// Cancels the expiry of a document that was removed.
    pub(super) fn cancel(&self, id: &str) {
        self.due.lock().set(id, None);
    }

    /// The expiry time in these tags; `None` unless the tag is a number (seconds since 1970).
    fn time(&self, tags: &Tags) -> Option<Time> {
        let seconds = tags.get(&self.tag)?.as_f64()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "times out of range saturate"
        )]
        let milliseconds = (seconds * 1000.0).ceil() as Time;
        Some(milliseconds)
    }

    /// Takes the ids of due documents, the earliest first, up to a bound; the caller removes them.
    pub(in crate::shard) fn take_due(&self, now: Time) -> Vec<String> {
        let mut due = self.due.lock();
        let first = due.ordered.iter().take_while(|(time, _)| *time <= now).take(REMOVED_AT_ONCE);
        let ids: Vec<String> = first.map(|(_, id)| id.to_string()).collect();
        ids.iter().for_each(|id| due.set(id, None));
        ids
    }

    /// Time until the next document is due; zero if it is overdue, `None` if no document expires.
    pub(in crate::shard) fn time_until_due(&self, now: Time) -> Option<Duration> {
        self.due.lock().ordered.first().map(|(time, _)| Duration::from_millis(time.saturating_sub(now)))
    }
}

/// The current wall time.
pub(in crate::shard) fn now() -> Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_is_written_repeatedly_has_one_expiry_time() {
        let mut due = DueTimes::default();
        for time in 0..100 {
            due.set("a", Some(time));
            due.set("b", Some(7));
        }
        let ordered: Vec<(Time, &str)> = due.ordered.iter().map(|(time, id)| (*time, &**id)).collect();
        assert_eq!((ordered, due.by_id.len()), (vec![(7, "b"), (99, "a")], 2));
        for id in ["a", "b", "unknown"] {
            due.set(id, None);
        }
        assert!(due.ordered.is_empty() && due.by_id.is_empty());
    }
}
