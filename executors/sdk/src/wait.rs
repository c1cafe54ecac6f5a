//! Runs a future to its end on this thread.

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

/// Runs `future` to its end, or to the moment when `look` has something to return in its place; it is asked whenever
/// nothing happened for `interval`.
pub(crate) fn to_end<T>(
    future: impl Future<Output = T>,
    interval: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park_timeout(interval);
        if let Some(instead) = look() {
            return instead;
        }
    }
}
