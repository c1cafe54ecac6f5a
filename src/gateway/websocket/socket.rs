//! A WebSocket whose input and output are bounded in bytes and time.
//!
//! An unfinished message is counted and timed by the [`ConnectionMeter`]. The WebSocket library answers a ping by
//! itself and buffers the pong; nothing more is read until the client has taken it.

use std::error::Error as _;
use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use futures_util::SinkExt as _;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite;

use crate::gateway::bytes_permit::{ByteCapacity, BytesPermit};
use crate::gateway::connection_meter::ConnectionMeter;
use crate::gateway::service::Gateway;
use crate::limits::{CLIENT_TIMEOUT, PONG_TIMEOUT};

/// Input of a WebSocket.
pub(super) enum Incoming {
    /// A message with its capacity.
    Message(Message, Arc<BytesPermit>),
    /// A message that is longer than allowed: the input cannot be read further.
    TooLarge,
    /// The client has disconnected, sends a message too slowly, or does not read its pongs.
    Disconnected,
}

/// A WebSocket connection.
pub(super) struct Socket {
    socket: WebSocket,
    capacity: ByteCapacity,
    meter: Arc<ConnectionMeter>,
    /// Time of the oldest ping whose pong may be unwritten.
    pinged: Option<Instant>,
}

impl Socket {
    /// Counts the input of `socket`, whose connection has this meter, against the capacity of the gateway.
    pub(super) fn new(socket: WebSocket, meter: Arc<ConnectionMeter>, gateway: &Gateway) -> Self {
        let capacity = gateway.admission.capacity.clone();
        meter.count_messages(capacity.permit());
        Self { socket, capacity, meter, pinged: None }
    }

    /// Receives a message, control frames included. Cancel safe.
    pub(super) async fn receive(&mut self) -> Incoming {
        // A buffer holds thousands of small messages: other connections have their turn meanwhile.
        tokio::task::consume_budget().await;
        if let Some(pinged) = self.pinged {
            let flushed = tokio::time::timeout_at(pinged + PONG_TIMEOUT, self.socket.flush()).await;
            if !matches!(flushed, Ok(Ok(()))) {
                tracing::warn!("a WebSocket client that sends pings and does not read is disconnected");
                return Incoming::Disconnected;
            }
            self.pinged = None;
        }
        let received = tokio::select! {
            received = self.socket.recv() => received,
            () = self.meter.overdue() => {
                tracing::warn!("a WebSocket client that does not finish its message is disconnected");
                return Incoming::Disconnected;
            }
        };
        let message = match received {
            Some(Ok(message)) => message,
            Some(Err(error)) if is_too_large(&error) => return Incoming::TooLarge,
            _ => return Incoming::Disconnected,
        };
        let permit = match &message {
            Message::Ping(payload) => {
                self.pinged = Some(Instant::now());
                self.meter.control_received(payload.len());
                None
            }
            Message::Pong(payload) => {
                self.meter.control_received(payload.len());
                None
            }
            _ => self.meter.message_received(),
        };
        Incoming::Message(message, Arc::new(permit.unwrap_or_else(|| self.capacity.permit())))
    }

    /// Never ready: nothing is read from the client until the future is dropped. The time limit of its unfinished message
    /// then restarts.
    pub(super) async fn pause(&mut self) -> ! {
        let _pause = Pause(&self.meter);
        std::future::pending().await
    }

    /// Sends a frame; `false` if the client has disconnected or does not read.
    pub(super) async fn send(&mut self, message: Message) -> bool {
        tokio::select! {
            sent = self.socket.send(message) => sent.is_ok(),
            () = self.capacity.read_timeout(CLIENT_TIMEOUT) => false,
        }
    }
}

/// A time in which nothing is read from the client.
struct Pause<'a>(&'a ConnectionMeter);

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.0.resume_reading();
    }
}

/// True for the error of a message that is longer than allowed.
fn is_too_large(error: &axum::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    matches!(cause, Some(tungstenite::Error::Capacity(_)))
}
