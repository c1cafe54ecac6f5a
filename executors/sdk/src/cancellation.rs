//! Cancellation of requests.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

/// Cancellation state of a request: set when its result is no longer needed. Clones share their state.
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
    /// Creates a cancellation that is also cancelled while `poll` returns `true`. It does not wake waiting tasks or call
    /// interrupts by itself: a caller has to check [`Cancellation::is_cancelled`] and call [`Cancellation::cancel`].
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

    /// Cancels the request, wakes the tasks that wait for it and calls the interrupts of [`Cancellation::on_cancel`].
    pub fn cancel(&self) {
        self.0.is_cancelled.store(true, Ordering::Release);
        // Not in the head of the loop, which would keep the lock while wakers run.
        let waiting = std::mem::take(&mut *self.0.waiting.lock());
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Calls `interrupt` once when the request is cancelled: on the thread that cancels it, or immediately if it is cancelled
    /// already. It is not called after the returned guard was dropped. For computations that can be interrupted, but cannot
    /// check regularly.
    ///
    /// ```
    /// # use flowrun_sdk::Cancellation;
    /// # use std::sync::Arc;
    /// # use std::sync::atomic::{AtomicBool, Ordering};
    /// let (cancellation, stop) = (Cancellation::default(), Arc::new(AtomicBool::new(false)));
    /// let interrupt = Arc::clone(&stop);
    /// let guard = cancellation.on_cancel(move || interrupt.store(true, Ordering::Relaxed));
    /// cancellation.cancel();
    /// assert!(stop.load(Ordering::Relaxed));
    /// # drop(guard);
    /// ```
    #[must_use]
    pub fn on_cancel(&self, interrupt: impl FnOnce() + Send + 'static) -> CancelGuard {
        let interrupt = Mutex::new(Some(Box::new(interrupt) as Box<dyn FnOnce() + Send>));
        let hook = Arc::new(Hook { cancellation: self.clone(), interrupt });
        let waker = Waker::from(Arc::clone(&hook));
        self.each_source(&mut |source| source.0.waiting.lock().push(waker.clone()));
        // It may have been cancelled before the hook was there.
        waker.wake_by_ref();
        CancelGuard { hook, waker }
    }

    /// Calls `action` with the cancellations that this one consists of, which may be itself.
    fn each_source(&self, action: &mut dyn FnMut(&Self)) {
        match self.0.all.as_slice() {
            [] => action(self),
            all => all.iter().for_each(|cancellation| cancellation.each_source(action)),
        }
    }

    /// Returns `true` once the request is cancelled.
    pub fn is_cancelled(&self) -> bool {
        let polled = |poll: &Mutex<Option<PollSource>>| poll.lock().as_ref().is_some_and(|poll| poll());
        let all = &self.0.all;
        self.0.is_cancelled.load(Ordering::Acquire)
            || self.0.poll.as_ref().is_some_and(polled)
            || (!all.is_empty() && all.iter().all(Self::is_cancelled))
    }

    /// Waits until the request is cancelled.
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

/// Interrupt of a computation, called by the wakers of a cancellation.
struct Hook {
    cancellation: Cancellation,
    interrupt: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Wake for Hook {
    fn wake(self: Arc<Self>) {
        if self.cancellation.is_cancelled() {
            let interrupt = self.interrupt.lock().take();
            if let Some(interrupt) = interrupt {
                interrupt();
            }
        }
    }
}

/// Keeps the interrupt of [`Cancellation::on_cancel`] registered until it is dropped.
pub struct CancelGuard {
    hook: Arc<Hook>,
    waker: Waker,
}

impl fmt::Debug for CancelGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelGuard({:?})", self.hook.cancellation)
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        self.hook.interrupt.lock().take();
        self.hook.cancellation.each_source(&mut |source| {
            source.0.waiting.lock().retain(|waker| !waker.will_wake(&self.waker));
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// A counter of interrupts, and an interrupt that counts.
    fn counter() -> (Arc<AtomicUsize>, impl FnOnce() + Send + 'static) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let interrupt = move || {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        (count, interrupt)
    }

    #[test]
    fn an_interrupt_is_called_once_when_the_last_part_is_cancelled() {
        let parts = [Cancellation::default(), Cancellation::default()];
        let (count, interrupt) = counter();
        let _guard = Cancellation::when_all(parts.to_vec()).on_cancel(interrupt);
        parts[1].cancel();
        assert_eq!(count.load(Ordering::Relaxed), 0);
        parts[0].cancel();
        parts[0].cancel();
        assert_eq!(count.load(Ordering::Relaxed), 1);
        let (late, interrupt) = counter();
        drop(Cancellation::when_all(parts.to_vec()).on_cancel(interrupt));
        assert_eq!(late.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_interrupt_is_not_called_after_its_guard_was_dropped() {
        let cancellation = Cancellation::default();
        let (count, interrupt) = counter();
        drop(cancellation.on_cancel(interrupt));
        assert!(cancellation.0.waiting.lock().is_empty());
        cancellation.cancel();
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

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
