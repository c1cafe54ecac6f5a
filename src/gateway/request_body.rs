//! A body on its way: what has come of it is held at the gateway, whole or not.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::Sleep;

use super::admission::Hold;
use super::exchange::Refusal;
use crate::limits::CLIENT_TIMEOUT;

/// Waits for room.
type Waiting = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

/// A body that is counted as it comes. Its errors are those of the connection, and a [`Refusal`] where there is no
/// room.
pub(super) struct Arriving {
    body: Body,
    hold: Arc<Hold>,
    /// Bytes that have come since the hold was empty.
    come: usize,
    /// What has come and waits for room, where others are waited for.
    waiting: Option<(Bytes, Waiting)>,
    pace: Pace,
}

/// How long a body may take.
enum Pace {
    /// So long, from when there is something to wait for.
    Whole { limit: Duration, over: Option<Pin<Box<Sleep>>> },
    /// For ever: it is many messages, and may wait for room itself.
    Endless,
}

impl Arriving {
    /// A body that is refused where it does not fit, or does not come.
    pub(super) fn whole(body: Body, hold: Arc<Hold>) -> Self {
        Self::within(body, hold, CLIENT_TIMEOUT)
    }

    fn within(body: Body, hold: Arc<Hold>, limit: Duration) -> Self {
        Self { body, hold, come: 0, waiting: None, pace: Pace::Whole { limit, over: None } }
    }

    /// A body of many messages, which waits where it does not fit. Whoever takes a message out of it clears the hold.
    pub(super) fn endless(body: Body, hold: Arc<Hold>) -> Self {
        Self { pace: Pace::Endless, ..Self::whole(body, hold) }
    }
}

impl Pace {
    /// Ready when the time is up.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<Refusal> {
        match self {
            Self::Endless => Poll::Pending,
            Self::Whole { limit, over } => {
                let over = over.get_or_insert_with(|| Box::pin(tokio::time::sleep(*limit)));
                over.as_mut().poll(context).map(|()| Refusal::Slow)
            }
        }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            if let Some((_, room)) = &mut this.waiting {
                let room = ready!(room.as_mut().poll(context));
                let waited = this.waiting.take().map(|(data, _)| Frame::data(data));
                return Poll::Ready(waited.map(|frame| room.map(|()| frame).map_err(BoxError::from)));
            }
            let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
                return this.pace.poll_late(context).map(|late| Some(Err(late.into())));
            };
            let Some(frame) = frame.transpose()? else { return Poll::Ready(None) };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(other) => return Poll::Ready(Some(Ok(other))),
            };
            if this.hold.is_empty() {
                this.come = 0;
            }
            this.come += data.len();
            match this.hold.at_least(this.come) {
                Ok(()) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(_) if matches!(this.pace, Pace::Endless) => {
                    let (hold, come) = (Arc::clone(&this.hold), this.come);
                    this.waiting = Some((data, Box::pin(async move { hold.wait_for(come).await })));
                }
                Err(refusal) => return Poll::Ready(Some(Err(refusal.into()))),
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
    async fn what_has_come_is_held_and_what_does_not_fit_is_refused() {
        let admission = Admission::new(1, 0);
        let (sender, body) = body();
        let mut arriving = Arriving::whole(body, Arc::new(admission.hold()));
        for pages in 1..=3 {
            send(&sender, 4096);
            arriving.frame().await.unwrap().unwrap();
            assert_eq!(admission.bytes(), pages * 4096);
        }
        let others = admission.hold();
        others.at_least(QUEUE_BYTES_MAX - 3 * 4096).unwrap();
        send(&sender, 1);
        let refused = arriving.frame().await.unwrap().unwrap_err();
        assert!(matches!(refused.downcast_ref(), Some(Refusal::Overloaded(_))), "{refused}");
    }

    #[tokio::test]
    async fn a_stream_waits_for_room_and_forgets_what_was_taken_out_of_it() {
        let admission = Admission::new(1, 0);
        let (sender, body) = body();
        let hold = Arc::new(admission.hold());
        let mut arriving = Arriving::endless(body, Arc::clone(&hold));
        let others = admission.hold();
        others.at_least(QUEUE_BYTES_MAX - 4096).unwrap();
        send(&sender, 4096);
        arriving.frame().await.unwrap().unwrap();
        send(&sender, 4096);
        assert!(arriving.frame().now_or_never().is_none());
        // Its first message is taken, and with it goes the room that it had.
        hold.clear();
        arriving.frame().await.unwrap().unwrap();
        assert_eq!(admission.bytes(), QUEUE_BYTES_MAX);
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let admission = Admission::new(1, 0);
        let (sender, body) = body();
        let mut arriving = Arriving::within(body, Arc::new(admission.hold()), Duration::ZERO);
        send(&sender, 1);
        arriving.frame().await.unwrap().unwrap();
        let late = arriving.frame().await.unwrap().unwrap_err();
        assert!(matches!(late.downcast_ref(), Some(Refusal::Slow)), "{late}");
    }
}
