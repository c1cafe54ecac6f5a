//! A reply on its way: it keeps its room at the gateway until the connection has written it.
//!
//! A client that asks faster than it reads would otherwise let replies pile up that nobody counts. One that does not
//! read at all is cut off.

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

use super::admission::Ticket;
use crate::limits::{CLIENT_TIMEOUT, STREAMS_MAX};

/// So many replies of a connection are remembered before those that are written among them are looked for: behind one
/// that is not taken they cannot be forgotten in their order. A few times what can be under way on it.
const REMEMBERED: usize = 4 * STREAMS_MAX as usize;

/// The replies of one connection that are not written yet, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Departures(Mutex<VecDeque<(Instant, Weak<Ticket>)>>);

impl Departures {
    /// Those of the connection that a request came by.
    pub(super) fn of(extensions: &Extensions) -> Option<Arc<Self>> {
        extensions.get().cloned()
    }

    fn begin(&self, ticket: &Arc<Ticket>, now: Instant) {
        let mut departures = self.0.lock();
        written(&mut departures);
        if departures.len() >= REMEMBERED {
            departures.retain(|(_, ticket)| ticket.strong_count() > 0);
        }
        departures.push_back((now, Arc::downgrade(ticket)));
    }

    /// Whether the client has not taken a reply for too long.
    fn is_stuck(&self, now: Instant) -> bool {
        let mut departures = self.0.lock();
        written(&mut departures);
        departures.front().is_some_and(|(since, _)| now.saturating_duration_since(*since) >= CLIENT_TIMEOUT)
    }

    /// Waits until the client has not taken a reply for too long.
    pub(super) async fn stuck(&self) {
        const LOOKS: Duration = Duration::from_secs(CLIENT_TIMEOUT.as_secs() / 4);
        while !self.is_stuck(Instant::now()) {
            tokio::time::sleep(LOOKS).await;
        }
    }
}

/// Forgets those that are written, as far as the oldest that is not.
fn written(departures: &mut VecDeque<(Instant, Weak<Ticket>)>) {
    while departures.front().is_some_and(|(_, ticket)| ticket.strong_count() == 0) {
        departures.pop_front();
    }
}

/// The same response, which keeps the ticket until it is written.
pub(super) fn departing(
    response: Response,
    ticket: Arc<Ticket>,
    departures: Option<&Departures>,
) -> Response {
    if let Some(departures) = departures {
        departures.begin(&ticket, Instant::now());
    }
    response.map(|body| Body::new(Departing { body, ticket }))
}

struct Departing {
    body: Body,
    ticket: Arc<Ticket>,
}

impl HttpBody for Departing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        let held = |data: Bytes| {
            // It is there, whether there is room for it or not.
            let _ = this.ticket.hold.at_least(data.len());
            Bytes::from_owner(Written { data, _ticket: Arc::clone(&this.ticket) })
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes that are dropped when they are written.
struct Written {
    data: Bytes,
    _ticket: Arc<Ticket>,
}

impl AsRef<[u8]> for Written {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::gateway::admission::{Admission, Entrance};

    fn ticket(admission: &Admission) -> Arc<Ticket> {
        Arc::new(admission.enter(Entrance { bytes: 0, full: false, patience: None }).unwrap())
    }

    #[tokio::test]
    async fn a_reply_has_room_until_the_last_of_it_is_written() {
        let admission = Admission::new(1, 0);
        let mut response = departing(Response::new("reply".into()), ticket(&admission), None);
        let frame = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
        drop(response);
        assert_eq!((&frame[..], admission.under_way()), (&b"reply"[..], 1));
        let last = frame.slice(3..);
        drop(frame);
        assert_eq!(admission.under_way(), 1);
        drop(last);
        assert_eq!(admission.under_way(), 0);
    }

    #[test]
    fn a_connection_is_stuck_when_its_oldest_reply_is_not_taken() {
        let (admission, departures) = (Admission::new(3, 0), Departures::default());
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let tickets = [ticket(&admission), ticket(&admission), ticket(&admission)];
        for (seconds, ticket) in (0..).zip(&tickets) {
            departures.begin(ticket, start + second * seconds);
        }
        let [first, other, last] = tickets;
        drop(other);
        assert!(!departures.is_stuck(start + CLIENT_TIMEOUT - second));
        assert!(departures.is_stuck(start + CLIENT_TIMEOUT));
        drop(first);
        assert!(!departures.is_stuck(start + CLIENT_TIMEOUT + second));
        assert!(departures.is_stuck(start + CLIENT_TIMEOUT + second * 2));
        drop(last);
        assert!(!departures.is_stuck(start + CLIENT_TIMEOUT * 2));
        assert!(departures.0.lock().is_empty());
    }

    #[test]
    fn a_reply_that_is_not_taken_does_not_keep_those_behind_it() {
        let (admission, departures, now) = (Admission::new(3, 0), Departures::default(), Instant::now());
        let stuck = ticket(&admission);
        departures.begin(&stuck, now);
        for _ in 0..3 * REMEMBERED {
            departures.begin(&ticket(&admission), now);
        }
        assert!(departures.0.lock().len() <= REMEMBERED);
        assert!(departures.is_stuck(now + CLIENT_TIMEOUT));
    }
}
