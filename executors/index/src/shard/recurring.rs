//! A thread that does something again and again, and waits in between.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use flowrun_sdk::Health;
use parking_lot::{Condvar, Mutex};

/// A thread that does something again and again; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Recurring {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Desk {
    tasks: Mutex<Tasks>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Tasks {
    is_over: bool,
    /// There may be something to do now.
    look: bool,
}

impl Recurring {
    /// Starts the thread. `act` says how long it is until the next time; `None` for never again. Should it panic, `health`
    /// is told.
    pub(super) fn start(health: Health, mut act: impl FnMut() -> Option<Duration> + Send + 'static) -> Self {
        let desk = Arc::<Desk>::default();
        let own = Arc::clone(&desk);
        let thread = std::thread::spawn(move || {
            let _present = Present(health);
            while let Some(wait) = act() {
                let mut tasks = own.tasks.lock();
                if !tasks.look && !tasks.is_over {
                    own.changed.wait_for(&mut tasks, wait);
                }
                if tasks.is_over {
                    return;
                }
                tasks.look = false;
            }
        });
        Self { desk, thread: Some(thread) }
    }

    /// Lets it act now.
    pub(super) fn wake(&self) {
        self.desk.tasks.lock().look = true;
        self.desk.changed.notify_one();
    }
}

/// Says so when a defect ends a thread.
struct Present(Health);

impl Drop for Present {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set_unhealthy("a thread of the index has panicked: restart the flow");
        }
    }
}

impl Drop for Recurring {
    fn drop(&mut self) {
        self.desk.tasks.lock().is_over = true;
        self.desk.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It catches nothing: a panic has been told by then.
            let _ = thread.join();
        }
    }
}
