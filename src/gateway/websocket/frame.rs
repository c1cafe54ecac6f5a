//! WebSocket frames: decodes requests and encodes replies.

use axum::extract::ws::Message;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use prost::Message as _;

use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::request::{GatewayRequest, GatewayResponse, Rejection};
use crate::gateway::wire::json_message::{ReplyContext, Spelling};
use crate::gateway::wire::json_request::{self, ReadError};
use crate::gateway::wire::{Envelope, data_reply, rejected_reply};

/// Format of the frames of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameFormat {
    /// Protobuf messages in binary frames.
    Bytes,
    /// JSON in text frames, the default.
    Json,
}

/// A received frame.
pub(super) enum Frame {
    /// A request that is not decoded yet.
    Request(Bytes),
    /// The end of the input.
    End,
    /// A control frame.
    Control,
    /// A frame that is not a request, and why.
    Invalid(String),
}

/// A decoded request: the context of its reply, and the request or its rejection.
pub(super) type DecodedFrame = (FrameContext, Result<GatewayRequest, Rejection>);

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

    /// Classifies a frame.
    pub(super) fn classify(self, message: Message) -> Frame {
        match (self, message) {
            // Jina's client ends its input with Python's `bytes(True)`, one zero byte.
            (Self::Bytes, Message::Binary(bytes)) if *bytes == [0] => Frame::End,
            (Self::Bytes, Message::Binary(bytes)) => Frame::Request(bytes),
            (Self::Json, Message::Text(text)) => Self::json(text.into()),
            (Self::Json, Message::Binary(bytes)) => Self::json(bytes),
            (Self::Bytes, Message::Text(_)) => {
                Frame::Invalid("a text frame; the subprotocol `bytes` needs binary frames".to_owned())
            }
            (_, Message::Ping(_) | Message::Pong(_)) => Frame::Control,
            (_, Message::Close(_)) => Frame::End,
        }
    }

    fn json(bytes: Bytes) -> Frame {
        if bytes.trim_ascii() == b"{}" { Frame::End } else { Frame::Request(bytes) }
    }

    /// Decodes a request. `permit` holds the capacity for its frame.
    ///
    /// # Errors
    /// The rejection of a frame that is not a request, or of one in JSON that exceeds a bound.
    pub(super) fn decode(
        self,
        frame: Bytes,
        metadata: &CallMetadata,
        permit: &BytesPermit,
    ) -> Result<DecodedFrame, Rejection> {
        match self {
            Self::Bytes => {
                let (envelope, request) = Envelope::decode(frame, metadata, permit)?;
                Ok((FrameContext::Bytes(Box::new(envelope)), request))
            }
            Self::Json => match json_request::read(frame, None, metadata, permit) {
                Ok(message) => {
                    let (request, context) = message.split();
                    Ok((FrameContext::Json(Box::new(context)), Ok(request)))
                }
                Err(ReadError::Invalid(error)) => Err(Rejection::Invalid(error.line())),
                Err(ReadError::Rejected(rejection)) => Err(rejection),
            },
        }
    }
}

impl FrameContext {
    /// Encodes the reply, which is charged to `bytes`.
    pub(super) fn reply(self, response: Result<GatewayResponse, Rejection>, bytes: &BytesPermit) -> Message {
        match (self, response) {
            (context, Err(rejection)) => context.rejected(&rejection),
            (Self::Bytes(envelope), Ok(response)) => {
                Message::binary(data_reply(*envelope, response, bytes).encode_to_vec())
            }
            (Self::Json(mut context), Ok(response)) => {
                match context.reply(&response, Spelling::Snake, bytes) {
                    Ok(reply) => text(reply),
                    Err(rejection) => Self::Json(context).rejected(&rejection),
                }
            }
        }
    }

    /// Encodes the reply to a rejected request.
    pub(super) fn rejected(self, rejection: &Rejection) -> Message {
        match self {
            Self::Bytes(envelope) => Message::binary(rejected_reply(*envelope, rejection).encode_to_vec()),
            Self::Json(context) => {
                text(context.rejected_reply(rejection.status().to_json(), Spelling::Snake))
            }
        }
    }
}

fn text(json: Vec<u8>) -> Message {
    // Serialised JSON is always UTF-8.
    Message::text(String::from_utf8(json).unwrap_or_default())
}
