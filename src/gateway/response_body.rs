//! A response body that holds the permit of its request until the connection has written it.
//!
//! Without it, a client that sends requests faster than it reads would let uncounted replies pile up. A client that
//! stops reading is disconnected after [`CLIENT_TIMEOUT`].

use std::any::Any;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Extensions;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;

use super::admission::Permit;
use crate::limits::{CLIENT_TIMEOUT, STREAMS_MAX};

/// Entries of [`UnwrittenReplies`] from which on written replies after an unwritten one are removed too: a few times
/// the maximum of replies that a connection can have.
const ENTRIES_MAX: usize = 4 * STREAMS_MAX as usize;

/// The replies of one connection that are not written yet, the oldest first.
#[derive(Debug, Default)]
pub(super) struct UnwrittenReplies(Mutex<VecDeque<(Instant, Weak<Held>)>>);

/// Value that lives until a reply, or a part of one, is written.
type Held = dyn Any + Send + Sync;

impl UnwrittenReplies {
    /// The replies of the connection that a request came by.
    pub(super) fn from_extensions(extensions: &Extensions) -> Option<Arc<Self>> {
        extensions.get().cloned()
    }

    fn add<T: Any + Send + Sync>(&self, held: &Arc<T>, now: Instant) {
        let mut replies = self.0.lock();
        remove_written(&mut replies);
        if replies.len() >= ENTRIES_MAX {
            replies.retain(|(_, held)| held.strong_count() > 0);
        }
        let held: Weak<T> = Arc::downgrade(held);
        replies.push_back((now, held));
    }

    /// True if the client has not read its oldest reply for [`CLIENT_TIMEOUT`].
    fn is_stalled(&self, now: Instant) -> bool {
        let mut replies = self.0.lock();
        remove_written(&mut replies);
        replies.front().is_some_and(|(since, _)| now.saturating_duration_since(*since) >= CLIENT_TIMEOUT)
    }

    /// Waits until the client has not read its oldest reply for [`CLIENT_TIMEOUT`].
    pub(super) async fn stalled(&self) {
        const POLL_INTERVAL: Duration = Duration::from_secs(CLIENT_TIMEOUT.as_secs() / 4);
        while !self.is_stalled(Instant::now()) {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// Removes written replies up to the oldest unwritten one.
fn remove_written(replies: &mut VecDeque<(Instant, Weak<Held>)>) {
    while replies.front().is_some_and(|(_, held)| held.strong_count() == 0) {
        replies.pop_front();
    }
}

/// Makes a response hold `permit` until it is written.
pub(super) fn hold_permit(
    response: Response,
    permit: Arc<Permit>,
    unwritten: Option<&UnwrittenReplies>,
) -> Response {
    if let Some(unwritten) = unwritten {
        unwritten.add(&permit, Instant::now());
    }
    response.map(|body| Body::new(ResponseBody { body, permit, unwritten: None }))
}

/// Makes a response whose parts are made over time hold `permit` until its end. The client has to read each part in time.
pub(super) fn hold_permit_of_stream(
    response: Response,
    permit: Arc<Permit>,
    unwritten: Option<Arc<UnwrittenReplies>>,
) -> Response {
    response.map(|body| Body::new(ResponseBody { body, permit, unwritten }))
}

struct ResponseBody {
    body: Body,
    permit: Arc<Permit>,
    /// Set for a stream: receives each of its parts.
    unwritten: Option<Arc<UnwrittenReplies>>,
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        let hold = |data: Bytes| {
            // The reply is in memory already: it is counted as far as the capacity allows.
            let _ = this.permit.bytes.try_grow_to(data.len());
            let part = Arc::new(HeldPermit(Arc::clone(&this.permit)));
            if let Some(unwritten) = &this.unwritten {
                unwritten.add(&part, Instant::now());
            }
            Bytes::from_owner(PermittedBytes { data, _part: part })
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(hold))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes of a response; the connection drops them once they are written.
struct PermittedBytes {
    data: Bytes,
    _part: Arc<HeldPermit>,
}

/// The permit of one part of a response: parts of one response are written at different times.
struct HeldPermit(#[expect(dead_code, reason = "held until the part is written")] Arc<Permit>);

impl AsRef<[u8]> for PermittedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::gateway::admission::{Admission, AdmissionRequest};

    fn permit(admission: &Admission) -> Arc<Permit> {
        Arc::new(
            admission
                .admit(AdmissionRequest { bytes: 0, announced: 0, no_credit: false, max_wait: None })
                .unwrap(),
        )
    }

    #[tokio::test]
    async fn a_reply_holds_its_permit_until_its_last_byte_is_written() {
        let admission = Admission::new(1, 0);
        let mut response = hold_permit(Response::new("reply".into()), permit(&admission), None);
        let frame = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
        drop(response);
        assert_eq!((&frame[..], admission.in_flight()), (&b"reply"[..], 1));
        let last = frame.slice(3..);
        drop(frame);
        assert_eq!(admission.in_flight(), 1);
        drop(last);
        assert_eq!(admission.in_flight(), 0);
    }

    #[test]
    fn a_connection_is_stalled_by_its_oldest_unwritten_reply() {
        let (admission, unwritten) = (Admission::new(3, 0), UnwrittenReplies::default());
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let permits = [permit(&admission), permit(&admission), permit(&admission)];
        for (seconds, permit) in (0..).zip(&permits) {
            unwritten.add(permit, start + second * seconds);
        }
        let [first, middle, last] = permits;
        drop(middle);
        assert!(!unwritten.is_stalled(start + CLIENT_TIMEOUT - second));
        assert!(unwritten.is_stalled(start + CLIENT_TIMEOUT));
        drop(first);
        assert!(!unwritten.is_stalled(start + CLIENT_TIMEOUT + second));
        assert!(unwritten.is_stalled(start + CLIENT_TIMEOUT + second * 2));
        drop(last);
        assert!(!unwritten.is_stalled(start + CLIENT_TIMEOUT * 2));
        assert!(unwritten.0.lock().is_empty());
    }

    #[test]
    fn written_replies_are_removed_even_after_an_unwritten_one() {
        let (admission, unwritten, now) = (Admission::new(3, 0), UnwrittenReplies::default(), Instant::now());
        let stalled = permit(&admission);
        unwritten.add(&stalled, now);
        for _ in 0..3 * ENTRIES_MAX {
            unwritten.add(&permit(&admission), now);
        }
        assert!(unwritten.0.lock().len() <= ENTRIES_MAX);
        assert!(unwritten.is_stalled(now + CLIENT_TIMEOUT));
    }
}
