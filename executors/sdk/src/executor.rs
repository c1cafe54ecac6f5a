//! The two kinds of executors: CPU-bound and async.

use async_trait::async_trait;

use crate::{Call, ExecutorError};

/// A CPU-bound executor. Each replica has its own thread and receives one call at a time.
pub trait Executor: Send {
    /// Reads or changes the documents of one call. Documents that are not touched pass through unchanged.
    ///
    /// # Errors
    /// An error fails the whole request. [`Call::for_each`] and [`Call::fail_document`] fail single documents.
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError>;

    /// Writes out data that is still in memory. Called once, after the last call.
    ///
    /// # Errors
    /// The reason why data could not be written.
    fn close(&mut self) -> Result<(), ExecutorError> {
        Ok(())
    }
}

/// An I/O-bound executor, which mostly waits for files, the network or other programs. It runs as async tasks, with
/// several concurrent calls.
#[async_trait]
pub trait AsyncExecutor: Send + Sync {
    /// Reads or changes the documents of one call. Must not block its thread.
    ///
    /// The future is dropped at an await point when the deadline passes or the request is cancelled.
    ///
    /// # Errors
    /// An error fails the whole request. [`Call::for_each`] and [`Call::fail_document`] fail single documents.
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError>;

    /// Returns `false` if a call continues although its future was dropped, for example on a thread of its own. The future is
    /// then kept until the call returns, so that such calls are counted and bounded.
    fn is_cancellable(&self) -> bool {
        true
    }

    /// Writes out data that is still in memory. Called once, after the last call.
    ///
    /// # Errors
    /// The reason why data could not be written.
    async fn close(&self) -> Result<(), ExecutorError> {
        Ok(())
    }
}
