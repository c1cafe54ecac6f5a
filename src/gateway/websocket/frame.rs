//! WebSocket frames: decodes requests and encodes replies.

use axum::extract::ws::Message;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use prost::Message as _;

use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::request::{GatewayRequest, GatewayResponse, Rejection};
use crate::gateway::wire::jina::DataRequestProto;
use crate::gateway::wire::json_message::{self, ReplyContext, Spelling};
use crate::gateway::wire::{Envelope, data_reply, rejected_reply};

/// Format of the frames of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameFormat {
    /// Protobuf messages in binary frames.
    Bytes,
    /// JSON in text frames, the default.
    Json,
}

/// A decoded frame.
pub(super) enum Frame {
    /// A request: its reply's context, its bytes, and the request, or why it is invalid.
    Request(FrameContext, usize, Box<Result<GatewayRequest, Rejection>>),
    /// The end of the input.
    End,
    /// A control frame.
    Control,
    /// A frame that is not a request, and why.
    Invalid(String),
}

/// Context of a reply.
pub(super) enum FrameContext {
    Bytes(Box<Envelope>),
    Json(Box<ReplyContext>),
}

impl FrameFormat {
    /// The format that a client selects by the subprotocol `bytes`.
    pub(super) fn from_headers(headers: &HeaderMap) -> Self {
        let protocols = headers.get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
        let bytes = protocols.is_some_and(|list| list.split(',').any(|protocol| protocol.trim() == "bytes"));
        if bytes { Self::Bytes } else { Self::Json }
    }

    /// Decodes a frame.
    pub(super) fn decode(self, message: Message, metadata: &CallMetadata) -> Frame {
        match (self, message) {
            (Self::Bytes, Message::Binary(bytes)) => decode_bytes(bytes, metadata),
            (Self::Json, Message::Text(text)) => decode_json(text.as_bytes(), metadata),
            (Self::Json, Message::Binary(bytes)) => decode_json(&bytes, metadata),
            (Self::Bytes, Message::Text(_)) => {
                Frame::Invalid("this connection has the subprotocol `bytes`, not text".to_owned())
            }
            (_, Message::Ping(_) | Message::Pong(_)) => Frame::Control,
            (_, Message::Close(_)) => Frame::End,
        }
    }
}

fn decode_bytes(bytes: Bytes, metadata: &CallMetadata) -> Frame {
    // Jina's client ends its input with Python's `bytes(True)`, one zero byte.
    if *bytes == [0] {
        return Frame::End;
    }
    let length = bytes.len();
    match DataRequestProto::decode(bytes) {
        Ok(message) => {
            let envelope = Envelope::new(message);
            let request = envelope.request(metadata);
            Frame::Request(FrameContext::Bytes(Box::new(envelope)), length, Box::new(request))
        }
        Err(error) => Frame::Invalid(format!("not a request: {error}")),
    }
}

fn decode_json(bytes: &[u8], metadata: &CallMetadata) -> Frame {
    if bytes.trim_ascii() == b"{}" {
        return Frame::End;
    }
    match json_message::read(bytes, None, metadata) {
        Ok(message) => {
            let (request, context) = message.split();
            Frame::Request(FrameContext::Json(Box::new(context)), bytes.len(), Box::new(Ok(request)))
        }
        Err(error) => Frame::Invalid(error.line()),
    }
}

impl FrameContext {
    /// Encodes the reply.
    pub(super) fn reply(self, response: Result<GatewayResponse, Rejection>) -> Message {
        match (self, response) {
            (Self::Bytes(envelope), Ok(response)) => {
                Message::binary(data_reply(*envelope, response).encode_to_vec())
            }
            (Self::Bytes(envelope), Err(rejection)) => {
                Message::binary(rejected_reply(*envelope, &rejection).encode_to_vec())
            }
            (Self::Json(context), Ok(response)) => text(context.reply(&response, Spelling::Snake)),
            (Self::Json(context), Err(rejection)) => {
                text(context.rejected_reply(rejection.status().to_json(), Spelling::Snake))
            }
        }
    }
}

fn text(json: Vec<u8>) -> Message {
    // Serialised JSON is always UTF-8.
    Message::text(String::from_utf8(json).unwrap_or_default())
}
