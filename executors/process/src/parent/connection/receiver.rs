//! Receives the frames of one child and distributes them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flowrun_sdk::{Metrics, tracing};
use parking_lot::Mutex;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{oneshot, watch};

use crate::parent::child_process::ChildProcess;
use crate::protocol::frame::{FrameKind, FrameReader};
use crate::protocol::status::StatusReceiver;

/// Time that a child has to exit after it has closed its socket, so that its own exit status is reported.
const EXIT_STATUS_GRACE: Duration = Duration::from_millis(200);

/// Reply channels of the calls in progress by call number. `None` once the child has ended.
pub(super) type PendingReplies = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Bytes>>>>>;

/// The receiving half of a connection.
pub(super) struct FrameReceiver {
    pub(super) process: Arc<ChildProcess>,
    pub(super) pending: PendingReplies,
    pub(super) has_replied: Arc<AtomicBool>,
    pub(super) close_result: watch::Sender<Option<Result<(), String>>>,
    pub(super) unhealthy_reason: watch::Sender<Option<String>>,
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
                    let reply = self.pending.lock().as_mut().and_then(|pending| pending.remove(&frame.call));
                    if let Some(reply) = reply {
                        let _ = reply.send(frame.body);
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
