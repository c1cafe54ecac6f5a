//! Runs a future to completion on the current thread, without an async runtime, for plugins and tests.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs `future` to completion.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    block_on_or(future, Duration::MAX, || None)
}

/// Runs `future` until it completes or `interrupt` returns a value. `interrupt` is called after each wake-up, and whenever
/// `interval` has passed without a wake-up.
pub(crate) fn block_on_or<T>(
    future: impl Future<Output = T>,
    interval: Duration,
    mut interrupt: impl FnMut() -> Option<T>,
) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park_timeout(interval);
        if let Some(output) = interrupt() {
            return output;
        }
    }
}
