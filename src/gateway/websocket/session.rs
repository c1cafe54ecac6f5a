//! One WebSocket connection as a [`Transport`].

use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message, close_code};

use super::frame::{Frame, FrameContext, FrameFormat};
use super::socket::Socket;
use crate::gateway::admission::Permit;
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::request::{GatewayRequest, Rejection};
use crate::gateway::service::Gateway;
use crate::gateway::session::{Answer, InFlight, Received, Transport};
use crate::limits::{CLOSE_TIMEOUT, ERROR_LINGER};

/// Bytes of the reason in a close frame (RFC 6455: 125 with the code).
const REASON_BYTES_MAX: usize = 123;

/// A WebSocket connection.
pub(super) struct WebSocketSession {
    pub(super) socket: Socket,
    pub(super) gateway: Arc<Gateway>,
    pub(super) format: FrameFormat,
    pub(super) metadata: CallMetadata,
    /// True if a reply with an error was sent.
    pub(super) error_sent: bool,
}

/// A request that waits to be admitted.
pub(super) struct FrameRequest {
    context: FrameContext,
    bytes: usize,
    request: GatewayRequest,
}

/// A frame to be sent, and whether it contains an error.
pub(super) struct FrameReply {
    message: Message,
    is_error: bool,
    /// Capacity for its bytes, held until it is written.
    _bytes: Option<Arc<BytesPermit>>,
}

/// Code and reason of a close frame.
pub(super) struct Close {
    code: u16,
    reason: String,
}

impl Transport for WebSocketSession {
    type Request = FrameRequest;
    type Reply = FrameReply;
    type End = Close;

    async fn receive(&mut self, has_capacity: bool) -> Received<Self> {
        if !has_capacity {
            self.socket.pause().await;
        }
        let Some(message) = self.socket.receive().await else { return Received::Disconnected };
        match self.format.decode(message, &self.metadata) {
            Frame::Request(context, bytes, request) => match *request {
                Ok(request) => Received::Request(FrameRequest { context, bytes, request }),
                Err(rejection) => Received::Reply(rejected(context, rejection)),
            },
            Frame::Control => Received::Ignored,
            Frame::End => Received::End(Close { code: close_code::NORMAL, reason: String::new() }),
            Frame::Invalid(reason) => Received::End(Close { code: close_code::INVALID, reason }),
        }
    }

    fn request_bytes(request: &FrameRequest) -> usize {
        request.bytes
    }

    fn submit(&self, permit: Permit, request: FrameRequest) -> InFlight<Self> {
        let gateway = Arc::clone(&self.gateway);
        let FrameRequest { context, request, .. } = request;
        Box::pin(async move {
            let response = gateway.submit(&permit, request).await;
            let is_error = response.as_ref().map_or(true, |response| response.result.is_err());
            let message = context.reply(response);
            // The reply is in memory already: it is counted as far as the capacity allows.
            let _ = permit.bytes.try_grow_to(message_bytes(&message));
            Ok(FrameReply { message, is_error, _bytes: Some(Arc::clone(&permit.bytes)) })
        })
    }

    fn reject(&self, request: FrameRequest, rejection: Rejection) -> Answer<Self> {
        match rejection {
            Rejection::Overloaded(_) => Ok(rejected(request.context, rejection)),
            rejection => Err(Close { code: close_code::AWAY, reason: rejection.to_string() }),
        }
    }

    fn drained(&self) -> Close {
        Close { code: close_code::AWAY, reason: Rejection::Draining.to_string() }
    }

    async fn send(&mut self, reply: FrameReply) -> bool {
        self.error_sent |= reply.is_error;
        self.socket.send(reply.message).await
    }

    async fn finish(mut self, close: Close) {
        if self.error_sent {
            // Jina's client loses an error if the gateway closes before the client has read it.
            let _ = tokio::time::timeout(ERROR_LINGER, self.socket.receive()).await;
        }
        let Close { code, reason } = close;
        let mut end = reason.len().min(REASON_BYTES_MAX);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let reason = reason.get(..end).unwrap_or_default().into();
        if self.socket.send(Message::Close(Some(CloseFrame { code, reason }))).await {
            // The closing handshake ends when the client closes too.
            let closed = async { while self.socket.receive().await.is_some() {} };
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, closed).await;
        }
    }
}

fn rejected(context: FrameContext, rejection: Rejection) -> FrameReply {
    FrameReply { message: context.reply(Err(rejection)), is_error: true, _bytes: None }
}

fn message_bytes(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
        _ => 0,
    }
}
