//! Replies of one connection that are not written yet, and the time that its client has to read them.
//!
//! A client that does not read is disconnected: its replies hold capacity of the gateway. The time depends on the
//! capacity that is left ([`ByteCapacity::read_time`]), so that the slowest readers are disconnected before other
//! clients are refused. Parts are registered by [`response_body`](super::response_body).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::bytes_permit::ByteCapacity;
use super::response_body::Part;
use crate::limits::{CLIENT_TIMEOUT, REPLY_STALL_TIMEOUT, STREAMS_MAX};

/// Number of entries at which written parts are removed even if an older part is unwritten: a few times the maximum of
/// replies that a connection can have.
const ENTRIES_MAX: usize = 4 * STREAMS_MAX as usize;

/// Interval of checks while replies are unwritten.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Interval of checks while everything is written.
const IDLE_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The replies of one connection that are not written yet.
#[derive(Debug)]
pub(super) struct UnwrittenReplies {
    /// Capacity that replies are charged to.
    pub(super) capacity: ByteCapacity,
    is_http2: AtomicBool,
    start: Instant,
    /// Milliseconds from `start` to the last piece that was written.
    progress: AtomicU64,
    /// The parts, the oldest first.
    parts: Mutex<VecDeque<Entry>>,
}

/// A part of a reply: a frame of its body.
#[derive(Debug)]
struct Entry {
    since: Instant,
    /// True if the reply is a stream, whose reader may pause.
    is_stream: bool,
    part: Weak<Part>,
}

/// State of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Everything is written.
    Idle,
    /// The client has time to read.
    InTime,
    /// The client does not read.
    Stalled,
}

impl UnwrittenReplies {
    pub(super) fn new(capacity: ByteCapacity) -> Self {
        Self {
            capacity,
            is_http2: AtomicBool::new(false),
            start: Instant::now(),
            progress: AtomicU64::new(0),
            parts: Mutex::default(),
        }
    }

    /// Records that the connection is HTTP/2, which may have many unwritten replies.
    pub(super) fn set_http2(&self) {
        self.is_http2.store(true, Ordering::Relaxed);
    }

    /// True for an HTTP/2 connection.
    pub(super) fn is_http2(&self) -> bool {
        self.is_http2.load(Ordering::Relaxed)
    }

    /// Registers a part that the connection writes from now on.
    pub(super) fn add(&self, part: &Arc<Part>, is_stream: bool, now: Instant) {
        let mut parts = self.parts.lock();
        remove_written(&mut parts);
        if parts.len() >= ENTRIES_MAX {
            parts.retain(|entry| entry.part.strong_count() > 0);
        }
        parts.push_back(Entry { since: now, is_stream, part: Arc::downgrade(part) });
    }

