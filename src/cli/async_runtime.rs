//! The tokio runtime that commands with network or task I/O run on.

/// Runs a command on a multi-threaded runtime, and does not wait for its blocked threads afterwards: neither a thread
/// that reads standard input nor a worker that missed the drain timeout may keep the program alive.
pub(super) fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(command);
    runtime.shutdown_background();
    result
}
