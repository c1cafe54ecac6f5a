//! Scheduling priority of compute threads.

use rustix::process::{getpriority_process, setpriority_process};

use crate::limits::WORKER_NICENESS;

/// Priority of the threads that run executors.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::runtime) struct ThreadPriority {
    /// `nice` value; `None` inherits that of the starting thread.
    niceness: Option<i32>,
}

impl ThreadPriority {
    /// Lower than the threads that serve connections, so that a busy machine still reads, writes and rejects requests
    /// promptly. Linux only: elsewhere `nice` applies to whole processes.
    pub(in crate::runtime) fn background() -> Self {
        let own = if cfg!(target_os = "linux") { getpriority_process(None).ok() } else { None };
        Self { niceness: own.map(|own| own.saturating_add(WORKER_NICENESS)) }
    }

    /// Applies the priority to the current thread and to all threads that it starts later.
    pub(in crate::runtime) fn apply(self) {
        if let Some(niceness) = self.niceness
            && let Err(error) = setpriority_process(None, niceness)
        {
            tracing::debug!(%error, "compute threads could not be given background priority");
        }
    }
}
