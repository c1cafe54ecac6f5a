//! The tokio runtime that commands with network or task I/O run on.

/// Number of tasks that a thread polls before it checks for I/O. tokio's default of 61 delays other clients noticeably
/// while many connections flood the service, since each poll may take a millisecond.
const EVENT_INTERVAL: u32 = 8;

/// Runs a command on a multi-threaded runtime, and does not wait for its blocked threads afterwards: neither a thread
/// that reads standard input nor a worker that missed the drain timeout may keep the program alive.
pub(super) fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().event_interval(EVENT_INTERVAL).build()?;
    let result = runtime.block_on(command);
    runtime.shutdown_background();
    result
}
