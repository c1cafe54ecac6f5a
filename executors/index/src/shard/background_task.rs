//! A thread that repeats one action: after an interval, when it is woken, or both.
//!
//! The index build, syncing, expiry and refresh of a shard are such tasks. The action decides when it runs next; it must
//! not panic, but if it does, the shard's health fails and callers that wait for the task get an error.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flowrun_sdk::{ExecutorError, Health};
use parking_lot::{Condvar, Mutex};

use super::cancellation::{CancelCheck, wait_until};
use super::lock_order::{LockRank, OrderedMutex};

/// Message when a defect has ended a task.
const PANICKED: &str = "a background thread of the index has panicked: restart the flow";

/// Time of the next run of a task.
#[derive(Clone, Copy, Debug)]
pub(super) enum NextRun {
    /// After this interval, or earlier when the task is woken.
    After(Duration),
    /// Only once the task is woken.
    WhenWoken,
    /// Never: the thread ends.
    Never,
}

/// A thread that repeats an action; it is stopped and joined when this is dropped.
#[derive(Debug)]
pub(super) struct BackgroundTask {
    signal: TaskSignal,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Wakes and stops a task; clones refer to the same task.
#[derive(Clone, Debug)]
pub(super) struct TaskSignal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    flags: OrderedMutex<Flags>,
    changed: Condvar,
    health: Health,
}

#[derive(Debug, Default)]
struct Flags {
    is_stopped: bool,
    is_woken: bool,
    is_running: bool,
}

impl TaskSignal {
    /// Runs the action of the task soon, or again if it is running.
    pub(super) fn wake(&self) {
        self.0.flags.lock().is_woken = true;
        self.0.changed.notify_all();
    }
}

impl BackgroundTask {
    /// A task without a thread yet. `health` fails when the action panics.
    pub(super) fn new(health: Health) -> Self {
        let flags = OrderedMutex::new(LockRank::TaskFlags, Flags::default());
        let shared = Shared { flags, changed: Condvar::new(), health };
        Self { signal: TaskSignal(Arc::new(shared)), thread: Mutex::default() }
    }

    /// Starts the thread, unless it was started before. The action runs for the first time at `first`.
    pub(super) fn start<A: FnMut() -> NextRun + Send + 'static>(
        &self,
        first: NextRun,
        action: impl FnOnce() -> A,
    ) {
        self.thread.lock().get_or_insert_with(|| {
            let (shared, action) = (Arc::clone(&self.signal.0), action());
            std::thread::spawn(move || shared.run(first, action))
        });
    }

    /// A task that runs for the first time now.
    pub(super) fn started(health: Health, action: impl FnMut() -> NextRun + Send + 'static) -> Self {
        let task = Self::new(health);
        task.start(NextRun::After(Duration::ZERO), || action);
        task
    }

    /// Wakes the task.
    pub(super) fn signal(&self) -> &TaskSignal {
        &self.signal
    }

    /// Waits until the task neither runs nor has been woken.
    ///
    /// # Errors
    /// When the task has ended, or those of `check`.
    pub(super) fn wait_until_idle(&self, check: CancelCheck<'_>) -> Result<(), ExecutorError> {
        check()?;
        let Shared { flags, changed, .. } = &*self.signal.0;
        let is_stopped = wait_until(flags, changed, check, |flags| {
            let is_idle = !flags.is_woken && !flags.is_running;
            (flags.is_stopped || is_idle).then_some(flags.is_stopped)
        })?;
        if is_stopped { Err(ExecutorError::resource(PANICKED)) } else { Ok(()) }
    }

    /// Ends the task after its current run, without waiting for it.
    pub(super) fn request_stop(&self) {
        self.signal.0.flags.lock().is_stopped = true;
        self.signal.0.changed.notify_all();
    }

    /// Waits for the end of the thread, after [`BackgroundTask::request_stop`].
    pub(super) fn join(&self) {
        let thread = self.thread.lock().take();
        // A panic of the action has been reported by `PanicReport`.
        drop(thread.map(JoinHandle::join));
    }
}

impl Drop for BackgroundTask {
    fn drop(&mut self) {
        self.request_stop();
        self.join();
    }
}

impl Shared {
    fn run(&self, mut next: NextRun, mut action: impl FnMut() -> NextRun) {
        let _report = PanicReport(self);
        while self.wait_for(next) {
            next = action();
        }
    }

    /// Waits for the next run; returns false when the thread is to end.
    fn wait_for(&self, next: NextRun) -> bool {
        let due = match next {
            NextRun::After(interval) => Some(Instant::now() + interval),
            NextRun::WhenWoken => None,
            NextRun::Never => return false,
        };
        let mut flags = self.flags.lock();
        flags.is_running = false;
        self.changed.notify_all();
        while !flags.is_stopped && !flags.is_woken {
            match due.map(|due| due.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => break,
                Some(interval) => flags.wait_for(&self.changed, interval),
                None => flags.wait(&self.changed),
            }
        }
        flags.is_woken = false;
        flags.is_running = !flags.is_stopped;
        flags.is_running
    }
}

/// Fails the shard's health, and releases waiting callers, when a panic unwinds the thread.
struct PanicReport<'a>(&'a Shared);

impl Drop for PanicReport<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.health.set_unhealthy(PANICKED);
            *self.0.flags.lock() = Flags { is_stopped: true, ..Flags::default() };
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_task_runs_whenever_it_is_woken_and_is_joined_when_dropped() {
        let runs = Arc::new(AtomicU32::new(0));
        let task = BackgroundTask::new(Health::default());
        task.wait_until_idle(&|| Ok(())).unwrap();
        let counted = Arc::clone(&runs);
        task.start(NextRun::WhenWoken, || {
            move || {
                counted.fetch_add(1, Ordering::AcqRel);
                NextRun::WhenWoken
            }
        });
        for expected in 1..4 {
            task.signal().wake();
            task.wait_until_idle(&|| Ok(())).unwrap();
            assert_eq!(runs.load(Ordering::Acquire), expected);
        }
        drop(task);
        assert_eq!(Arc::strong_count(&runs), 1);
    }

    #[test]
    fn a_panic_fails_the_health_and_releases_callers_that_wait() {
        let health = Health::default();
        let task = BackgroundTask::started(health.clone(), || -> NextRun {
            std::panic::resume_unwind(Box::new("defect"))
        });
        while health.unhealthy_reason().is_none() {
            std::thread::yield_now();
        }
        task.signal().wake();
        let error = task.wait_until_idle(&|| Ok(())).unwrap_err();
        assert_eq!(error.message(), PANICKED);
    }
}
