//! Request bodies that are answered before they are read: the connection announces that it closes.
//!
//! HTTP/1 can reuse a connection only after the whole body. A small body is read and discarded; for a large one the
//! response has `Connection: close` (RFC 9112, 9.6), so that the client does not send its next request into a
//! connection that is about to close. HTTP/2 resets the stream instead, and keeps the connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;

use super::http::submit::content_length;
use crate::limits::{DISCARD_BYTES_MAX, DISCARD_TIMEOUT};

/// Slot for the unread rest of a body; empty until the handler drops the body, and if it has read all of it.
type Rest = Arc<Mutex<Option<Body>>>;

/// A body that hands its unread rest back.
struct ReturnedBody {
    body: Body,
    is_read: bool,
    rest: Rest,
}

/// Discards the rest of a small body that a handler has not read, or announces that the connection closes.
pub(super) async fn announce_close(request: Request, next: Next) -> Response {
    if request.version() > Version::HTTP_11 || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let is_small = content_length(request.headers()).is_some_and(|length| length <= DISCARD_BYTES_MAX);
    // A client that waits for permission to send its body has not sent it, and reads the response first.
    let is_sent = !request.headers().contains_key(header::EXPECT);
    let rest = Rest::default();
    let returned = Arc::clone(&rest);
    let request = request.map(|body| Body::new(ReturnedBody { body, is_read: false, rest: returned }));
    let mut response = next.run(request).await;
    let unread = rest.lock().take();
    if let Some(body) = unread
        && !(is_small && is_sent && discard(body).await)
    {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Reads a body to its end; `false` if it does not arrive within [`DISCARD_TIMEOUT`].
async fn discard(mut body: Body) -> bool {
    let reading = async {
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(DISCARD_TIMEOUT, reading).await.unwrap_or(false)
}

impl HttpBody for ReturnedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        this.is_read |= frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ReturnedBody {
    fn drop(&mut self) {
        if !self.is_read && !self.body.is_end_stream() {
            *self.rest.lock() = Some(std::mem::take(&mut self.body));
        }
    }
}
