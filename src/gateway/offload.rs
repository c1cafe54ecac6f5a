//! Runs work on large messages on blocking threads, so that the threads that serve connections stay responsive.

use super::request::Rejection;
use crate::limits::LARGE_MESSAGE_BYTES;

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

/// Runs `work` on a blocking thread. A panic of `work` is resumed on this thread.
///
/// # Errors
/// [`Rejection::Draining`] if the process is stopping.
pub(super) async fn offload<T: Send + 'static>(
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
