//! Cancellation of requests.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// Cancellation state of a request: set when the result is not awaited any more. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<State>);

#[derive(Default)]
struct State {
    is_cancelled: AtomicBool,
    /// Additional source that can only be polled: a host across a foreign interface.
    poll: Option<Mutex<Option<PollSource>>>,
    /// Tasks in [`Cancellation::cancelled`].
    waiting: Mutex<Vec<Waker>>,
    /// Cancellations that all have to be cancelled; empty for an independent one.
    all: Vec<Cancellation>,
}

type PollSource = Box<dyn Fn() -> bool + Send + Sync>;

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({:?})", self.is_cancelled)
    }
}

impl Cancellation {
    /// Creates a cancellation that is also cancelled while `poll` returns `true`.
    pub(crate) fn polled(poll: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let poll: PollSource = Box::new(poll);
        Self(Arc::new(State { poll: Some(Mutex::new(Some(poll))), ..State::default() }))
    }

    /// Creates a cancellation that is cancelled once all of `cancellations` are: for a call that several requests share.
    #[must_use]
    pub fn when_all(cancellations: Vec<Cancellation>) -> Self {
        Self(Arc::new(State { all: cancellations, ..State::default() }))
    }

    /// Drops the source of [`Cancellation::polled`], which must not be called any more.
    pub(crate) fn stop_polling(&self) {
        if let Some(poll) = &self.0.poll {
            *poll.lock() = None;
        }
    }

    /// Cancels, and wakes the tasks that wait for it.
    pub fn cancel(&self) {
        self.0.is_cancelled.store(true, Ordering::Release);
        for waker in std::mem::take(&mut *self.0.waiting.lock()) {
            waker.wake();
        }
    }

    /// Returns `true` once it is cancelled.
    pub fn is_cancelled(&self) -> bool {
        let polled = |poll: &Mutex<Option<PollSource>>| poll.lock().as_ref().is_some_and(|poll| poll());
        let all = &self.0.all;
        self.0.is_cancelled.load(Ordering::Acquire)
            || self.0.poll.as_ref().is_some_and(polled)
            || (!all.is_empty() && all.iter().all(Self::is_cancelled))
    }

    /// Waits until it is cancelled.
    pub async fn cancelled(&self) {
        for cancellation in &self.0.all {
            Box::pin(cancellation.cancelled()).await;
        }
        if !self.0.all.is_empty() {
            return;
        }
        let poll = |context: &mut Context<'_>| {
            let mut waiting = self.0.waiting.lock();
            // `cancel` sets the flag before it takes this lock, so that no wake-up is lost.
            if self.is_cancelled() {
                return Poll::Ready(());
            }
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        };
        std::future::poll_fn(poll).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joint_cancellation_is_cancelled_with_the_last_of_its_parts() {
        let parts = [Cancellation::default(), Cancellation::default()];
        let all = Cancellation::when_all(parts.to_vec());
        parts[1].cancel();
        assert!(!all.is_cancelled());
        let mut waiting = std::pin::pin!(all.cancelled());
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        parts[0].cancel();
        assert!(waiting.as_mut().poll(&mut context).is_ready() && all.is_cancelled());
    }
}
