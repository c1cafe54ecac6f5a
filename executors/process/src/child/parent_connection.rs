//! The connection to the parent: receives calls, and sends replies and status frames.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use flowrun_sdk::{Cancellation, Context, ExecutorError};
use flowrun_wire::jina::DataRequestProto;
use parking_lot::Mutex;
use prost::Message as _;

use super::messages;
use crate::protocol::frame::{Frame, FrameKind, encode_frame, encode_json_frame};
use crate::protocol::status::status_to_json;

/// Minimum interval of status frames.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// A received call.
pub(super) struct ReceivedCall {
    /// Number that the parent gave the call, for its reply.
    pub(super) number: u64,
    /// Deadline of the request, by the clock of this process; `None` for none.
    pub(super) deadline: Option<Instant>,
    /// Bound on the memory of the call's documents, in bytes.
    pub(super) bytes_max: usize,
    /// Endpoint, parameters and documents.
    pub(super) message: DataRequestProto,
    /// Cancelled when the parent cancels the call.
    pub(super) cancellation: Cancellation,
}

/// An instruction of the parent to the dispatching thread.
pub(super) enum Instruction {
    Call(Box<ReceivedCall>),
    /// Close the executor and exit.
    Close,
}

/// The connection to the parent, shared by all threads of the child.
pub(super) struct ParentConnection {
    socket: Mutex<UnixStream>,
    /// Cancellations of the calls in progress by call number.
    cancellations: Mutex<HashMap<u64, Cancellation>>,
    /// Context of the executor, which holds its health and metrics.
    context: Context,
    status: Mutex<StatusSchedule>,
}

/// Times at which status frames are sent.
#[derive(Default)]
struct StatusSchedule {
    last_sent: Option<Instant>,
    /// True if the status may have changed since it was sent.
    outdated: bool,
}

impl ParentConnection {
    /// A connection that writes to `socket`. `context` is that of the executor.
    pub(super) fn new(socket: UnixStream, context: Context) -> Self {
        Self {
            socket: Mutex::new(socket),
            cancellations: Mutex::default(),
            context,
            status: Mutex::default(),
        }
    }

    /// Receives frames and forwards them to `inbox` until its receiver is dropped. Cancellations take effect here.
    ///
    /// # Errors
    /// If the parent closes the socket or sends an invalid frame.
    pub(super) fn receive_frames(
        &self,
        stream: &mut UnixStream,
        inbox: &mpsc::Sender<Instruction>,
    ) -> io::Result<()> {
        loop {
            let Frame { kind, call, mut body } = Frame::read_blocking(stream)?;
            let instruction = match kind {
                FrameKind::Call => Instruction::Call(Box::new(self.decode_call(call, &mut body)?)),
                FrameKind::Close => Instruction::Close,
                FrameKind::Cancel => {
                    if let Some(cancellation) = self.cancellations.lock().get(&call) {
                        cancellation.cancel();
                    }
                    continue;
                }
                kind => {
                    let message = format!("the parent sent a frame of the unexpected kind {kind:?}");
                    return Err(io::Error::other(message));
                }
            };
            if inbox.send(instruction).is_err() {
                return Ok(());
            }
        }
    }

    /// Waits for the next call. Returns `None` if the parent closes the executor. If the status that was sent last is
    /// outdated and no call arrives within [`STATUS_INTERVAL`], sends the current status.
    pub(super) fn next_call(&self, inbox: &mpsc::Receiver<Instruction>) -> Option<Box<ReceivedCall>> {
        let outdated = self.status.lock().outdated;
        let instruction = match outdated {
            false => inbox.recv().ok(),
            true => inbox.recv_timeout(STATUS_INTERVAL).ok().or_else(|| {
                self.send_status();
                inbox.recv().ok()
            }),
        };
        match instruction? {
            Instruction::Call(call) => Some(call),
            Instruction::Close => None,
        }
    }

    fn decode_call(&self, number: u64, body: &mut Bytes) -> io::Result<ReceivedCall> {
        let truncated = |_| io::Error::other("the parent sent a truncated call");
        let nanoseconds = body.try_get_u64_le().map_err(truncated)?;
        let bytes_max = body.try_get_u64_le().map_err(truncated)?;
        let remaining = (nanoseconds != u64::MAX).then(|| Duration::from_nanos(nanoseconds));
        let cancellation = Cancellation::default();
        self.cancellations.lock().insert(number, cancellation.clone());
        Ok(ReceivedCall {
            number,
            deadline: remaining.and_then(|remaining| Instant::now().checked_add(remaining)),
            bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            message: DataRequestProto::decode(body).map_err(io::Error::other)?,
            cancellation,
        })
    }

    /// Sends the reply to a call, or an error if the reply is too long.
    pub(super) fn send_reply(&self, number: u64, reply: &DataRequestProto) {
        self.cancellations.lock().remove(&number);
        let frame =
            encode_frame(FrameKind::Reply, number, |bytes| _ = reply.encode(bytes)).or_else(|error| {
                let error = ExecutorError::resource(format_args!("the reply cannot be sent: {error}"));
                let failure = messages::failure_message(&error);
                encode_frame(FrameKind::Reply, number, |bytes| _ = failure.encode(bytes))
            });
        // Before the reply, so that a caller that has received the reply also sees the status.
        self.send_status_if_due();
        // If the parent is gone, the receiving thread ends this process.
        if let Ok(frame) = frame {
            let _ = self.send(&frame);
        }
    }

    /// Sends the status, unless one was sent within [`STATUS_INTERVAL`]; in that case it is marked as outdated.
    fn send_status_if_due(&self) {
        {
            let mut status = self.status.lock();
            if status.last_sent.is_some_and(|last| last.elapsed() < STATUS_INTERVAL) {
                status.outdated = true;
                return;
            }
        }
        self.send_status();
    }

    /// Sends the health and the metrics of the executor.
    pub(super) fn send_status(&self) {
        *self.status.lock() = StatusSchedule { last_sent: Some(Instant::now()), outdated: false };
        let status = status_to_json(self.context.health.unhealthy_reason(), &self.context.metrics.samples());
        if let Ok(frame) = encode_json_frame(FrameKind::Status, &status) {
            let _ = self.send(&frame);
        }
    }

    /// Sends an encoded frame.
    ///
    /// # Errors
    /// If the parent has closed the socket.
    pub(super) fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.socket.lock().write_all(frame)
    }
}
