//! Who goes first where cores are short.

use rustix::process::{getpriority_process, setpriority_process};

use crate::limits::WORK_NICENESS;

/// From now on this thread, and every one that it or those start, stands behind the others of the process. Whoever serves
/// a flow launches it from such a thread: then a request is refused, and what is under way is read and written, without
/// waiting for those who compute.
pub fn stand_behind() {
    // Elsewhere priority is a matter of processes.
    if cfg!(target_os = "linux")
        && let Err(error) = getpriority_process(None)
            .and_then(|own| setpriority_process(None, own.saturating_add(WORK_NICENESS)))
    {
        tracing::debug!(%error, "who computes has the priority of who answers");
    }
}
