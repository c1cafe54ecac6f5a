//! Runs work on large messages on blocking threads, so that the threads that serve connections stay responsive.
//!
//! The work needs a processor all the time. At most as many messages are therefore processed together as there are
//! processors, and with a lower priority than that of the threads that serve connections.

use std::sync::LazyLock;

use tokio::sync::Semaphore;

use super::request::Rejection;
use crate::limits::LARGE_MESSAGE_BYTES;

/// Messages that may be processed together.
static SLOTS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)));

/// Niceness of the blocking threads. A thread of niceness 0 gets nine times as much of a contended processor.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

thread_local! {
    /// Lowers the priority of the thread when it is first accessed.
    static LOWERED: () = lower_priority();
}

fn lower_priority() {
    // On Linux, the priority belongs to the calling thread; elsewhere to the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "the priority of a thread cannot be lowered");
    }
}

/// Runs `work` on a message of `bytes` bytes: on this thread up to [`LARGE_MESSAGE_BYTES`], else on a blocking thread.
///
/// # Errors
/// [`Rejection::Draining`] if the process is stopping.
pub(super) async fn offload_large<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Rejection> {
    if bytes <= LARGE_MESSAGE_BYTES { Ok(work()) } else { offload(work).await }
}

/// Runs `work`, which needs a processor all the time, on a blocking thread. A panic of `work` is resumed on this thread.
///
/// # Errors
/// [`Rejection::Draining`] if the process is stopping.
pub(super) async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Rejection> {
    // Never closed.
    let slot = SLOTS.acquire().await.ok();
    run_blocking(move || {
        let _slot = slot;
        LOWERED.with(|()| {});
        work()
    })
    .await
}

/// Runs `work`, which mostly waits, for example for a process, on a blocking thread. A panic of `work` is resumed on this
/// thread.
///
/// # Errors
/// [`Rejection::Draining`] if the process is stopping.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Rejection> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down.
            Err(_) => Err(Rejection::Draining),
        },
    }
}
