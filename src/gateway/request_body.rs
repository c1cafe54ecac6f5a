//! A request body whose bytes are counted against the gateway's capacity as they arrive.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::Sleep;

use super::admission::BytesPermit;
use super::request::Rejection;
use crate::limits::CLIENT_TIMEOUT;

/// Wait for capacity.
type Waiting = Pin<Box<dyn Future<Output = Result<(), Rejection>> + Send>>;

/// A request body that holds a [`BytesPermit`] for the bytes received so far.
///
/// Its errors are those of the connection, and a [`Rejection`] if the capacity or the time is exceeded.
pub(super) struct RequestBody {
    body: Body,
    permit: Arc<BytesPermit>,
    /// Bytes received since the permit was empty.
    received: usize,
    /// Data that waits for capacity, in a stream.
    waiting: Option<(Bytes, Waiting)>,
    timeout: Timeout,
}

/// Bound on the time in which a body must be received.
enum Timeout {
    /// Measured from the first time that the body has to be waited for.
    After { limit: Duration, elapsed: Option<Pin<Box<Sleep>>> },
    /// No bound: a stream of messages.
    Never,
}

impl RequestBody {
    /// The body of one request: rejected if it exceeds the capacity, or takes longer than [`CLIENT_TIMEOUT`].
    pub(super) fn single(body: Body, permit: Arc<BytesPermit>) -> Self {
        Self::with_timeout(body, permit, CLIENT_TIMEOUT)
    }

    fn with_timeout(body: Body, permit: Arc<BytesPermit>, limit: Duration) -> Self {
        let timeout = Timeout::After { limit, elapsed: None };
        Self { body, permit, received: 0, waiting: None, timeout }
    }

    /// A stream of messages, which waits for capacity. The reader clears the permit after each message.
    pub(super) fn stream(body: Body, permit: Arc<BytesPermit>) -> Self {
        Self { timeout: Timeout::Never, ..Self::single(body, permit) }
    }
}

impl Timeout {
    /// Ready once the time has elapsed.
    fn poll_elapsed(&mut self, context: &mut Context<'_>) -> Poll<Rejection> {
        match self {
            Self::Never => Poll::Pending,
            Self::After { limit, elapsed } => {
                let elapsed = elapsed.get_or_insert_with(|| Box::pin(tokio::time::sleep(*limit)));
                elapsed.as_mut().poll(context).map(|()| Rejection::BodyTimeout)
            }
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            if let Some((_, capacity)) = &mut this.waiting {
                let capacity = ready!(capacity.as_mut().poll(context));
                let data = this.waiting.take().map(|(data, _)| Frame::data(data));
                return Poll::Ready(data.map(|frame| capacity.map(|()| frame).map_err(BoxError::from)));
            }
            let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
                return this.timeout.poll_elapsed(context).map(|rejection| Some(Err(rejection.into())));
            };
            let Some(frame) = frame.transpose()? else { return Poll::Ready(None) };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            };
            if this.permit.is_empty() {
                this.received = 0;
            }
            this.received += data.len();
            match this.permit.try_grow_to(this.received) {
                Ok(()) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(_) if matches!(this.timeout, Timeout::Never) => {
                    let (permit, received) = (Arc::clone(&this.permit), this.received);
                    this.waiting = Some((data, Box::pin(async move { permit.grow_to(received).await })));
                }
                Err(rejection) => return Poll::Ready(Some(Err(rejection.into()))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.waiting.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::FutureExt as _;
    use http_body_util::{BodyExt as _, StreamBody};
    use tokio_stream::wrappers::UnboundedReceiverStream;

    use super::*;
    use crate::gateway::admission::Admission;
    use crate::limits::QUEUE_BYTES_MAX;

    type Sender = tokio::sync::mpsc::UnboundedSender<Result<Frame<Bytes>, Infallible>>;

    fn body() -> (Sender, Body) {
        let (sender, frames) = tokio::sync::mpsc::unbounded_channel();
        (sender, Body::new(StreamBody::new(UnboundedReceiverStream::new(frames))))
    }

    fn send(sender: &Sender, bytes: usize) {
        sender.send(Ok(Frame::data(vec![0; bytes].into()))).unwrap();
    }

    #[tokio::test]
    async fn received_bytes_are_counted_and_rejected_beyond_the_capacity() {
        let admission = Admission::new(1, 0);
        let (sender, body) = body();
        let mut request = RequestBody::single(body, Arc::new(admission.bytes_permit()));
        for pages in 1..=3 {
            send(&sender, 4096);
            request.frame().await.unwrap().unwrap();
            assert_eq!(admission.bytes(), pages * 4096);
        }
        let other = admission.bytes_permit();
        other.try_grow_to(QUEUE_BYTES_MAX - 3 * 4096).unwrap();
        send(&sender, 1);
        let error = request.frame().await.unwrap().unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Rejection::Overloaded(_))), "{error}");
    }

    #[tokio::test]
    async fn a_stream_waits_for_capacity_and_frees_that_of_messages_that_were_read() {
        let admission = Admission::new(1, 0);
        let (sender, body) = body();
        let permit = Arc::new(admission.bytes_permit());
        let mut stream = RequestBody::stream(body, Arc::clone(&permit));
        let other = admission.bytes_permit();
        other.try_grow_to(QUEUE_BYTES_MAX - 4096).unwrap();
        send(&sender, 4096);
        stream.frame().await.unwrap().unwrap();
        send(&sender, 4096);
        assert!(stream.frame().now_or_never().is_none());
        // The reader takes the first message, which frees its capacity.
        permit.clear();
        stream.frame().await.unwrap().unwrap();
        assert_eq!(admission.bytes(), QUEUE_BYTES_MAX);
    }

    #[tokio::test]
    async fn a_body_that_stalls_is_rejected() {
        let admission = Admission::new(1, 0);
        let (sender, body) = body();
        let permit = Arc::new(admission.bytes_permit());
        let mut request = RequestBody::with_timeout(body, permit, Duration::ZERO);
        send(&sender, 1);
        request.frame().await.unwrap().unwrap();
        let error = request.frame().await.unwrap().unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Rejection::BodyTimeout)), "{error}");
    }
}
