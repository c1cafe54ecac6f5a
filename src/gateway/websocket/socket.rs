//! A WebSocket whose input and output are bounded in bytes and time.
//!
//! An unfinished message is counted and timed by the [`ConnectionMeter`]. The WebSocket library answers a ping by itself and
//! buffers the pong; nothing more is read until the client has taken it.

use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use futures_util::SinkExt as _;
use tokio::time::Instant;

use crate::gateway::connection_meter::ConnectionMeter;
use crate::gateway::service::Gateway;
use crate::limits::{CLIENT_TIMEOUT, PONG_TIMEOUT};

/// A WebSocket connection.
pub(super) struct Socket {
    socket: WebSocket,
    meter: Arc<ConnectionMeter>,
    /// Time of the oldest ping whose pong may be unwritten.
    pinged: Option<Instant>,
}

impl Socket {
    /// Counts the input of `socket`, whose connection has this meter, against the capacity of the gateway.
    pub(super) fn new(socket: WebSocket, meter: Arc<ConnectionMeter>, gateway: &Gateway) -> Self {
        meter.count_messages(gateway.admission.bytes_permit());
        Self { socket, meter, pinged: None }
    }

    /// Receives a message, control frames included; `None` if the client has disconnected, sends a message too slowly,
    /// or does not read its pongs. Cancel safe.
    pub(super) async fn receive(&mut self) -> Option<Message> {
        if let Some(pinged) = self.pinged {
            let flushed = tokio::time::timeout_at(pinged + PONG_TIMEOUT, self.socket.flush()).await;
            if !matches!(flushed, Ok(Ok(()))) {
                tracing::warn!("a WebSocket client that sends pings and does not read is disconnected");
                return None;
            }
            self.pinged = None;
        }
        let received = tokio::select! {
            received = self.socket.recv() => received,
            () = self.meter.overdue() => {
                tracing::warn!("a WebSocket client that does not finish its message is disconnected");
                return None;
            }
        };
        let message = received?.ok()?;
        match &message {
            Message::Ping(payload) => {
                self.pinged = Some(Instant::now());
                self.meter.control_received(payload.len());
            }
            Message::Pong(payload) => self.meter.control_received(payload.len()),
            _ => self.meter.message_received(),
        }
        Some(message)
    }

    /// Never ready: the client is not read from for now.
    pub(super) async fn pause(&mut self) -> ! {
        self.meter.resume_reading();
        std::future::pending().await
    }

    /// Sends a frame; `false` if the client has disconnected or does not read.
    pub(super) async fn send(&mut self, message: Message) -> bool {
        matches!(tokio::time::timeout(CLIENT_TIMEOUT, self.socket.send(message)).await, Ok(Ok(())))
    }
}
