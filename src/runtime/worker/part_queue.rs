//! The parts that wait for the workers of one shard. A part is a request, or the shard's share of it.
//!
//! Senders put a part here and a token into the channel that wakes the workers. The watchdog removes parts whose requests
//! have ended; their tokens stay, and a worker that finds nothing for its token waits for the next one.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::runtime::request::RequestError;
use crate::runtime::routing::Part;

/// Queue of one shard.
pub(in crate::runtime) struct PartQueue {
    /// Maximum of parts: the number of credits, of which every request in the flow holds one.
    slots: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    parts: VecDeque<Part>,
    /// Error of parts that arrive while no worker is expected to take any.
    refusal: Option<RequestError>,
}

/// Result of [`PartQueue::push`].
#[expect(clippy::large_enum_variant, reason = "a box would be one allocation per refused part")]
pub(super) enum Pushed {
    /// The part waits for a worker.
    Queued,
    /// Parts are refused at present. The part has the error now, and the sender passes it on as the worker's result.
    Refused(Part),
    /// No slot is free, which the number of credits prevents. The part was dropped, so its request fails as lost.
    Full,
}

impl PartQueue {
    pub(in crate::runtime) fn new(slots: usize) -> Self {
        Self { slots, state: Mutex::default() }
    }

    /// Adds a part, unless parts are refused or the queue is full.
    pub(super) fn push(&self, part: Part) -> Pushed {
        let mut state = self.state.lock();
        if let Some(error) = &state.refusal {
            return Pushed::Refused(part.with_error(error.clone()));
        }
        if state.parts.len() >= self.slots {
            return Pushed::Full;
        }
        state.parts.push_back(part);
        Pushed::Queued
    }

    /// Takes the part that has waited for longest; `None` if none waits, because the watchdog has removed it.
    pub(super) fn pop(&self) -> Option<Part> {
        self.state.lock().parts.pop_front()
    }

    /// Drops all parts, because no worker is left. A request fails as lost when a part of it is dropped.
    pub(super) fn clear(&self) {
        // Dropped after the lock is released.
        let parts = std::mem::take(&mut self.state.lock().parts);
        drop(parts);
    }

    /// Refuses parts that arrive from now on with this error; `None` accepts them again. Parts that wait already stay.
    pub(super) fn refuse(&self, error: Option<RequestError>) {
        self.state.lock().refusal = error;
    }

    /// Removes the parts that satisfy `condition`. The others keep their order.
    pub(super) fn remove(&self, condition: impl Fn(&Part) -> bool) -> Vec<Part> {
        let mut state = self.state.lock();
        // Usually there is nothing to remove, and nothing is moved.
        if !state.parts.iter().any(&condition) {
            return Vec::new();
        }
        let (removed, kept): (VecDeque<Part>, VecDeque<Part>) = state.parts.drain(..).partition(condition);
        state.parts = kept;
        removed.into()
    }
}
