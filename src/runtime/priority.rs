//! Who goes first where cores are short.

use rustix::process::{getpriority_process, setpriority_process};

use crate::limits::WORKER_NICENESS;

/// How far the threads that compute stand behind the others of the process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Priority {
    /// What `nice` counts of them; that of whoever starts them when absent.
    niceness: Option<i32>,
}

impl Priority {
    /// Behind whoever answers: a request is refused, and what is under way is read and written, without waiting for those who
    /// compute.
    pub(super) fn background() -> Self {
        // Elsewhere priority is a matter of processes.
        let own = if cfg!(target_os = "linux") { getpriority_process(None).ok() } else { None };
        Self { niceness: own.map(|own| own.saturating_add(WORKER_NICENESS)) }
    }

    /// Gives it to this thread, and so to those that it starts.
    pub(super) fn take(self) {
        if let Some(niceness) = self.niceness
            && let Err(error) = setpriority_process(None, niceness)
        {
            tracing::debug!(%error, "who computes has the priority of who answers");
        }
    }
}
