//! One WebSocket connection as the [`Transport`] of a session.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, close_code};
use futures_util::FutureExt as _;

use super::frame::{DecodedFrame, Frame, FrameContext, FrameFormat};
use super::socket::{Incoming, Socket};
use crate::gateway::admission::Permit;
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::offload::offload_large;
use crate::gateway::request::{GatewayRequest, GatewayResponse, Rejection};
use crate::gateway::service::Gateway;
use crate::gateway::session::{Answer, InFlight, Received, Transport};
use crate::limits::{CLOSE_TIMEOUT, ERROR_LINGER, REPLY_BYTES_MIN};

/// Maximum size of the reason in a close frame, in bytes (RFC 6455: 125 with the code).
const REASON_BYTES_MAX: usize = 123;

/// A WebSocket connection.
pub(super) struct WebSocketSession {
    socket: Socket,
    gateway: Arc<Gateway>,
    format: FrameFormat,
    metadata: Arc<CallMetadata>,
    /// The received frame that is being decoded.
    decoding: Option<Decoding>,
    /// True if a reply with an error was sent.
    error_sent: bool,
}

/// Decoding of a frame: the result is the request with the permit for its bytes.
type Decoding = Pin<Box<dyn Future<Output = Result<(DecodedFrame, Arc<BytesPermit>), Rejection>> + Send>>;

impl WebSocketSession {
    pub(super) fn new(
        socket: Socket,
        gateway: &Arc<Gateway>,
        format: FrameFormat,
        metadata: CallMetadata,
    ) -> Self {
        let (gateway, metadata) = (Arc::clone(gateway), Arc::new(metadata));
        Self { socket, gateway, format, metadata, decoding: None, error_sent: false }
    }

    /// Starts to decode a frame. `permit` holds the capacity for its bytes.
    fn decode(&self, frame: Bytes, permit: Arc<BytesPermit>) -> Decoding {
        let (format, metadata) = (self.format, Arc::clone(&self.metadata));
        let decoded = offload_large(frame.len(), move || {
            format.decode(frame, &metadata, &permit).map(|decoded| (decoded, permit))
        });
        Box::pin(decoded.map(|decoded| decoded.and_then(|decoded| decoded)))
    }
}

/// A decoded request that is not admitted yet.
pub(super) struct FrameRequest {
    context: FrameContext,
    bytes: Arc<BytesPermit>,
    request: GatewayRequest,
}

/// A frame to be sent, and whether it contains an error.
pub(super) struct FrameReply {
    message: Message,
    is_error: bool,
    /// Capacity for its bytes, held until it is written.
    _bytes: Arc<BytesPermit>,
}

/// Code and reason of a close frame.
pub(super) struct Close {
    code: u16,
    reason: String,
}

impl Close {
    /// The end of a session with a message that cannot be decoded, or exceeds a bound.
    fn rejected(rejection: &Rejection) -> Self {
        let code = match rejection {
            Rejection::TooLarge(_) => close_code::SIZE,
            Rejection::Overloaded(_) | Rejection::Unanswered => close_code::AGAIN,
            Rejection::Draining => close_code::AWAY,
            Rejection::Forbidden(_) => close_code::POLICY,
            Rejection::DeadlineExceeded | Rejection::BodyTimeout | Rejection::Invalid(_) => {
                close_code::INVALID
            }
        };
        Self { code, reason: rejection.to_string() }
    }
}

impl Transport for WebSocketSession {
    type Request = FrameRequest;
    type Reply = FrameReply;
    type End = Close;

    async fn receive(&mut self, has_capacity: bool) -> Received<Self> {
        if !has_capacity {
            self.socket.pause().await;
        }
        let decoding = match &mut self.decoding {
            Some(decoding) => decoding,
            None => {
                let (message, permit) = match self.socket.receive().await {
                    Incoming::Message(message, permit) => (message, permit),
                    Incoming::TooLarge => {
                        return Received::End(Close::rejected(&Rejection::message_too_large()));
                    }
                    Incoming::Disconnected => return Received::Disconnected,
                };
                match self.format.classify(message) {
                    Frame::Request(frame) => {
                        let decoding = self.decode(frame, permit);
                        self.decoding.insert(decoding)
                    }
                    Frame::Control => return Received::Ignored,
                    Frame::End => {
                        return Received::End(Close { code: close_code::NORMAL, reason: String::new() });
                    }
                    Frame::Invalid(reason) => {
                        return Received::End(Close { code: close_code::INVALID, reason });
                    }
                }
            }
        };
        let decoded = decoding.await;
        self.decoding = None;
        match decoded {
            Ok(((context, Ok(request)), bytes)) => {
                Received::Request(FrameRequest { context, bytes, request })
            }
            Ok(((_, Err(rejection @ Rejection::TooLarge(_))), _)) | Err(rejection) => {
                Received::End(Close::rejected(&rejection))
            }
            Ok(((context, Err(rejection)), bytes)) => Received::Reply(rejected(context, &rejection, bytes)),
        }
    }

    fn bytes(request: &FrameRequest) -> &Arc<BytesPermit> {
        &request.bytes
    }

    fn submit(&self, permit: Permit, request: FrameRequest) -> InFlight<Self> {
        let gateway = Arc::clone(&self.gateway);
        let FrameRequest { context, request, .. } = request;
        Box::pin(async move {
            let response = gateway.submit(&permit, request).await;
            let is_error = response.as_ref().map_or(true, |response| response.result.is_err());
            let documents_bytes = response.as_ref().map_or(0, GatewayResponse::documents_bytes);
            let bytes = Arc::clone(&permit.bytes);
            let encoded = offload_large(documents_bytes, move || context.reply(response, &bytes));
            let message = encoded.await.map_err(|rejection| Close::rejected(&rejection))?;
            permit.bytes.shrink_to(message_bytes(&message) + REPLY_BYTES_MIN);
            Ok(FrameReply { message, is_error, _bytes: Arc::clone(&permit.bytes) })
        })
    }

    fn reject(&self, request: FrameRequest, rejection: Rejection) -> Answer<Self> {
        match rejection {
            Rejection::Overloaded(_) => Ok(rejected(request.context, &rejection, request.bytes)),
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
            let closed = async { while matches!(self.socket.receive().await, Incoming::Message(..)) {} };
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, closed).await;
        }
    }
}

fn rejected(context: FrameContext, rejection: &Rejection, bytes: Arc<BytesPermit>) -> FrameReply {
    FrameReply { message: context.rejected(rejection), is_error: true, _bytes: bytes }
}

fn message_bytes(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
        _ => 0,
    }
}
