//! Counts of requests by outcome. They balance: an accepted request has an outcome or is still in flight.

use std::sync::atomic::{AtomicU64, Ordering};

use flowrun_sdk::ErrorKind;

/// Counters of a running flow.
#[derive(Debug, Default)]
pub(in crate::runtime) struct RequestCounters {
    accepted: AtomicU64,
    rejected: AtomicU64,
    replied: AtomicU64,
    failed: AtomicU64,
    expired: AtomicU64,
    cancelled: AtomicU64,
    left: AtomicU64,
}

/// A consistent snapshot of a flow's request counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Requests that got a credit and entered the flow.
    pub accepted: u64,
    /// Requests that did not enter the flow.
    pub rejected: u64,
    /// Accepted requests with a reply.
    pub replied: u64,
    /// Accepted requests that failed for other reasons than the two below.
    pub failed: u64,
    /// Accepted requests whose deadline passed.
    pub expired: u64,
    /// Accepted requests that their caller cancelled.
    pub cancelled: u64,
    /// Accepted requests with parts still inside the flow, whether they have an outcome or not.
    pub in_flight: u64,
}

impl RequestCounts {
    /// Number of accepted requests that have no outcome yet.
    pub fn unanswered(&self) -> u64 {
        self.accepted - self.replied - self.failed - self.expired - self.cancelled
    }
}

impl RequestCounters {
    /// Counts a request that entered the flow.
    pub(in crate::runtime) fn record_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that did not enter the flow.
    pub(in crate::runtime) fn record_rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the outcome of a request: a reply, or a failure with an error of this kind.
    pub(in crate::runtime) fn record_outcome(&self, error: Option<ErrorKind>) {
        let counter = match error {
            None => &self.replied,
            Some(ErrorKind::Expired) => &self.expired,
            Some(ErrorKind::Cancelled) => &self.cancelled,
            Some(_) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Release);
    }

    /// Counts a request whose last part has left the flow.
    pub(in crate::runtime) fn record_left(&self) {
        self.left.fetch_add(1, Ordering::Release);
    }

    /// A snapshot in which no outcome precedes its acceptance.
    pub(in crate::runtime) fn snapshot(&self) -> RequestCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let left = read(&self.left);
        let (replied, failed) = (read(&self.replied), read(&self.failed));
        let (expired, cancelled) = (read(&self.expired), read(&self.cancelled));
        // Read last: every request counted above was accepted before.
        let accepted = read(&self.accepted);
        RequestCounts {
            accepted,
            rejected: read(&self.rejected),
            replied,
            failed,
            expired,
            cancelled,
            in_flight: accepted - left,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_requests_are_answered_or_unanswered_and_left_or_in_flight() {
        let counters = RequestCounters::default();
        let outcomes =
            [None, Some(ErrorKind::Expired), Some(ErrorKind::Cancelled), Some(ErrorKind::Internal)];
        (0..5).for_each(|_| counters.record_accepted());
        outcomes.into_iter().for_each(|outcome| counters.record_outcome(outcome));
        counters.record_left();
        counters.record_rejected();
        let counts = counters.snapshot();
        let outcomes = (counts.replied, counts.expired, counts.cancelled, counts.failed);
        assert_eq!((counts.accepted, outcomes, counts.unanswered()), (5, (1, 1, 1, 1), 1));
        assert_eq!((counts.in_flight, counts.rejected), (4, 1));
    }
}
