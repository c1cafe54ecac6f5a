//! Receives the frames of one child and distributes them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flowrun_sdk::{DocumentSink, Metrics, tracing};
use flowrun_wire::jina::DataRequestProto;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{oneshot, watch};

use crate::parent::child_process::ChildProcess;
use crate::protocol::frame::{FrameKind, FrameReader};
use crate::protocol::status::StatusReceiver;

/// Time that a child has to exit after it has closed its socket, so that its own exit status is reported.
const EXIT_STATUS_GRACE: Duration = Duration::from_millis(200);

/// Calls in progress by call number. `None` once the child has ended.
pub(super) type PendingReplies = Arc<Mutex<Option<HashMap<u64, PendingReply>>>>;

/// Destinations of the results of a call in progress.
pub(super) struct PendingReply {
    /// Receives the body of the reply.
    pub(super) reply: oneshot::Sender<Bytes>,
    /// Receives documents before the reply.
    pub(super) sink: Option<Arc<dyn DocumentSink>>,
}

/// The receiving half of a connection. Most fields are shared with the [`ChildConnection`](super::ChildConnection).
pub(super) struct FrameReceiver {
    pub(super) process: Arc<ChildProcess>,
    pub(super) pending: PendingReplies,
    /// Set with the first reply.
    pub(super) has_replied: Arc<AtomicBool>,
    /// Set when the child reports that its executor is closed, with the error if there was one.
    pub(super) close_result: watch::Sender<Option<Result<(), String>>>,
    /// Health that the child reports; `None` for healthy.
    pub(super) unhealthy_reason: watch::Sender<Option<String>>,
    /// Metrics of the pod, to which those of the child are added.
    pub(super) metrics: Metrics,
}

impl FrameReceiver {
    /// Distributes frames until the child closes the socket or sends an invalid frame. Kills the child at the end.
    pub(super) async fn run(self, mut frames: FrameReader<OwnedReadHalf>) {
        let mut status = StatusReceiver::default();
        loop {
            let frame = match frames.next().await {
                Ok(Some(frame)) => frame,
                Ok(None) => {
                    // The child is exiting; its own status is more useful than that of a kill.
                    tokio::time::sleep(EXIT_STATUS_GRACE).await;
                    break;
                }
                Err(error) => {
                    tracing::error!(%error, "a child process was killed: its frames cannot be read");
                    break;
                }
            };
            match frame.kind {
                FrameKind::Reply => {
                    self.has_replied.store(true, Ordering::Relaxed);
                    let pending =
                        self.pending.lock().as_mut().and_then(|pending| pending.remove(&frame.call));
                    if let Some(pending) = pending {
                        let _ = pending.reply.send(frame.body);
                    }
                }
                FrameKind::Partial => {
                    let sink = self
                        .pending
                        .lock()
                        .as_ref()
                        .and_then(|pending| pending.get(&frame.call)?.sink.clone());
                    if let Some(sink) = sink
                        && let Err(error) = send_documents(&*sink, frame.body)
                    {
                        tracing::error!(%error, "a child process was killed: its documents cannot be read");
                        break;
                    }
                }
                FrameKind::Status => {
                    self.unhealthy_reason.send_replace(status.apply(&frame.json_body(), &self.metrics));
                }
                FrameKind::Closed => {
                    let body = frame.json_body();
                    let error = body.get("error").and_then(|error| error.as_str().map(str::to_owned));
                    self.close_result.send_replace(Some(error.map_or(Ok(()), Err)));
                }
                kind => {
                    tracing::error!(
                        ?kind,
                        "a child process was killed: it sent a frame of an unexpected kind"
                    );
                    break;
                }
            }
        }
        self.process.kill();
    }
}

/// Decodes the body of a partial frame, and sends its documents to the sink.
fn send_documents(sink: &dyn DocumentSink, body: Bytes) -> Result<(), String> {
    let message = DataRequestProto::decode(body).map_err(|error| error.to_string())?;
    let reply = flowrun_wire::decode_reply(message).map_err(|failure| failure.error.to_string())?;
    sink.send(reply.documents);
    Ok(())
}
