//! Frames: the unit of transfer on the socket between a parent and a child process.
//!
//! ```text
//! body length: u32 │ kind: u8 │ call number, or 0: u64 │ body        (all little-endian)
//! ```
//!
//! The body of a call is its remaining time (u64, nanoseconds; all ones without a deadline), the byte budget of its
//! documents (u64), and a `DataRequestProto`. The body of a reply, and of a part of one, is a `DataRequestProto`. Other
//! bodies are JSON or empty.

use std::io::{self, Read};

use bytes::{BufMut as _, Bytes, BytesMut};
use flowrun_sdk::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Length of a frame's header in bytes.
const HEADER_BYTES: usize = 13;

/// Maximum length of a body in bytes: the documents of a request (256 MiB) and 16 MiB for everything else.
const BODY_BYTES_MAX: usize = (256 << 20) + (16 << 20);

/// Minimum free capacity of the read buffer in bytes.
const READ_BYTES: usize = 64 << 10;

/// The kind of a frame. Kinds below 16 are sent by the parent, all other kinds by the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FrameKind {
    /// Describes the executor to create. JSON.
    Start = 1,
    /// A call.
    Call = 2,
    /// Cancels a call.
    Cancel = 3,
    /// Requests that the child flush its state and exit.
    Close = 4,
    /// The executor accepts calls. JSON.
    Ready = 16,
    /// The executor could not be created. JSON.
    Failed = 17,
    /// The result of a call.
    Reply = 18,
    /// The executor was closed, with or without an error. JSON.
    Closed = 19,
    /// Health and metrics of the executor. JSON.
    Status = 20,
    /// Documents of a call that has not ended.
    Partial = 21,
}

const KINDS: [FrameKind; 10] = [
    FrameKind::Start,
    FrameKind::Call,
    FrameKind::Cancel,
    FrameKind::Close,
    FrameKind::Ready,
    FrameKind::Failed,
    FrameKind::Reply,
    FrameKind::Closed,
    FrameKind::Status,
    FrameKind::Partial,
];

/// A received frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: FrameKind,
    /// Number of the call, or 0.
    pub(crate) call: u64,
    pub(crate) body: Bytes,
}

impl Frame {
    /// Reads one frame and blocks until it is complete.
    ///
    /// # Errors
    /// If the stream ends or fails, or the header is invalid.
    pub(crate) fn read_blocking(stream: &mut impl Read) -> io::Result<Self> {
        let mut header = [0; HEADER_BYTES];
        stream.read_exact(&mut header)?;
        let Header { body_length, kind, call } = Header::decode(&header)?;
        let mut body = vec![0; body_length];
        stream.read_exact(&mut body)?;
        Ok(Self { kind, call, body: body.into() })
    }

    /// Parses the body as JSON. Returns null if it is not JSON.
    pub(crate) fn json_body(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Encodes a frame whose body is written by `write_body`.
///
/// # Errors
/// If the body exceeds [`BODY_BYTES_MAX`].
pub(crate) fn encode_frame(
    kind: FrameKind,
    call: u64,
    write_body: impl FnOnce(&mut BytesMut),
) -> io::Result<Bytes> {
    let mut bytes = BytesMut::zeroed(HEADER_BYTES);
    write_body(&mut bytes);
    let length = bytes.len() - HEADER_BYTES;
    let Some(length_field) = u32::try_from(length).ok().filter(|_| length <= BODY_BYTES_MAX) else {
        let message = format!("the message has {length} bytes; at most {BODY_BYTES_MAX} can be sent");
        return Err(io::Error::other(message));
    };
    let header = [&length_field.to_le_bytes()[..], &[kind as u8], &call.to_le_bytes()].concat();
    for (target, byte) in bytes.iter_mut().zip(header) {
        *target = byte;
    }
    Ok(bytes.freeze())
}

/// Encodes a frame with a JSON body and no call number.
///
/// # Errors
/// If the body exceeds [`BODY_BYTES_MAX`].
pub(crate) fn encode_json_frame(kind: FrameKind, value: &Value) -> io::Result<Bytes> {
    encode_frame(kind, 0, |bytes| bytes.put_slice(value.to_string().as_bytes()))
}

/// The header of a frame.
struct Header {
    body_length: usize,
    kind: FrameKind,
    call: u64,
}

impl Header {
    /// Decodes and validates a header, so that no memory is reserved for an invalid frame.
    ///
    /// # Errors
    /// If the kind is unknown or the length exceeds [`BODY_BYTES_MAX`].
    fn decode(bytes: &[u8; HEADER_BYTES]) -> io::Result<Self> {
        let [a, b, c, d, kind, call @ ..] = *bytes;
        let body_length = u32::from_le_bytes([a, b, c, d]) as usize;
        let kind = KINDS.into_iter().find(|known| *known as u8 == kind);
        match kind {
            Some(kind) if body_length <= BODY_BYTES_MAX => {
                Ok(Self { body_length, kind, call: u64::from_le_bytes(call) })
            }
            _ => Err(io::Error::other("invalid frame header")),
        }
    }
}

/// Reads frames from an asynchronous stream.
pub(crate) struct FrameReader<S> {
    stream: S,
    buffer: BytesMut,
}

impl<S: AsyncRead + Unpin> FrameReader<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// Returns the next frame, or `None` at the end of the stream. A partial frame at the end is discarded.
    ///
    /// # Errors
    /// If the stream fails or a header is invalid.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let mut needed = HEADER_BYTES;
            if let Some(bytes) = self.buffer.first_chunk::<HEADER_BYTES>() {
                let Header { body_length, kind, call } = Header::decode(bytes)?;
                needed += body_length;
                if self.buffer.len() >= needed {
                    let body = self.buffer.split_to(needed).split_off(HEADER_BYTES).freeze();
                    return Ok(Some(Frame { kind, call, body }));
                }
            }
            self.buffer.reserve((needed - self.buffer.len()).max(READ_BYTES));
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_survive_any_segmentation_of_the_stream() {
        let bodies: Vec<Vec<u8>> = [0, 1, 100, 70_000].map(|length| vec![7; length]).into();
        let mut stream = Vec::new();
        for (call, body) in bodies.iter().enumerate() {
            let frame = encode_frame(FrameKind::Reply, call as u64, |bytes| bytes.put_slice(body));
            stream.extend(frame.unwrap());
        }
        for segment in [1, 12, 13, 14, 500, stream.len()] {
            let (mut near, far) = tokio::io::duplex(segment);
            let sent = stream.clone();
            let writing = async move { tokio::io::AsyncWriteExt::write_all(&mut near, &sent).await.unwrap() };
            let reading = async move {
                let mut frames = FrameReader::new(far);
                let mut received = Vec::new();
                while let Some(frame) = frames.next().await.unwrap() {
                    assert_eq!((frame.kind, frame.call), (FrameKind::Reply, received.len() as u64));
                    received.push(frame.body.to_vec());
                }
                received
            };
            let ((), received) = tokio::join!(writing, reading);
            assert_eq!(received, bodies);
        }
    }

    #[test]
    fn invalid_headers_are_rejected() {
        let mut bytes = [0; HEADER_BYTES];
        assert!(Header::decode(&bytes).is_err());
        bytes[4] = FrameKind::Reply as u8;
        assert!(Header::decode(&bytes).is_ok());
        bytes[3] = 0xff;
        assert!(Header::decode(&bytes).is_err());
    }
}
