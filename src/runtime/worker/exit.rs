//! The end of a worker.

use flowrun_sdk::{ExecutorError, panic_message};

/// Exit state of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerExit {
    /// The input ended and the executor closed.
    Completed,
    /// The executor returned an error from `close`: it could not write its data.
    CloseFailed(ExecutorError),
    /// The executor panicked in a call and could not be restarted, so that later requests to it failed; or it panicked in
    /// `close`; or the worker's thread died. The text is the reason.
    Failed(String),
    /// The worker was still in a call when the flow drained, although its requests had ended. Its executor was not
    /// closed. The message names the worker and the call.
    Abandoned(String),
}

impl WorkerExit {
    /// The exit state of a worker whose executor was closed: the result of closing it, or the payload of its panic.
    pub(super) fn after_close(closed: std::thread::Result<Result<(), ExecutorError>>) -> Self {
        match closed {
            Ok(Ok(())) => Self::Completed,
            Ok(Err(error)) => Self::CloseFailed(error),
            Err(payload) => Self::Failed(panic_message(&*payload).to_owned()),
        }
    }
}
