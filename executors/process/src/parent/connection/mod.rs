//! The connection to one running child: sends calls, and matches the replies to them by call number.
//!
//! A connection ends with its child; the [`Supervisor`](super::supervisor::Supervisor) opens the next one.

mod receiver;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flowrun_sdk::{DocumentSink, tracing};
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::child_process::ChildProcess;
use super::child_spec::ChildSpec;
use super::handshake::{self, ReadyChild};
use super::start_error::StartError;
use crate::protocol::frame::{FrameKind, encode_frame};
use crate::protocol::ready::Ready;
use receiver::{FrameReceiver, PendingReplies, PendingReply};

/// Capacity of the queue of frames to be written; senders wait while it is full. There are few frames: per permit a call
/// and perhaps its cancellation.
const OUTGOING_MAX: usize = 64;

/// Time that a child has to stop a cancelled call before it is killed.
const CANCEL_GRACE: Duration = Duration::from_secs(5);

/// Interval of the signals to an interruptible child until it has stopped a cancelled call.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(20);

/// Time that a child has to close its executor.
const CLOSE_GRACE: Duration = Duration::from_secs(20);

/// Time that a child has to exit after it has closed its executor.
const EXIT_GRACE: Duration = Duration::from_secs(2);

/// Reason for the end of a child, as the predicate of a sentence.
pub(crate) type ExitReason = Arc<str>;

/// The connection to a running child. The child is killed when the connection is dropped.
pub(crate) struct ChildConnection {
    /// Properties of the executor, which the child reported when it was ready.
    pub(crate) ready: Ready,
    process: Arc<ChildProcess>,
    outgoing: mpsc::Sender<Bytes>,
    pending: PendingReplies,
    /// One permit per concurrent call. Closed when the child ends.
    pub(crate) permits: Arc<Semaphore>,
    next_call: AtomicU64,
    exit_reason: watch::Receiver<Option<ExitReason>>,
    /// Result of closing the executor, once the child has reported it.
    close_result: watch::Receiver<Option<Result<(), String>>>,
    /// True once the child has replied to a call.
    pub(crate) has_replied: Arc<AtomicBool>,
}

impl ChildConnection {
    /// Starts a child and waits until it is ready. `unhealthy_reason` receives the health that the child reports.
    ///
    /// # Errors
    /// If the child cannot be started or is not ready in time.
    pub(crate) async fn start(
        spec: &ChildSpec,
        unhealthy_reason: watch::Sender<Option<String>>,
    ) -> Result<Self, StartError> {
        let ReadyChild { process, frames, writer, ready, exit } = handshake::start_child(spec).await?;
        if !ready.description.is_empty() {
            tracing::info!(pod = &*spec.worker, pid = process.pid.as_raw_pid(), "{}", ready.description);
        }
        let permits = Arc::new(Semaphore::new(if ready.concurrent { spec.concurrency } else { 1 }));
        let (outgoing, queue) = mpsc::channel(OUTGOING_MAX);
        let (exit_sender, exit_reason) = watch::channel(None);
        let (close_sender, close_result) = watch::channel(None);
        let pending: PendingReplies = Arc::new(Mutex::new(Some(HashMap::new())));
        let has_replied = Arc::new(AtomicBool::new(false));
        tokio::spawn(write_frames(writer, queue));
        let receiver = FrameReceiver {
            process: Arc::clone(&process),
            pending: Arc::clone(&pending),
            has_replied: Arc::clone(&has_replied),
            close_result: close_sender,
            unhealthy_reason,
            metrics: spec.metrics.clone(),
        };
        let (pending_at_exit, permits_at_exit) = (Arc::clone(&pending), Arc::clone(&permits));
        tokio::spawn(async move {
            receiver.run(frames).await;
            // The reason is set first, because callers read it as soon as their reply channel closes.
            exit_sender.send_replace(Some(exit.describe().await.into()));
            permits_at_exit.close();
            drop(pending_at_exit.lock().take());
        });
        let next_call = AtomicU64::new(1);
        Ok(Self {
            ready,
            process,
            outgoing,
            pending,
            permits,
            next_call,
            exit_reason,
            close_result,
            has_replied,
        })
    }

