//! What goes over the socket between this process and a child: frames, each a length, a kind, a number and a body.
//!
//! ```text
//! length of the body: u32 │ kind: u8 │ number of the call, or 0: u64 │ body        (all little-endian)
//! ```
//!
//! The body of a call is how long it may take (u64, nanoseconds; all ones for no end), how many bytes its documents may
//! hold (u64), and a `DataRequestProto`; that of a reply is a `DataRequestProto`. The others are JSON, or empty.

use std::io;

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes before the body.
pub(crate) const HEAD_BYTES: usize = 13;

/// Bytes of a body at the most: the documents of a request, and what stands around them.
pub(crate) const BODY_BYTES_MAX: usize = (256 << 20) + (16 << 20);

/// Bytes that a buffer grows by.
const READ_BYTES: usize = 64 << 10;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// To the child: what it is to be. JSON.
    Start = 1,
    /// To the child: a call.
    Call = 2,
    /// To the child: the call is not waited for any more.
    Cancel = 3,
    /// To the child: write out what is in memory, and end.
    Close = 4,
    /// From the child: it can be called. JSON.
    Ready = 16,
    /// From the child: it cannot be what it is to be. JSON.
    Failed = 17,
    /// From the child: how a call ended.
    Reply = 18,
    /// From the child: it has written out everything, or why it could not. JSON.
    Closed = 19,
    /// From the child: its health and its numbers. JSON.
    Told = 20,
}

const KINDS: [Kind; 9] = [
    Kind::Start,
    Kind::Call,
    Kind::Cancel,
    Kind::Close,
    Kind::Ready,
    Kind::Failed,
    Kind::Reply,
    Kind::Closed,
    Kind::Told,
];

/// A frame that came.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) number: u64,
    pub(crate) body: Bytes,
}

impl Frame {
    /// What a body of JSON says; null when it is none.
    pub(crate) fn json(body: &[u8]) -> flowrun_sdk::Value {
        serde_json::from_slice(body).unwrap_or_default()
    }
}

/// The bytes of a frame of that kind, whose body `write` writes.
///
/// # Errors
/// When the body is longer than the other side would read.
pub(crate) fn framed(kind: Kind, number: u64, write: impl FnOnce(&mut BytesMut)) -> io::Result<Bytes> {
    let mut bytes = BytesMut::zeroed(HEAD_BYTES);
    write(&mut bytes);
    let length = bytes.len() - HEAD_BYTES;
    let length = u32::try_from(length).ok().filter(|_| length <= BODY_BYTES_MAX);
    let Some(length) = length else { return Err(io::Error::other("the message is too long")) };
    let head = [&length.to_le_bytes()[..], &[kind as u8], &number.to_le_bytes()].concat();
    for (place, byte) in bytes.iter_mut().zip(head) {
        *place = byte;
    }
    Ok(bytes.freeze())
}

/// A frame with a body of JSON.
pub(crate) fn told(kind: Kind, value: &flowrun_sdk::Value) -> io::Result<Bytes> {
    framed(kind, 0, |bytes| bytes.put_slice(value.to_string().as_bytes()))
}

/// What stands before a body: its length, its kind and its number.
///
/// # Errors
/// When that is nothing that a child or its parent says.
pub(crate) fn head(bytes: &[u8; HEAD_BYTES]) -> io::Result<(usize, Kind, u64)> {
    let [a, b, c, d, kind, number @ ..] = *bytes;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    let kind = KINDS.into_iter().find(|known| *known as u8 == kind);
    match kind {
        Some(kind) if length <= BODY_BYTES_MAX => Ok((length, kind, u64::from_le_bytes(number))),
        _ => Err(io::Error::other("it sent what is no message")),
    }
}

/// Reads frames.
pub(crate) struct Frames<S> {
    stream: S,
    buffer: BytesMut,
}

impl<S: AsyncRead + Unpin> Frames<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// The next one; `None` when there are no more.
    ///
    /// # Errors
    /// When the stream breaks, or holds anything else.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let mut wanted = HEAD_BYTES;
            if let Some(bytes) = self.buffer.first_chunk::<HEAD_BYTES>() {
                let (length, kind, number) = head(bytes)?;
                wanted += length;
                if self.buffer.len() >= wanted {
                    let body = self.buffer.split_to(wanted).split_off(HEAD_BYTES).freeze();
                    return Ok(Some(Frame { kind, number, body }));
                }
            }
            self.buffer.reserve((wanted - self.buffer.len()).max(READ_BYTES));
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
    async fn frames_come_out_as_they_went_in_however_they_are_cut() {
        let bodies: Vec<Vec<u8>> = [0, 1, 100, 70_000].map(|length| vec![7; length]).into();
        let mut stream = Vec::new();
        for (number, body) in bodies.iter().enumerate() {
            stream.extend(framed(Kind::Reply, number as u64, |bytes| bytes.put_slice(body)).unwrap());
        }
        for cut in [1, 12, 13, 14, 500, stream.len()] {
            let (mut near, far) = tokio::io::duplex(cut);
            let sent = stream.clone();
            let writing = async move { tokio::io::AsyncWriteExt::write_all(&mut near, &sent).await.unwrap() };
            let reading = async move {
                let mut frames = Frames::new(far);
                let mut came = Vec::new();
                while let Some(frame) = frames.next().await.unwrap() {
                    assert_eq!((frame.kind, frame.number), (Kind::Reply, came.len() as u64));
                    came.push(frame.body.to_vec());
                }
                came
            };
            let ((), came) = tokio::join!(writing, reading);
            assert_eq!(came, bodies);
        }
    }

    #[test]
    fn what_is_no_message_is_refused_before_it_is_read() {
        let mut bytes = [0; HEAD_BYTES];
        assert!(head(&bytes).is_err());
        bytes[4] = Kind::Reply as u8;
        assert!(head(&bytes).is_ok());
        bytes[3] = 0xff;
        assert!(head(&bytes).is_err());
    }
}
