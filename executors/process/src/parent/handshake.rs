//! Starts a child and waits until it is ready.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::child_process::{self, ChildProcess, SpawnedChild, describe_exit};
use super::child_spec::ChildSpec;
use super::output::{self, OutputStream, OutputTail};
use super::start_error::StartError;
use crate::protocol::frame::{FrameKind, FrameReader};
use crate::protocol::ready::Ready;

/// Maximum wait for the last lines of output after a child has ended.
const OUTPUT_GRACE: Duration = Duration::from_millis(500);

/// A child that has reported itself ready.
pub(crate) struct ReadyChild {
    pub(crate) process: Arc<ChildProcess>,
    pub(crate) frames: FrameReader<OwnedReadHalf>,
    pub(crate) writer: OwnedWriteHalf,
    pub(crate) ready: Ready,
    pub(crate) exit: ChildExit,
}

/// The exit status and the last output of a child.
pub(crate) struct ChildExit {
    status: oneshot::Receiver<ExitStatus>,
    outputs: [JoinHandle<()>; 2],
    tail: Arc<OutputTail>,
}

impl ChildExit {
    /// Waits until the child has ended. Returns its exit status and its last output, as the predicate of a sentence.
    pub(crate) async fn describe(self) -> String {
        let Self { status, outputs, tail } = self;
        let status = status.await;
        let output_end = async {
            for output in outputs {
                let _ = output.await;
            }
        };
        // Processes that the child started may keep the pipes open.
        let _ = tokio::time::timeout(OUTPUT_GRACE, output_end).await;
        let predicate = status.map_or_else(|_| "has exited".to_owned(), describe_exit);
        format!("{predicate}{}", tail.message_suffix())
    }
}

/// Starts a child, sends it the start frame, and waits for the ready frame. The child is killed if the future is dropped
/// or fails.
///
/// # Errors
/// If the process cannot be started, ends early, reports a failure, or is not ready in time.
pub(crate) async fn start_child(spec: &ChildSpec) -> Result<ReadyChild, StartError> {
    let command = spec.command().map_err(StartError::Failed)?;
    let program = command.get_program().to_string_lossy().into_owned();
    let spawned = child_process::spawn(command, Arc::clone(&spec.worker), spec.niceness).await;
    let spawned =
        spawned.map_err(|error| StartError::Failed(format!("`{program}` cannot be started: {error}")))?;
    let guard = KillOnDrop(Some(Arc::clone(&spawned.process)));
    let (process, mut frames, mut writer, exit) = open_streams(spawned, spec)
        .map_err(|error| StartError::Failed(format!("the child process cannot be connected: {error}")))?;
    let handshake = async {
        writer.write_all(&spec.start_frame).await?;
        frames.next().await
    };
    let answer = match spec.ready_timeout {
        None => Ok(handshake.await),
        Some(limit) => tokio::time::timeout(limit, handshake).await,
    };
    match answer {
        Ok(Ok(Some(frame))) => match frame.kind {
            FrameKind::Ready => {
                guard.disarm();
                let ready = Ready::from_json(&frame.json_body());
                Ok(ReadyChild { process, frames, writer, ready, exit })
            }
            FrameKind::Failed => Err(StartError::from_json(&frame.json_body())),
            kind => Err(StartError::Failed(unexpected(kind))),
        },
        // The child has ended or closed its socket.
        Ok(Ok(None) | Err(_)) => {
            drop(guard);
            Err(StartError::Failed(format!("its process {}", exit.describe().await)))
        }
        Err(_) => {
            let output = exit.tail.message_suffix();
            Err(StartError::NotReady(format!("its process takes longer to start{output}")))
        }
    }
}

fn unexpected(kind: FrameKind) -> String {
    format!("its process sent a frame of kind {kind:?} before it was ready")
}

type Streams = (Arc<ChildProcess>, FrameReader<OwnedReadHalf>, OwnedWriteHalf, ChildExit);

/// Opens the socket of a child for asynchronous use, and starts to forward its output to the log.
fn open_streams(spawned: SpawnedChild, spec: &ChildSpec) -> io::Result<Streams> {
    let SpawnedChild { process, socket, stdout, stderr, exit: status } = spawned;
    let tail = Arc::new(OutputTail::default());
    let forward = |pipe, stream| {
        tokio::spawn(output::forward_to_log(pipe, Arc::clone(&spec.worker), stream, Arc::clone(&tail)))
    };
    let outputs = [
        forward(output::open_pipe(stdout)?, OutputStream::Stdout),
        forward(output::open_pipe(stderr)?, OutputStream::Stderr),
    ];
    socket.set_nonblocking(true)?;
    let (reader, writer) = UnixStream::from_std(socket)?.into_split();
    Ok((process, FrameReader::new(reader), writer, ChildExit { status, outputs, tail }))
}

/// Kills a child that did not complete the handshake.
struct KillOnDrop(Option<Arc<ChildProcess>>);

impl KillOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(process) = &self.0 {
            process.kill();
        }
    }
}