    /// Makes one call with a permit of [`permits`](Self::permits), and returns the body of the reply. `write_body` writes the
    /// body of the call frame. `sink` receives the documents that the child sends before the reply. If the future is dropped,
    /// the call is cancelled in the child.
    ///
    /// # Errors
    /// If the call exceeds the maximum length of a frame, or the child ends before it has replied.
    pub(crate) async fn call(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
        sink: Option<Arc<dyn DocumentSink>>,
        write_body: impl FnOnce(&mut bytes::BytesMut),
    ) -> Result<Bytes, ExitReason> {
        let number = self.next_call.fetch_add(1, Ordering::Relaxed);
        let frame = encode_frame(FrameKind::Call, number, write_body)
            .map_err(|error| ExitReason::from(format!("cannot receive the call: {error}")))?;
        let (sender, reply) = oneshot::channel();
        match self.pending.lock().as_mut() {
            Some(pending) => _ = pending.insert(number, PendingReply { reply: sender, sink }),
            None => return Err(self.exit_reason()),
        }
        let mut pending_call =
            PendingCall { connection: Arc::clone(self), number, waiting: Some((reply, permit)) };
        if self.outgoing.send(frame).await.is_err() {
            // The receiver reports the reason.
            self.process.kill();
        }
        let reply = match &mut pending_call.waiting {
            Some((reply, _)) => reply.await,
            None => return Err(self.exit_reason()),
        };
        pending_call.waiting = None;
        reply.map_err(|_| self.exit_reason())
    }

    /// Cancels a call and waits until the child has stopped it. Kills the child after [`CANCEL_GRACE`].
    async fn cancel_call(&self, number: u64, reply: oneshot::Receiver<Bytes>) {
        if let Ok(frame) = encode_frame(FrameKind::Cancel, number, |_| ()) {
            let _ = self.outgoing.send(frame).await;
        }
        // Repeated, because the child may not have received the call or the cancellation yet.
        let interrupts = async {
            loop {
                if self.ready.interruptible {
                    self.process.interrupt();
                }
                tokio::time::sleep(INTERRUPT_INTERVAL).await;
            }
        };
        let stopped = async {
            tokio::select! { _ = reply => {}, () = interrupts => {} }
        };
        if tokio::time::timeout(CANCEL_GRACE, stopped).await.is_err() {
            let seconds = CANCEL_GRACE.as_secs();
            self.process.kill_for(format_args!("it did not stop a cancelled call within {seconds} s"));
            self.wait_for_exit().await;
        }
    }

    fn exit_reason(&self) -> ExitReason {
        self.exit_reason.borrow().clone().unwrap_or_else(|| "has exited".into())
    }

    /// Waits until the child has ended, and returns the reason.
    pub(crate) async fn wait_for_exit(&self) -> ExitReason {
        let mut exit_reason = self.exit_reason.clone();
        let _ = exit_reason.wait_for(Option::is_some).await;
        self.exit_reason()
    }

    /// Closes the executor in the child, so that it flushes its state, and ends the child.
    ///
    /// # Errors
    /// If the executor reports an error, or the child ends before it has closed the executor, or takes too long.
    pub(crate) async fn close(&self) -> Result<(), String> {
        let frame = encode_frame(FrameKind::Close, 0, |_| ()).map_err(|error| error.to_string())?;
        let _ = self.outgoing.send(frame).await;
        let mut close_result = self.close_result.clone();
        let closed = async { close_result.wait_for(Option::is_some).await.map(|result| result.clone()) };
        let result = match tokio::time::timeout(CLOSE_GRACE, closed).await {
            Ok(Ok(result)) => result.unwrap_or(Ok(())),
            Ok(Err(_)) => Err(format!("its process {}", self.wait_for_exit().await)),
            Err(_) => Err(format!("its process did not end within {} s", CLOSE_GRACE.as_secs())),
        };
        let _ = tokio::time::timeout(EXIT_GRACE, self.wait_for_exit()).await;
        self.process.kill();
        result
    }
}

impl Drop for ChildConnection {
    fn drop(&mut self) {
        self.process.kill();
    }
}

/// A call whose reply is awaited.
///
/// Dropping it cancels the call in the child; the child is killed if it does not stop the call in time. The permit is
/// released only afterwards.
struct PendingCall {
    connection: Arc<ChildConnection>,
    number: u64,
    /// `None` once the reply has been received.
    waiting: Option<(oneshot::Receiver<Bytes>, OwnedSemaphorePermit)>,
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        let Some((reply, permit)) = self.waiting.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (connection, number) = (Arc::clone(&self.connection), self.number);
        runtime.spawn(async move {
            connection.cancel_call(number, reply).await;
            drop(permit);
        });
    }
}

/// Writes queued frames to the socket.
async fn write_frames(mut writer: OwnedWriteHalf, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(frame) = queue.recv().await {
        // The receiver reports the end of the child.
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
}
