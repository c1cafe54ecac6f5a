//! Which request a thread works for at the moment, so that lines of the log can say so.
//!
//! This could be a span of `tracing`. Spans are kept in a registry and written out for each layer when they begin,
//! whether or not a line is ever written within: several microseconds for each request and each call, next to calls
//! that take as long. This is a pointer that is set and put back, and is looked at only when there is a line.

use std::borrow::Cow;
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use crate::limits::REQUEST_ID_BYTES_MAX;

/// What a line of the log concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogContext {
    /// The request.
    pub request: Arc<RequestLabel>,
    /// The worker that was called for it, if one was.
    pub worker: Option<Arc<str>>,
}

/// A request, as it is called in lines: short, and in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLabel {
    /// Its name.
    pub id: String,
    /// Its endpoint.
    pub endpoint: String,
}

impl RequestLabel {
    /// The request of that name, to that endpoint.
    pub(crate) fn new(id: &str, endpoint: &str) -> Arc<Self> {
        Arc::new(Self { id: sanitize(id).into_owned(), endpoint: sanitize(endpoint).into_owned() })
    }
}

thread_local! {
    static CONCERN: RefCell<Option<LogContext>> = const { RefCell::new(None) };
}

/// What this thread works for; `None` when it is no request in particular.
pub fn log_context() -> Option<LogContext> {
    CONCERN.with_borrow(Clone::clone)
}

/// Does something for a request.
pub(crate) fn with_log_context<T>(concern: LogContext, act: impl FnOnce() -> T) -> T {
    /// Puts back what was before, also after a panic.
    struct Before(Option<LogContext>);
    impl Drop for Before {
        fn drop(&mut self) {
            CONCERN.set(self.0.take());
        }
    }
    let _before = Before(CONCERN.replace(Some(concern)));
    act()
}

/// Waits for something for a request, whatever else the thread does in between.
pub(super) async fn waiting<T>(concern: LogContext, waited_for: impl Future<Output = T>) -> T {
    let mut waited_for = pin!(waited_for);
    poll_fn(|context| with_log_context(concern.clone(), || waited_for.as_mut().poll(context))).await
}

/// A name of a client's as it may be written down.
pub(crate) fn sanitize(name: &str) -> Cow<'_, str> {
    if name.len() <= REQUEST_ID_BYTES_MAX && !name.contains(char::is_control) {
        return Cow::Borrowed(name);
    }
    let mut short: String = name.chars().filter(|letter| !letter.is_control()).collect();
    short.truncate(short.floor_char_boundary(REQUEST_ID_BYTES_MAX));
    short.into()
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn of(id: &str) -> LogContext {
        LogContext { request: RequestLabel::new(id, "/x"), worker: None }
    }

    #[test]
    fn a_name_is_written_down_short_and_in_one_line() {
        assert_eq!(sanitize("a\r\nb\u{1b}[31mc\u{7f}"), "ab[31mc");
        assert_eq!(sanitize(&"é".repeat(REQUEST_ID_BYTES_MAX)).len(), REQUEST_ID_BYTES_MAX);
        assert!(matches!(sanitize("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn a_thread_works_for_what_it_was_told_and_then_for_what_it_did_before() {
        assert_eq!(log_context(), None);
        with_log_context(of("a"), || {
            with_log_context(of("b"), || assert_eq!(log_context(), Some(of("b"))));
            let panicked = catch_unwind(AssertUnwindSafe(|| with_log_context(of("c"), || panic!("told to"))));
            assert!(panicked.is_err());
            assert_eq!(log_context(), Some(of("a")));
        });
        assert_eq!(log_context(), None);
    }

    #[tokio::test]
    async fn what_waits_in_turns_is_not_mixed_up() {
        let one = |id: &'static str| {
            waiting(of(id), async move {
                for _ in 0..3 {
                    assert_eq!(log_context(), Some(of(id)));
                    tokio::task::yield_now().await;
                }
            })
        };
        tokio::join!(one("a"), one("b"));
        assert_eq!(log_context(), None);
    }
}
