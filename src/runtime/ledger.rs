//! Counts how requests end. The books must balance: what was accepted has ended or is inside.

use std::sync::atomic::{AtomicU64, Ordering};

use flowrun_sdk::ErrorKind;

use super::request::Outcome;

/// The books of a running flow.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    accepted: AtomicU64,
    refused: AtomicU64,
    replied: AtomicU64,
    failed: AtomicU64,
    expired: AtomicU64,
    cancelled: AtomicU64,
    left: AtomicU64,
}

/// The books at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Requests that got a credit.
    pub accepted: u64,
    /// Requests that got none.
    pub refused: u64,
    /// Accepted requests that went through.
    pub replied: u64,
    /// Accepted requests that failed.
    pub failed: u64,
    /// Accepted requests whose deadline passed.
    pub expired: u64,
    /// Accepted requests that were given up by the one who asked.
    pub cancelled: u64,
    /// Accepted requests of which something is still inside, answered or not.
    pub inside: u64,
}

impl Books {
    /// Accepted requests without an outcome yet.
    pub fn open(&self) -> u64 {
        self.accepted - self.replied - self.failed - self.expired - self.cancelled
    }
}

impl Ledger {
    pub(super) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Books the end of a request.
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

    /// Books that nothing of a request is inside any more.
    pub(super) fn leave(&self) {
        self.left.fetch_add(1, Ordering::Release);
    }

    pub(super) fn books(&self) -> Books {
        let left = self.left.load(Ordering::Acquire);
        let ended = |account: &AtomicU64| account.load(Ordering::Acquire);
        let (replied, failed) = (ended(&self.replied), ended(&self.failed));
        let (expired, cancelled) = (ended(&self.expired), ended(&self.cancelled));
        // Read last: what ended was accepted before.
        let accepted = ended(&self.accepted);
        Books {
            accepted,
            refused: ended(&self.refused),
            replied,
            failed,
            expired,
            cancelled,
            inside: accepted - left,
        }
    }
}
