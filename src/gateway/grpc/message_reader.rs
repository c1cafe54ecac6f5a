//! Reads the messages of a gRPC call with documents: framing and decompression.
//!
//! tonic would allocate the announced length of a message, and decompress it on the threads that serve connections,
//! without a bound. Replies are still written by tonic.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::HeaderMap;
use http_body_util::BodyExt as _;
use tonic::{Code, Status};

use super::codec::rejection_status;
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::inflate::{Coding, OnFull, decompress};
use crate::gateway::message_buffer::MessageBuffer;
use crate::gateway::request::Rejection;
use crate::gateway::request_body::RequestBody;
use crate::limits::MESSAGE_BYTES_MAX;

/// Bytes before each message: a flag for compression and the length.
const HEAD_BYTES: usize = 5;

/// A decompression in progress.
type Decompressing = Pin<Box<dyn Future<Output = Result<Bytes, Rejection>> + Send>>;

/// Reader of the messages of one call.
pub(super) struct MessageReader {
    body: RequestBody,
    /// Capacity for the bytes of the current message.
    bytes: Arc<BytesPermit>,
    coding: Option<Coding>,
    on_full: OnFull,
    /// Received bytes that belong to no message yet.
    unread: Bytes,
    head: MessageBuffer,
    /// The current message, once its head is complete.
    message: Option<Unfinished>,
    decompressing: Option<Decompressing>,
}

/// A message that is being received.
#[derive(Default)]
struct Unfinished {
    is_compressed: bool,
    length: usize,
    buffer: MessageBuffer,
}

impl MessageReader {
    /// Reads the messages in `body`, whose bytes are counted by `bytes`. `headers` are those of the call.
    ///
    /// # Errors
    /// The status for a compression that is not supported.
    pub(super) fn new(
        headers: &HeaderMap,
        body: RequestBody,
        bytes: &Arc<BytesPermit>,
        on_full: OnFull,
    ) -> Result<Self, Status> {
        let encoding = headers.get("grpc-encoding").map_or("", |value| value.to_str().unwrap_or("binary"));
        let coding = Coding::from_name(encoding).map_err(|_| unsupported())?;
        Ok(Self {
            body,
            bytes: Arc::clone(bytes),
            coding,
            on_full,
            unread: Bytes::new(),
            head: MessageBuffer::default(),
            message: None,
            decompressing: None,
        })
    }

    /// The next message; `None` at the end of the call, or once the client has cancelled it. Cancel safe.
    ///
    /// # Errors
    /// The status of a call that breaks the protocol or exceeds a bound.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(decompressing) = &mut self.decompressing {
                let decompressed = decompressing.await;
                self.decompressing = None;
                return decompressed.map(Some).map_err(|rejection| rejection_status(&rejection));
            }
            if let Some((message, is_compressed)) = self.take_message()? {
                if !is_compressed {
                    return Ok(Some(message));
                }
                let coding = self.coding.ok_or_else(|| {
                    Status::internal("a message is compressed, but the call has no `grpc-encoding`")
                })?;
                let (permit, on_full) = (Arc::clone(&self.bytes), self.on_full);
                self.decompressing =
                    Some(Box::pin(async move { decompress(coding, message, &permit, on_full).await }));
                continue;
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.unread = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return error_status(error),
                None if self.message.is_none() && self.head.len() == 0 => return Ok(None),
                None => return Err(Status::internal("the call ended within a message")),
            }
        }
    }

    /// The only message of a call.
    ///
    /// # Errors
    /// Those of [`MessageReader::next`], and the status of a call with no or several messages.
    pub(super) async fn single(&mut self) -> Result<Bytes, Status> {
        let message = self.next().await?.ok_or_else(|| Status::internal("the call has no message"))?;
        loop {
            if !self.unread.is_empty() {
                return Err(Status::internal("the call has more than one message"));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.unread = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return error_status(error).map(|_| message),
                None => return Ok(message),
            }
        }
    }

    /// Moves unread bytes to the current message, and returns it once it is complete, with its flag for compression.
    fn take_message(&mut self) -> Result<Option<(Bytes, bool)>, Status> {
        if self.message.is_none() {
            let missing = HEAD_BYTES - self.head.len();
            let part = self.unread.split_to(missing.min(self.unread.len()));
            self.head.push(&part, missing);
            if self.head.len() < HEAD_BYTES {
                return Ok(None);
            }
            self.message = Some(message_head(&self.head.take())?);
        }
        let Some(message) = &mut self.message else { return Ok(None) };
        let missing = message.length - message.buffer.len();
        let part = self.unread.split_to(missing.min(self.unread.len()));
        message.buffer.push(&part, missing);
        if part.len() < missing {
            return Ok(None);
        }
        let is_compressed = message.is_compressed;
        let whole = message.buffer.take();
        self.message = None;
        Ok(Some((whole, is_compressed)))
    }
}

fn message_head(head: &[u8]) -> Result<Unfinished, Status> {
    let invalid = || Status::internal("the head of a message is invalid");
    let (flag, length) = head.split_first().ok_or_else(invalid)?;
    let length = u32::from_be_bytes(length.try_into().map_err(|_| invalid())?) as usize;
    if *flag > 1 {
        return Err(invalid());
    }
    if length > MESSAGE_BYTES_MAX {
        return Err(rejection_status(&Rejection::message_too_large()));
    }
    Ok(Unfinished { is_compressed: *flag == 1, length, ..Unfinished::default() })
}

/// Result for a body that fails: the status of the call, or `None` (the end of the messages) if the client has
/// cancelled it.
fn error_status(error: axum::BoxError) -> Result<Option<Bytes>, Status> {
    let status = match error.downcast::<Rejection>() {
        Ok(rejection) => return Err(rejection_status(&rejection)),
        Err(error) => Status::from_error(error),
    };
    if status.code() == Code::Cancelled { Ok(None) } else { Err(status) }
}

/// Status of a call with an unsupported compression. It lists the supported ones, as the protocol demands.
fn unsupported() -> Status {
    let mut status = Status::unimplemented(
        "the compression of the call is not supported; supported are gzip, deflate and identity",
    );
    let names = tonic::metadata::MetadataValue::from_static("gzip,deflate,identity");
    status.metadata_mut().insert("grpc-accept-encoding", names);
    status
}
