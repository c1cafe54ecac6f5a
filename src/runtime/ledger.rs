//! Counts how requests end. The books must balance: what was accepted has ended or is inside.

use std::sync::atomic::{AtomicU64, Ordering};

use flowrun_sdk::ErrorKind;

use super::request::Outcome;

/// The books of a running flow.
#[derive(Debug, Default)]
pub(super) struct RequestCounters {
    accepted: AtomicU64,
    rejected: AtomicU64,
    replied: AtomicU64,
    failed: AtomicU64,
    expired: AtomicU64,
    cancelled: AtomicU64,
    left: AtomicU64,
}

/// The books at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Requests that got a credit.
    pub accepted: u64,
    /// Requests that got none.
    pub rejected: u64,
    /// Accepted requests that went through.
    pub replied: u64,
    /// Accepted requests that failed.
    pub failed: u64,
    /// Accepted requests whose deadline passed.
    pub expired: u64,
    /// Accepted requests that were given up by the one who asked.
    pub cancelled: u64,
    /// Accepted requests of which something is still inside, answered or not.
    pub in_flight: u64,
}

impl RequestCounts {
    /// Accepted requests without an outcome yet.
    pub fn unanswered(&self) -> u64 {
        self.accepted - self.replied - self.failed - self.expired - self.cancelled
    }
}

impl RequestCounters {
    pub(super) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reject(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the end of a request.
    pub(super) fn settle(&self, outcome: &Outcome) {
        let account = match outcome {
            Outcome::Reply(_) => &self.replied,
            Outcome::Failed(failed) => match failed.error.kind() {
                ErrorKind::Expired => &self.expired,
                ErrorKind::Cancelled => &self.cancelled,
                _ => &self.failed,
            },
        };
        account.fetch_add(1, Ordering::Release);
    }

    /// Counts that nothing of a request is inside any more.
    pub(super) fn leave(&self) {
        self.left.fetch_add(1, Ordering::Release);
    }

    pub(super) fn counts(&self) -> RequestCounts {
        let left = self.left.load(Ordering::Acquire);
        let ended = |account: &AtomicU64| account.load(Ordering::Acquire);
        let (replied, failed) = (ended(&self.replied), ended(&self.failed));
        let (expired, cancelled) = (ended(&self.expired), ended(&self.cancelled));
        // Read last: what ended was accepted before.
        let accepted = ended(&self.accepted);
        RequestCounts {
            accepted,
            rejected: ended(&self.rejected),
            replied,
            failed,
            expired,
            cancelled,
            in_flight: accepted - left,
        }
    }
}
