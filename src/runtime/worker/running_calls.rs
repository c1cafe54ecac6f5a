//! The executor calls in progress of one worker, and the parts that they answer.
//!
//! While a call runs, its parts are kept here instead of on the worker's stack. The watchdog takes them once their
//! requests have ended or the time of the call is over, so that requests end, and return their credits, whatever the
//! executor does. The call itself continues; its result is dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_sdk::ErrorKind;
use parking_lot::Mutex;

use super::batcher::Batch;
use crate::runtime::request::RequestLabel;

/// Calls in progress of one worker.
#[derive(Default)]
pub(in crate::runtime) struct RunningCalls(Mutex<Slots>);

#[derive(Default)]
struct Slots {
    calls: Vec<Option<Entry>>,
    /// Positions of the empty slots.
    free: Vec<usize>,
}

struct Entry {
    call: RunningCall,
    /// `None` once the watchdog has taken the parts.
    batch: Option<Batch>,
    /// Time at which the parts were taken.
    given_up: Option<Instant>,
}

/// A call in progress.
#[derive(Clone, Debug)]
pub(in crate::runtime) struct RunningCall {
    /// Request and endpoint.
    pub(in crate::runtime) label: Arc<RequestLabel>,
    pub(in crate::runtime) started: Instant,
}

/// Reason why the parts of a call were taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime) enum GivenUp {
    /// The call exceeded `timeout_send`.
    Late,
    /// All of its requests have ended: `Expired` or `Cancelled`.
    Ended(ErrorKind),
}

/// Registration of a call; ends when it is dropped.
pub(super) struct CallTicket<'a> {
    calls: &'a RunningCalls,
    /// `None` after the end: then the slot may belong to another call already.
    position: Option<usize>,
}

impl RunningCalls {
    /// Registers a call that starts now and answers `batch`.
    pub(super) fn start(&self, label: &Arc<RequestLabel>, started: Instant, batch: Batch) -> CallTicket<'_> {
        let call = RunningCall { label: Arc::clone(label), started };
        let entry = Some(Entry { call, batch: Some(batch), given_up: None });
        let mut slots = self.0.lock();
        let position = slots.free.pop().unwrap_or(slots.calls.len());
        match slots.calls.get_mut(position) {
            Some(slot) => *slot = entry,
            None => slots.calls.push(entry),
        }
        CallTicket { calls: self, position: Some(position) }
    }

    /// Takes the parts of the calls that are late at time `now`, or whose requests have all ended. `timeout` is `timeout_send`.
    pub(in crate::runtime) fn give_up(
        &self,
        now: Instant,
        timeout: Option<Duration>,
    ) -> Vec<(RunningCall, Batch, GivenUp)> {
        let mut slots = self.0.lock();
        let give_up = |entry: &mut Entry| {
            let batch = entry.batch.as_ref()?;
            let late = timeout.is_some_and(|timeout| now.duration_since(entry.call.started) >= timeout);
            let reason = if late { GivenUp::Late } else { GivenUp::Ended(batch.ended(now)?) };
            entry.given_up = Some(now);
            Some((entry.call.clone(), entry.batch.take()?, reason))
        };
        slots.calls.iter_mut().flatten().filter_map(give_up).collect()
    }

    /// The call that has been running for longest.
    pub(in crate::runtime) fn oldest(&self) -> Option<RunningCall> {
        let slots = self.0.lock();
        let calls = slots.calls.iter().flatten().map(|entry| &entry.call);
        calls.min_by_key(|call| call.started).cloned()
    }

    /// Number of calls that have been running for at least `age` at time `now`.
    pub(in crate::runtime) fn older_than(&self, now: Instant, age: Duration) -> usize {
        let slots = self.0.lock();
        let calls = slots.calls.iter().flatten();
        calls.filter(|entry| now.duration_since(entry.call.started) >= age).count()
    }

    /// The call whose parts were taken first, and the time at which they were.
    pub(in crate::runtime) fn first_given_up(&self) -> Option<(RunningCall, Instant)> {
        let slots = self.0.lock();
        let given_up =
            slots.calls.iter().flatten().filter_map(|entry| Some((entry.call.clone(), entry.given_up?)));
        given_up.min_by_key(|(_, at)| *at)
    }

    /// Start of the oldest call that still has its parts.
    pub(in crate::runtime) fn oldest_awaited(&self) -> Option<Instant> {
        let slots = self.0.lock();
        let awaited = slots.calls.iter().flatten().filter(|entry| entry.batch.is_some());
        awaited.map(|entry| entry.call.started).min()
    }
}

impl CallTicket<'_> {
    /// Ends the call. Returns its parts, or `None` if they were taken.
    pub(super) fn end(mut self) -> Option<Batch> {
        self.remove()
    }

    fn remove(&mut self) -> Option<Batch> {
        let position = self.position.take()?;
        let mut slots = self.calls.0.lock();
        slots.free.push(position);
        slots.calls.get_mut(position)?.take()?.batch
    }
}

impl Drop for CallTicket<'_> {
    fn drop(&mut self) {
        // Reached without `end` only if the task of the call is dropped; its requests then fail as lost.
        drop(self.remove());
    }
}
