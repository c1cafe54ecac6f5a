//! How much memory an image takes, and taking it from the budget of a call.

use flowrun_sdk::{CallBudget, ExecutorError};

/// Bytes of an image tensor of three channels, whose numbers are `T`.
pub(crate) fn image_bytes<T>(height: usize, width: usize) -> usize {
    height.saturating_mul(width).saturating_mul(3 * size_of::<T>())
}

/// Takes bytes, or says what else there is to do about it: `remedy` completes “send fewer documents, or …”.
pub(crate) fn take_bytes(budget: &CallBudget, bytes: usize, remedy: &str) -> Result<(), ExecutorError> {
    let advise =
        |error: ExecutorError| ExecutorError::new(error.kind(), format_args!("{error}, or {remedy}"));
    budget.reserve(bytes).map_err(advise)
}
