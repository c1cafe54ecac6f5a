//! Waiting that can be cancelled.

use std::time::Duration;

use flowrun_sdk::ExecutorError;
use parking_lot::Condvar;

use super::lock_order::OrderedMutex;

/// Returns an error once the deadline of a request has passed or its client has cancelled it.
pub(super) type CancelCheck<'a> = &'a dyn Fn() -> Result<(), ExecutorError>;

/// Interval at which a waiting caller checks its deadline and cancellation.
const WAIT_POLL: Duration = Duration::from_millis(20);

/// Waits until `attempt` returns a value for the contents of `mutex`. A thread that changes the contents notifies
/// `changed`.
///
/// # Errors
/// Those of `check`, which runs without the lock after each wait.
pub(super) fn wait_until<T, R, E>(
    mutex: &OrderedMutex<T>,
    changed: &Condvar,
    check: impl Fn() -> Result<(), E>,
    mut attempt: impl FnMut(&mut T) -> Option<R>,
) -> Result<R, E> {
    loop {
        let mut contents = mutex.lock();
        if let Some(result) = attempt(&mut contents) {
            return Ok(result);
        }
        contents.wait_for(changed, WAIT_POLL);
        drop(contents);
        check()?;
    }
}