    /// Records that a piece of a part was written.
    pub(super) fn record_progress(&self, now: Instant) {
        let milliseconds = now.saturating_duration_since(self.start).as_millis();
        self.progress.store(u64::try_from(milliseconds).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn reading(&self, now: Instant) -> Reading {
        let mut parts = self.parts.lock();
        remove_written(&mut parts);
        let Some(Entry { since, is_stream, .. }) = parts.front() else { return Reading::Idle };
        let progress = self.start + Duration::from_millis(self.progress.load(Ordering::Relaxed));
        let waiting = now.saturating_duration_since(*since);
        let pausing = now.saturating_duration_since(progress.max(*since));
        let is_late = waiting >= self.capacity.read_time(CLIENT_TIMEOUT);
        let is_stuck = !is_stream && pausing >= self.capacity.read_time(REPLY_STALL_TIMEOUT);
        if is_late || is_stuck { Reading::Stalled } else { Reading::InTime }
    }

    /// Waits until the client counts as not reading: the oldest unwritten part has waited for [`CLIENT_TIMEOUT`], or
    /// nothing of a reply that is no stream was written for [`REPLY_STALL_TIMEOUT`]. Both are shorter when more than
    /// half of the gateway's capacity is used.
    pub(super) async fn stalled(&self) {
        loop {
            tokio::time::sleep(match self.reading(Instant::now()) {
                Reading::Stalled => return,
                Reading::InTime => CHECK_INTERVAL,
                Reading::Idle => IDLE_CHECK_INTERVAL,
            })
            .await;
        }
    }
}

/// Removes written parts up to the oldest unwritten one.
fn remove_written(parts: &mut VecDeque<Entry>) {
    while parts.front().is_some_and(|entry| entry.part.strong_count() == 0) {
        parts.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{QUEUE_BYTES_MAX, READ_TIME_DIVISOR_MAX};

    const SECOND: Duration = Duration::from_secs(1);

    fn unwritten() -> Arc<UnwrittenReplies> {
        Arc::new(UnwrittenReplies::new(ByteCapacity::new(QUEUE_BYTES_MAX)))
    }

    fn add(replies: &Arc<UnwrittenReplies>, is_stream: bool, now: Instant) -> Arc<Part> {
        let part = Part::for_tests(replies);
        replies.add(&part, is_stream, now);
        part
    }

    #[test]
    fn a_reply_must_be_read_at_a_minimum_rate() {
        let replies = unwritten();
        let start = replies.start + SECOND;
        let _part = add(&replies, false, start);
        assert_eq!(replies.reading(start + REPLY_STALL_TIMEOUT - SECOND), Reading::InTime);
        assert_eq!(replies.reading(start + REPLY_STALL_TIMEOUT), Reading::Stalled);
        replies.record_progress(start + SECOND);
        assert_eq!(replies.reading(start + REPLY_STALL_TIMEOUT), Reading::InTime);
        assert_eq!(replies.reading(start + REPLY_STALL_TIMEOUT + SECOND), Reading::Stalled);
        replies.record_progress(start + CLIENT_TIMEOUT);
        assert_eq!(replies.reading(start + CLIENT_TIMEOUT), Reading::Stalled);
    }

    #[test]
    fn the_reader_of_a_stream_may_pause() {
        let replies = unwritten();
        let start = replies.start;
        let _part = add(&replies, true, start);
        assert_eq!(replies.reading(start + CLIENT_TIMEOUT - SECOND), Reading::InTime);
        assert_eq!(replies.reading(start + CLIENT_TIMEOUT), Reading::Stalled);
    }

    #[test]
    fn readers_have_less_time_while_the_capacity_is_used_up() {
        let replies = unwritten();
        let start = replies.start;
        let _parts = [add(&replies, true, start), add(&replies, false, start)];
        let shortest = CLIENT_TIMEOUT / READ_TIME_DIVISOR_MAX;
        assert_eq!(replies.reading(start + shortest), Reading::InTime);
        let used = replies.capacity.fill(0);
        assert_eq!(replies.reading(start + shortest - SECOND), Reading::InTime);
        assert_eq!(replies.reading(start + shortest), Reading::Stalled);
        drop(used);
        assert_eq!(replies.reading(start + shortest), Reading::InTime);
    }

    #[test]
    fn a_connection_is_stalled_by_its_oldest_unwritten_part() {
        let replies = unwritten();
        let start = replies.start;
        let [first, middle, last] = [0, 1, 2].map(|seconds| add(&replies, true, start + SECOND * seconds));
        drop(middle);
        assert_eq!(replies.reading(start + CLIENT_TIMEOUT), Reading::Stalled);
        drop(first);
        assert_eq!(replies.reading(start + CLIENT_TIMEOUT + SECOND), Reading::InTime);
        assert_eq!(replies.reading(start + CLIENT_TIMEOUT + SECOND * 2), Reading::Stalled);
        drop(last);
        assert_eq!(replies.reading(start + CLIENT_TIMEOUT * 2), Reading::Idle);
    }

    #[test]
    fn written_parts_are_removed_even_after_an_unwritten_one() {
        let replies = unwritten();
        let start = replies.start;
        let _stalled = add(&replies, false, start);
        for _ in 0..3 * ENTRIES_MAX {
            add(&replies, false, start);
        }
        assert!(replies.parts.lock().len() <= ENTRIES_MAX);
        assert_eq!(replies.reading(start + CLIENT_TIMEOUT), Reading::Stalled);
    }
}
