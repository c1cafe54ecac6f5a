//! Memory of image tensors, counted against the budget of a call.

use flowrun_sdk::{CallBudget, ExecutorError};

/// Size in bytes of an image tensor of three channels with elements of type `T`; saturates on overflow.
pub(crate) fn image_bytes<T>(height: usize, width: usize) -> usize {
    height.saturating_mul(width).saturating_mul(3 * size_of::<T>())
}

/// Takes `bytes` from the budget of a call.
///
/// # Errors
/// Those of [`CallBudget::reserve`]; `remedy` is appended to the message, after “send fewer documents, or …”.
pub(crate) fn take_bytes(budget: &CallBudget, bytes: usize, remedy: &str) -> Result<(), ExecutorError> {
    let with_remedy =
        |error: ExecutorError| ExecutorError::new(error.kind(), format_args!("{error}, or {remedy}"));
    budget.reserve(bytes).map_err(with_remedy)
}
