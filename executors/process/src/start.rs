//! From a recipe to a child that can be called.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::frame::{Frame, Frames, Kind};
use crate::output::{self, Stream, Tail};
use crate::ready::Ready;
use crate::recipe::{NotMade, Recipe};
use crate::spawn::{self, Process, Spawned, described};

/// How long the end of a child waits for the last lines that it wrote.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A child that said that it can be called.
pub(crate) struct Greeted {
    pub(crate) process: Arc<Process>,
    pub(crate) frames: Frames<OwnedReadHalf>,
    pub(crate) write: OwnedWriteHalf,
    pub(crate) ready: Ready,
    pub(crate) ending: Ending,
}

/// How a child ends, and what it said last.
pub(crate) struct Ending {
    exit: oneshot::Receiver<ExitStatus>,
    outputs: [JoinHandle<()>; 2],
    tail: Arc<Tail>,
}

impl Ending {
    /// Waits for the end; tells how it was.
    pub(crate) async fn how(self) -> String {
        let Self { exit, outputs, tail } = self;
        let status = exit.await;
        let words = async {
            for output in outputs {
                let _ = output.await;
            }
        };
        // What the child started may hold the pipes open.
        let _ = tokio::time::timeout(LAST_WORDS, words).await;
        let how = status.map_or_else(|_| "is gone".to_owned(), described);
        format!("{how}{}", tail.told())
    }
}

/// Starts a child, and waits until it can be called.
///
/// # Errors
/// Why it cannot be.
pub(crate) async fn greeted(recipe: &Recipe) -> Result<Greeted, NotMade> {
    let command = recipe.command().map_err(NotMade::Failed)?;
    let program = command.get_program().to_string_lossy().into_owned();
    let spawned = spawn::spawn(command, recipe.niceness).await;
    let spawned =
        spawned.map_err(|error| NotMade::Failed(format!("`{program}` cannot be started: {error}")))?;
    let guarded = KillOnDrop(Some(Arc::clone(&spawned.process)));
    let (process, mut frames, mut write, ending) = reached(spawned, recipe)
        .map_err(|error| NotMade::Failed(format!("the child process cannot be reached: {error}")))?;
    let greeting = async {
        write.write_all(&recipe.start).await?;
        frames.next().await
    };
    let answer = match recipe.ready_within {
        None => Ok(greeting.await),
        Some(limit) => tokio::time::timeout(limit, greeting).await,
    };
    match answer {
        Ok(Ok(Some(Frame { kind: Kind::Ready, body, .. }))) => {
            guarded.keep();
            let ready = Ready::of_json(&Frame::json(&body));
            Ok(Greeted { process, frames, write, ready, ending })
        }
        Ok(Ok(Some(Frame { kind: Kind::Failed, body, .. }))) => Err(NotMade::told(&Frame::json(&body))),
        Ok(Ok(Some(_))) => Err(NotMade::Failed("its process sent something else first".to_owned())),
        // It died before it said anything.
        Ok(Ok(None) | Err(_)) => {
            drop(guarded);
            Err(NotMade::Failed(format!("its process {}", ending.how().await)))
        }
        Err(_) => {
            let said = ending.tail.told();
            Err(NotMade::NotReady(format!("its process takes longer to start{said}")))
        }
    }
}

type Reached = (Arc<Process>, Frames<OwnedReadHalf>, OwnedWriteHalf, Ending);

/// Takes hold of the ends of a child: its socket, and what it writes.
fn reached(spawned: Spawned, recipe: &Recipe) -> io::Result<Reached> {
    let Spawned { process, socket, stdout, stderr, exit } = spawned;
    let tail = Arc::new(Tail::default());
    let forward = |pipe, stream| {
        tokio::spawn(output::forward(pipe, Arc::clone(&recipe.pod), stream, Arc::clone(&tail)))
    };
    let outputs =
        [forward(output::pipe(stdout)?, Stream::Output), forward(output::pipe(stderr)?, Stream::Error)];
    socket.set_nonblocking(true)?;
    let (read, write) = UnixStream::from_std(socket)?.into_split();
    Ok((process, Frames::new(read), write, Ending { exit, outputs, tail }))
}

/// Ends a child that nobody came to know.
struct KillOnDrop(Option<Arc<Process>>);

impl KillOnDrop {
    fn keep(mut self) {
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
