//! The request and worker that the current thread works for, attached to log lines.
//!
//! `tracing` spans could carry this, but every subscriber layer stores and formats a span when it is created, whether or
//! not a line is ever written inside it: several microseconds for each request and each call, next to calls that take as
//! long. Here it is a thread-local pointer that is set, restored, and read only when a line is written.

use std::borrow::Cow;
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use crate::limits::REQUEST_ID_BYTES_MAX;

/// The request, and the worker in a call, that a log line is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogContext {
    /// The request.
    pub request: Arc<RequestLabel>,
    /// Name of the worker that is called for it; `None` outside of executor calls.
    pub worker: Option<Arc<str>>,
}

/// A request's id and endpoint in a form that is safe to log: short, and on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLabel {
    /// Id, sanitized.
    pub id: String,
    /// Endpoint, sanitized.
    pub endpoint: String,
}

impl RequestLabel {
    /// Sanitizes `id` and `endpoint`.
    pub(crate) fn new(id: &str, endpoint: &str) -> Arc<Self> {
        Arc::new(Self { id: sanitize(id).into_owned(), endpoint: sanitize(endpoint).into_owned() })
    }
}

thread_local! {
    static CURRENT: RefCell<Option<LogContext>> = const { RefCell::new(None) };
}

/// The context of the current thread; `None` outside of requests.
pub fn log_context() -> Option<LogContext> {
    CURRENT.with_borrow(Clone::clone)
}

/// Runs `action` with `context`, then restores the previous context, also after a panic.
pub(crate) fn with_log_context<T>(context: LogContext, action: impl FnOnce() -> T) -> T {
    struct Previous(Option<LogContext>);
    impl Drop for Previous {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _previous = Previous(CURRENT.replace(Some(context)));
    action()
}

/// Polls `future` with `context`; other tasks on the same thread do not see it.
pub(in crate::runtime) async fn poll_with_log_context<T>(
    context: LogContext,
    future: impl Future<Output = T>,
) -> T {
    let mut future = pin!(future);
    poll_fn(|waker| with_log_context(context.clone(), || future.as_mut().poll(waker))).await
}

/// Removes control characters from a client's text and cuts it to [`REQUEST_ID_BYTES_MAX`] bytes.
pub(crate) fn sanitize(text: &str) -> Cow<'_, str> {
    if text.len() <= REQUEST_ID_BYTES_MAX && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().filter(|letter| !letter.is_control()).collect();
    short.truncate(short.floor_char_boundary(REQUEST_ID_BYTES_MAX));
    short.into()
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn context(id: &str) -> LogContext {
        LogContext { request: RequestLabel::new(id, "/x"), worker: None }
    }

    #[test]
    fn sanitized_text_is_short_and_has_no_control_characters() {
        assert_eq!(sanitize("a\r\nb\u{1b}[31mc\u{7f}"), "ab[31mc");
        assert_eq!(sanitize(&"é".repeat(REQUEST_ID_BYTES_MAX)).len(), REQUEST_ID_BYTES_MAX);
        assert!(matches!(sanitize("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn the_previous_context_is_restored_also_after_a_panic() {
        assert_eq!(log_context(), None);
        with_log_context(context("a"), || {
            with_log_context(context("b"), || assert_eq!(log_context(), Some(context("b"))));
            let panicked =
                catch_unwind(AssertUnwindSafe(|| with_log_context(context("c"), || panic!("expected"))));
            assert!(panicked.is_err());
            assert_eq!(log_context(), Some(context("a")));
        });
        assert_eq!(log_context(), None);
    }

    #[tokio::test]
    async fn interleaved_futures_keep_their_own_context() {
        let one = |id: &'static str| {
            poll_with_log_context(context(id), async move {
                for _ in 0..3 {
                    assert_eq!(log_context(), Some(context(id)));
                    tokio::task::yield_now().await;
                }
            })
        };
        tokio::join!(one("a"), one("b"));
        assert_eq!(log_context(), None);
    }
}
