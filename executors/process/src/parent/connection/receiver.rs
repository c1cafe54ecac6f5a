//! Receives the frames of one child and distributes them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flowrun_sdk::{DocumentSink, Metrics};
use flowrun_wire::jina::DataRequestProto;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{oneshot, watch};

use crate::parent::child_process::ChildProcess;
use crate::protocol::frame::{Frame, FrameKind, FrameReader};
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
            let distributed = match frames.next().await {
                Ok(Some(frame)) => self.distribute(frame, &mut status),
                Ok(None) => {
                    // The child is exiting; its own status is more useful than that of a kill.
                    tokio::time::sleep(EXIT_STATUS_GRACE).await;
                    return self.process.kill();
                }
                Err(error) => Err(format!("its frames cannot be read: {error}")),
            };
            if let Err(fault) = distributed {
                return self.process.kill_for(fault);
            }
        }
    }

    /// Sends the content of a frame to its destination.
    ///
    /// # Errors
    /// If the frame is invalid: a fault of the child, as a sentence.
    fn distribute(&self, frame: Frame, status: &mut StatusReceiver) -> Result<(), String> {
        match frame.kind {
            FrameKind::Reply => {
                self.has_replied.store(true, Ordering::Relaxed);
                let pending = self.pending.lock().as_mut().and_then(|pending| pending.remove(&frame.call));
                if let Some(pending) = pending {
                    let _ = pending.reply.send(frame.body);
                }
            }
            FrameKind::Partial => {
                let pending = self.pending.lock();
                let sink = pending.as_ref().and_then(|pending| pending.get(&frame.call)?.sink.clone());
                drop(pending);
                if let Some(sink) = sink {
                    send_documents(&*sink, frame.body)
                        .map_err(|error| format!("its documents cannot be read: {error}"))?;
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
            kind => return Err(format!("it sent a frame of the unexpected kind {kind:?}")),
        }
        Ok(())
    }
}

/// Decodes the body of a partial frame, and sends its documents to the sink.
fn send_documents(sink: &dyn DocumentSink, body: Bytes) -> Result<(), String> {
    let message = DataRequestProto::decode(body).map_err(|error| error.to_string())?;
    let reply = flowrun_wire::decode_reply(message).map_err(|failure| failure.error.to_string())?;
    sink.send(reply.documents);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use flowrun_sdk::tracing::subscriber::set_default;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::UnixStream;

    use super::*;
    use crate::parent::child_process;
    use crate::protocol::frame::encode_frame;

    /// A log in memory.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Receives these bytes from a process of the worker `frames/rep-1`. Returns the signal that ended it.
    async fn receive(bytes: &[u8]) -> Option<i32> {
        let child = child_process::spawn(Command::new("cat"), "frames/rep-1".into(), 0).await.unwrap();
        let (own, mut peer) = UnixStream::pair().unwrap();
        peer.write_all(bytes).await.unwrap();
        drop(peer);
        let receiver = FrameReceiver {
            process: child.process,
            pending: Arc::new(Mutex::new(Some(HashMap::new()))),
            has_replied: Arc::default(),
            close_result: watch::channel(None).0,
            unhealthy_reason: watch::channel(None).0,
            metrics: Metrics::default(),
        };
        receiver.run(FrameReader::new(own.into_split().0)).await;
        child.exit.await.unwrap().signal()
    }

    #[test]
    fn the_log_names_the_worker_whose_process_is_killed_for_an_invalid_frame() {
        let unexpected = encode_frame(FrameKind::Start, 0, |_| ()).unwrap();
        for (bytes, fault) in [
            (&unexpected[..], "it sent a frame of the unexpected kind Start"),
            (&[0xff; 13], "its frames cannot be read: invalid frame header"),
        ] {
            let lines = Lines::default();
            let writer = lines.clone();
            let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
            let guard = set_default(log);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            assert_eq!(runtime.block_on(receive(bytes)), Some(9));
            drop(guard);
            let written = String::from_utf8(lines.0.lock().clone()).unwrap();
            assert!(written.contains(&format!("the executor's process was killed: {fault}")), "{written}");
            assert!(written.contains(r#"pod="frames/rep-1""#) && written.contains("pid="), "{written}");
        }
    }
}
