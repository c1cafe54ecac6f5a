//! Frames: which requests they are, and which replies.

use axum::extract::ws::Message;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use prost::Message as _;

use crate::gateway::exchange::{Answer, Question, Refusal};
use crate::gateway::http::body::{self, Asked, Spelling};
use crate::gateway::wire::jina::DataRequestProto;
use crate::gateway::wire::{Envelope, Status, data_reply, refused};

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tongue {
    /// Messages of protobuf, in binary frames.
    Bytes,
    /// JSON, in text frames: what is spoken when the client does not say.
    Json,
}

/// What a frame says.
pub(super) enum Frame {
    /// A request, of so many bytes; or that it cannot be one, and what to answer.
    Request(Kept, usize, Box<Result<Question, Refusal>>),
    /// That no more requests come.
    End,
    /// Nothing that concerns the flow.
    Nothing,
    /// Something that no frame says here.
    Garbage(String),
}

/// What of a request its reply needs.
pub(super) enum Kept {
    Bytes(Box<Envelope>),
    Json(Box<Asked>),
}

impl Tongue {
    /// What the head of the connection asks for.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let asked = headers.get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
        let bytes = asked.is_some_and(|asked| asked.split(',').any(|word| word.trim() == "bytes"));
        if bytes { Self::Bytes } else { Self::Json }
    }

    /// What a frame says.
    pub(super) fn read(self, message: Message) -> Frame {
        match (self, message) {
            (Self::Bytes, Message::Binary(bytes)) => read_bytes(bytes),
            (Self::Json, Message::Text(text)) => read_json(text.as_bytes()),
            (Self::Json, Message::Binary(bytes)) => read_json(&bytes),
            (Self::Bytes, Message::Text(_)) => Frame::Garbage("this side speaks bytes, not text".to_owned()),
            (_, Message::Ping(_) | Message::Pong(_)) => Frame::Nothing,
            (_, Message::Close(_)) => Frame::End,
        }
    }
}

fn read_bytes(bytes: Bytes) -> Frame {
    // Python's `bytes(True)`.
    if *bytes == [0] {
        return Frame::End;
    }
    let length = bytes.len();
    match DataRequestProto::decode(bytes) {
        Ok(message) => {
            let envelope = Envelope::of(message);
            let question = envelope.question(None);
            Frame::Request(Kept::Bytes(Box::new(envelope)), length, Box::new(question))
        }
        Err(error) => Frame::Garbage(format!("not a request: {error}")),
    }
}

fn read_json(bytes: &[u8]) -> Frame {
    if bytes.trim_ascii() == b"{}" {
        return Frame::End;
    }
    match body::read(bytes, None) {
        Ok(body) => {
            let (question, asked) = body.split();
            Frame::Request(Kept::Json(Box::new(asked)), bytes.len(), Box::new(Ok(question)))
        }
        Err(wrong) => Frame::Garbage(wrong.line()),
    }
}

impl Kept {
    /// The frame that an answer makes.
    pub(super) fn reply(self, answer: Result<Answer, Refusal>) -> Message {
        match (self, answer) {
            (Self::Bytes(envelope), Ok(answer)) => {
                Message::binary(data_reply(*envelope, answer).encode_to_vec())
            }
            (Self::Bytes(envelope), Err(refusal)) => {
                Message::binary(refused(*envelope, &refusal).encode_to_vec())
            }
            (Self::Json(asked), Ok(answer)) => text(asked.reply(&answer, Spelling::Snake)),
            (Self::Json(asked), Err(refusal)) => {
                let status = Status::new(refusal.kind(), &refusal.to_string(), None, "");
                text(asked.refused(status.to_json(), Spelling::Snake))
            }
        }
    }
}

fn text(json: Vec<u8>) -> Message {
    // JSON is text, whatever is in it.
    Message::text(String::from_utf8(json).unwrap_or_default())
}
