//! A request body whose bytes are counted against the gateway's capacity as they arrive.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::admission::Permit;
use super::bytes_permit::BytesPermit;
use super::request::Rejection;
use crate::limits::{BODY_GRACE, BODY_RATE_MIN, CLIENT_TIMEOUT, SLOW_BODY_AFTER};

/// A wait for capacity that is in progress.
type Waiting = Pin<Box<dyn Future<Output = Result<(), Rejection>> + Send>>;

/// A request body that holds a [`BytesPermit`] for the bytes received so far.
///
/// Its errors are those of the connection, and a [`Rejection`] (boxed; use `downcast`) if the capacity or the time is
/// exceeded.
pub(super) struct RequestBody {
    body: Body,
    bytes: Arc<BytesPermit>,
    /// Permit of the request, which releases its slot while the body arrives slowly; `None` before admission.
    permit: Option<Arc<Permit>>,
    /// Bytes received since the permit was empty.
    received: usize,
    /// Data that waits for capacity, in a stream.
    waiting: Option<(Bytes, Waiting)>,
    clock: Clock,
    /// True for a stream of messages: it waits for capacity, and may pause between two messages.
    is_stream: bool,
}

/// Time in which a body, or one message of a stream, must be received.
struct Clock {
    /// Longest time for any body.
    limit: Duration,
    /// Time at which the body was first waited for.
    since: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Time in which `bytes` must have been received: [`BODY_GRACE`] and a minimum rate, at most [`CLIENT_TIMEOUT`].
pub(super) fn receive_limit(bytes: usize) -> Duration {
    let seconds = bytes as u64 / BODY_RATE_MIN;
    (BODY_GRACE + Duration::from_secs(seconds)).min(CLIENT_TIMEOUT)
}

impl RequestBody {
    /// The body of an admitted request: rejected if it exceeds the capacity, or arrives too slowly ([`receive_limit`]).
    pub(super) fn single(body: Body, permit: &Arc<Permit>) -> Self {
        let bytes = Arc::clone(&permit.bytes);
        Self { permit: Some(Arc::clone(permit)), ..Self::with_limit(body, bytes, CLIENT_TIMEOUT) }
    }

    /// The body of a call that needs no admission, with the same bounds.
    pub(super) fn unadmitted(body: Body, bytes: Arc<BytesPermit>) -> Self {
        Self::with_limit(body, bytes, CLIENT_TIMEOUT)
    }

    /// A stream of messages, which waits for capacity. The reader clears the permit after each message.
    pub(super) fn stream(body: Body, bytes: Arc<BytesPermit>) -> Self {
        Self { is_stream: true, ..Self::with_limit(body, bytes, CLIENT_TIMEOUT) }
    }

    fn with_limit(body: Body, bytes: Arc<BytesPermit>, limit: Duration) -> Self {
        let clock = Clock { limit, since: None, sleep: None };
        Self { body, bytes, permit: None, received: 0, waiting: None, clock, is_stream: false }
    }

    /// Ready once the body has taken too long. Releases the slot of a slow one.
    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<Rejection> {
        if self.is_stream && self.bytes.is_empty() {
            // Between two messages.
            self.clock.since = None;
            return Poll::Pending;
        }
        let since = *self.clock.since.get_or_insert_with(Instant::now);
        let overdue = since + receive_limit(self.received).min(self.clock.limit);
        loop {
            let now = Instant::now();
            if now >= overdue {
                return Poll::Ready(Rejection::BodyTimeout);
            }
            if now >= since + SLOW_BODY_AFTER
                && let Some(permit) = self.permit.take()
            {
                permit.release_slot();
            }
            let next = if self.permit.is_some() { overdue.min(since + SLOW_BODY_AFTER) } else { overdue };
            let sleep = self.clock.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
            if sleep.deadline() != next {
                sleep.as_mut().reset(next);
            }
            ready!(sleep.as_mut().poll(context));
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
                return this.poll_overdue(context).map(|rejection| Some(Err(rejection.into())));
            };
            let Some(frame) = frame.transpose()? else { return Poll::Ready(None) };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            };
            if this.bytes.is_empty() {
                this.received = 0;
                this.clock.since = this.clock.since.filter(|_| !this.is_stream);
            }
            this.received += data.len();
            match this.bytes.try_grow_to(this.received) {
                Ok(()) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(_) if this.is_stream => {
                    let (permit, received) = (Arc::clone(&this.bytes), this.received);
                    this.waiting =
                        Some((data, Box::pin(async move { permit.grow_for_stream(received).await })));
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
    use crate::gateway::admission::{Admission, AdmissionRequest};
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
        let mut request = RequestBody::unadmitted(body, Arc::new(admission.bytes_permit()));
        for pages in 1..=3 {
            send(&sender, 4096);
            request.frame().await.unwrap().unwrap();
            assert_eq!(admission.bytes(), pages * 4096);
        }
        let _others = admission.capacity.fill(0);
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
        let _others = admission.capacity.fill(4096);
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
        let mut request = RequestBody::with_limit(body, permit, Duration::ZERO);
        send(&sender, 1);
        request.frame().await.unwrap().unwrap();
        let error = request.frame().await.unwrap().unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Rejection::BodyTimeout)), "{error}");
    }

    #[test]
    fn a_body_must_arrive_at_a_minimum_rate() {
        assert_eq!(receive_limit(0), BODY_GRACE);
        assert_eq!(receive_limit(1), BODY_GRACE);
        assert_eq!(receive_limit(2_400), BODY_GRACE + Duration::from_secs(10));
        assert_eq!(receive_limit(1 << 30), CLIENT_TIMEOUT);
    }

    #[tokio::test]
    async fn a_slow_body_gives_its_slot_back() {
        let admission = Admission::new(1, 0);
        let request = AdmissionRequest { bytes: 0, announced: 8, no_credit: false, max_wait: None };
        let (_sender, body) = body();
        let slow = Arc::new(admission.admit(request).unwrap());
        let mut body = RequestBody::single(body, &slow);
        assert!(admission.admit(request).is_err());
        let waited = tokio::time::timeout(SLOW_BODY_AFTER + Duration::from_millis(200), body.frame()).await;
        assert!(waited.is_err(), "the body is not overdue yet");
        assert!(admission.admit(request).is_ok());
    }

    #[tokio::test]
    async fn an_unfinished_message_of_a_stream_is_overdue_and_a_pause_is_not() {
        let admission = Admission::new(1, 0);
        let (sender, body) = body();
        let bytes = Arc::new(admission.bytes_permit());
        let limit = Duration::from_millis(20);
        let mut stream =
            RequestBody { is_stream: true, ..RequestBody::with_limit(body, Arc::clone(&bytes), limit) };
        assert!(tokio::time::timeout(limit * 3, stream.frame()).await.is_err());
        send(&sender, 1);
        stream.frame().await.unwrap().unwrap();
        let error = stream.frame().await.unwrap().unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Rejection::BodyTimeout)), "{error}");
    }
}
