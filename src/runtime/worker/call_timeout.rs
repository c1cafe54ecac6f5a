//! Calls of async executors, ended at the deadline and on cancellation.

use flowrun_sdk::{AsyncExecutor, Call, ErrorKind, ExecutorError};
use futures_util::future::{Either, select};

/// Calls an executor and drops the call at its deadline or when it is cancelled. Waits for the end of a call that would continue
/// although it was dropped ([`AsyncExecutor::is_cancellable`]).
///
/// # Errors
/// The executor's error, `Expired` or `Cancelled`.
pub(super) async fn execute_with_deadline(
    executor: &dyn AsyncExecutor,
    call: &mut Call<'_>,
) -> Result<(), ExecutorError> {
    if !executor.is_cancellable() {
        return executor.execute(call).await;
    }
    let (deadline, budget) = (call.deadline(), call.budget());
    let executing = async {
        let cancelled = std::pin::pin!(budget.cancellation().cancelled());
        match select(executor.execute(call), cancelled).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(ExecutorError::new(ErrorKind::Cancelled, "the request was cancelled")),
        }
    };
    match deadline {
        None => executing.await,
        Some(deadline) => {
            let expired = |_| ExecutorError::new(ErrorKind::Expired, "the deadline passed");
            tokio::time::timeout_at(deadline.into(), executing).await.map_err(expired)?
        }
    }
}
