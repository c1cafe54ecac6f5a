//! Counts the input of one connection: until its first request, and while it is a WebSocket.
//!
//! hyper waits without a bound for the first bytes of a connection, and the WebSocket library buffers a message until
//! it is complete. The meter sees every byte that is read. A connection that has sent neither a request nor
//! [`PREFACE_BYTES`] bytes within [`HEADERS_TIMEOUT`] is closed; hyper limits the time of others. The bytes of an unfinished WebSocket message hold capacity of the gateway and must arrive at a minimum rate
//! ([`receive_limit`]). Bodies of HTTP requests are counted in [`request_body`](super::request_body).

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::bytes_permit::BytesPermit;
use super::request_body::receive_limit;
use crate::limits::HEADERS_TIMEOUT;

/// Length of the preface of HTTP/2. hyper applies its own time limits to a connection that has sent as much.
const PREFACE_BYTES: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// Bytes of the header of a short WebSocket frame from a client.
const FRAME_HEADER_BYTES: usize = 6;

/// Interval of checks for unfinished messages.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Input of one connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionMeter {
    /// Bytes received before the first request.
    received: AtomicUsize,
    has_requested: AtomicBool,
    /// Input of a WebSocket, once the connection is one.
    messages: OnceLock<MessageMeter>,
}

/// Unfinished input of a WebSocket.
#[derive(Debug)]
struct MessageMeter {
    permit: BytesPermit,
    unfinished: Mutex<Unfinished>,
}

/// Bytes received since the last complete message, without complete control frames, and the start of their time limit: the
/// first of them, or the end of the last pause.
#[derive(Debug, Default)]
struct Unfinished {
    bytes: usize,
    since: Option<Instant>,
}

impl ConnectionMeter {
    /// Records that a request arrived.
    pub(super) fn request_received(&self) {
        self.has_requested.store(true, Ordering::Relaxed);
    }

    /// Waits for [`HEADERS_TIMEOUT`]. Ready if the connection has then neither a request nor [`PREFACE_BYTES`] bytes of
    /// input; otherwise never.
    pub(super) async fn silent(&self) {
        self.silent_for(HEADERS_TIMEOUT).await;
    }

    async fn silent_for(&self, limit: Duration) {
        tokio::time::sleep(limit).await;
        let is_left_to_hyper = self.received.load(Ordering::Relaxed) >= PREFACE_BYTES;
        if is_left_to_hyper || self.has_requested.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    /// Records received bytes. Those of a WebSocket message take capacity of the gateway.
    ///
    /// # Errors
    /// When there is no capacity for them. The connection then fails.
    pub(super) fn bytes_received(&self, bytes: usize) -> io::Result<()> {
        let Some(messages) = self.messages.get() else {
            if !self.has_requested.load(Ordering::Relaxed) {
                self.received.fetch_add(bytes, Ordering::Relaxed);
            }
            return Ok(());
        };
        let mut unfinished = messages.unfinished.lock();
        unfinished.bytes += bytes;
        unfinished.since.get_or_insert_with(Instant::now);
        messages.permit.try_grow_to(unfinished.bytes).map_err(io::Error::other)
    }

    /// Counts unfinished messages from now on, against `permit`.
    pub(super) fn count_messages(&self, permit: BytesPermit) {
        // A connection is upgraded once.
        let _ = self.messages.set(MessageMeter { permit, unfinished: Mutex::default() });
    }

    /// Records that a data message is complete. Returns its capacity, which its request holds from now on; `None` on a
    /// connection that is no WebSocket.
    pub(super) fn message_received(&self) -> Option<BytesPermit> {
        let messages = self.messages.get()?;
        *messages.unfinished.lock() = Unfinished::default();
        Some(messages.permit.take())
    }

    /// Records that a control frame with `payload` bytes is complete, so that it is no unfinished input. It may arrive
    /// between the fragments of a message.
    pub(super) fn control_received(&self, payload: usize) {
        if let Some(messages) = self.messages.get() {
            let mut unfinished = messages.unfinished.lock();
            unfinished.bytes = unfinished.bytes.saturating_sub(payload + FRAME_HEADER_BYTES);
            if unfinished.bytes == 0 {
                unfinished.since = None;
                messages.permit.clear();
            }
        }
    }

    /// Restarts the time limit of an unfinished message, at the end of a pause in which the session did not read.
    pub(super) fn resume_reading(&self) {
        if let Some(messages) = self.messages.get() {
            let mut unfinished = messages.unfinished.lock();
            if unfinished.since.is_some() {
                unfinished.since = Some(Instant::now());
            }
        }
    }

    /// True if an unfinished message has taken longer than [`receive_limit`] of its bytes.
    fn is_overdue(&self, now: Instant) -> bool {
        self.messages.get().is_some_and(|messages| {
            let Unfinished { bytes, since } = *messages.unfinished.lock();
            since.is_some_and(|since| now.saturating_duration_since(since) > receive_limit(bytes))
        })
    }

    /// Waits until an unfinished message is overdue; for ever on a connection that is no WebSocket.
    pub(super) async fn overdue(&self) {
        while !self.is_overdue(Instant::now()) {
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::gateway::admission::Admission;
    use crate::limits::{CLIENT_TIMEOUT, QUEUE_BYTES_MAX};

    #[tokio::test]
    async fn a_connection_without_a_request_is_silent() {
        let is_silent = async |meter: &ConnectionMeter| {
            tokio::time::timeout(Duration::from_millis(200), meter.silent_for(Duration::from_millis(1)))
                .await
                .is_ok()
        };
        let meter = ConnectionMeter::default();
        assert!(is_silent(&meter).await);
        meter.bytes_received(PREFACE_BYTES - 1).unwrap();
        assert!(is_silent(&meter).await);
        meter.request_received();
        assert!(!is_silent(&meter).await);
        let meter = ConnectionMeter::default();
        meter.bytes_received(PREFACE_BYTES).unwrap();
        assert!(!is_silent(&meter).await);
    }

    #[tokio::test]
    async fn unfinished_messages_hold_capacity_and_must_arrive_in_time() {
        let admission = Admission::new(1, 0);
        let meter = ConnectionMeter::default();
        meter.count_messages(admission.bytes_permit());
        meter.bytes_received(100_000).unwrap();
        assert!(admission.bytes() >= 100_000);
        // A ping between two fragments does not end the message.
        meter.bytes_received(FRAME_HEADER_BYTES + 4).unwrap();
        meter.control_received(4);
        assert!(admission.bytes() >= 100_000);
        assert!(meter.overdue().now_or_never().is_none());
        assert!(meter.is_overdue(Instant::now() + CLIENT_TIMEOUT * 2));
        let request = meter.message_received().unwrap();
        assert_eq!(request.bytes(), admission.bytes());
        drop(request);
        assert_eq!(admission.bytes(), 0);
        assert!(!meter.is_overdue(Instant::now() + CLIENT_TIMEOUT * 2));
        // Pings of an idle connection are never an unfinished message.
        meter.bytes_received(FRAME_HEADER_BYTES).unwrap();
        meter.control_received(0);
        assert!(!meter.is_overdue(Instant::now() + CLIENT_TIMEOUT * 2));
        assert!(meter.bytes_received(QUEUE_BYTES_MAX).is_err());
    }
}
