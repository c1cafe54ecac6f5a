//! A running child: calls go to it and come back, each exactly once.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flowrun_sdk::tracing;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::frame::{Frame, Frames, Kind, framed, told};
use crate::ready::{Numbers, Ready};
use crate::recipe::{NotMade, Recipe};
use crate::spawn::Process;
use crate::start::{self, Greeted};

/// Frames that wait to be written. Calls are bounded by their seats; each adds a cancellation at the most.
const OUTGOING_MAX: usize = 64;

/// How long a child may go on with a call that nobody waits for, once it was asked to stop.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// How often a child that looks for such a call when it is interrupted is interrupted until then.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(20);

/// How long a child may take to write out what it holds, and how long to end then.
const CLOSE_GRACE: Duration = Duration::from_secs(20);
const EXIT_GRACE: Duration = Duration::from_secs(2);

/// How long a child that closed its socket may take to end by itself, so that its own status is what is told.
const STATUS_GRACE: Duration = Duration::from_millis(200);

/// Why a child is gone, and whether it went as it was told.
pub(crate) type Gone = Arc<str>;

/// A running child.
pub(crate) struct Link {
    pub(crate) ready: Ready,
    process: Arc<Process>,
    outgoing: mpsc::Sender<Bytes>,
    pending: Pending,
    /// One for each call that it takes at once. Closed when it is gone.
    pub(crate) seats: Arc<Semaphore>,
    numbers: AtomicU64,
    gone: watch::Receiver<Option<Gone>>,
    closed: watch::Receiver<Option<Option<String>>>,
    /// Whether it has answered a call.
    pub(crate) proven: Arc<AtomicBool>,
}

/// Calls under way, by their numbers; none once the child is gone.
type Pending = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Bytes>>>>>;

impl Link {
    /// Starts a child and waits until it can be called. `tell` gets its health.
    pub(crate) async fn start(recipe: &Recipe, tell: watch::Sender<Option<String>>) -> Result<Self, NotMade> {
        let Greeted { process, frames, write, ready, ending } = start::greeted(recipe).await?;
        if !ready.about.is_empty() {
            tracing::info!(pod = &*recipe.pod, pid = process.pid.as_raw_pid(), "{}", ready.about);
        }
        let seats = if ready.several { recipe.concurrency } else { 1 };
        let (outgoing, to_write) = mpsc::channel(OUTGOING_MAX);
        let (say_gone, gone) = watch::channel(None);
        let (say_closed, closed) = watch::channel(None);
        let pending: Pending = Arc::new(Mutex::new(Some(HashMap::new())));
        let (seats, proven) = (Arc::new(Semaphore::new(seats)), Arc::new(AtomicBool::new(false)));
        tokio::spawn(write_all(write, to_write));
        let reader = Reader {
            process: Arc::clone(&process),
            pending: Arc::clone(&pending),
            proven: Arc::clone(&proven),
            closed: say_closed,
            tell,
            metrics: recipe.metrics.clone(),
        };
        let (all, no_seats) = (Arc::clone(&pending), Arc::clone(&seats));
        tokio::spawn(async move {
            reader.run(frames).await;
            // First the reason, then those who ask for it.
            say_gone.send_replace(Some(ending.how().await.into()));
            no_seats.close();
            drop(all.lock().take());
        });
        let numbers = AtomicU64::new(1);
        Ok(Self { ready, process, outgoing, pending, seats, numbers, gone, closed, proven })
    }

    /// Makes one call, in that seat; the body of the reply, or why there is none. Given up, it is stopped.
    pub(crate) async fn call(
        self: &Arc<Self>,
        seat: OwnedSemaphorePermit,
        write: impl FnOnce(&mut bytes::BytesMut),
    ) -> Result<Bytes, Gone> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let frame = framed(Kind::Call, number, write).map_err(|error| Gone::from(error.to_string()))?;
        let (tell, told) = oneshot::channel();
        match self.pending.lock().as_mut() {
            Some(pending) => _ = pending.insert(number, tell),
            None => return Err(self.why()),
        }
        let mut under_way = UnderWay { link: Arc::clone(self), number, waiting: Some((told, seat)) };
        if self.outgoing.send(frame).await.is_err() {
            // The one who reads knows why.
            self.process.kill();
        }
        let reply = match &mut under_way.waiting {
            Some((told, _)) => told.await,
            None => return Err(self.why()),
        };
        under_way.waiting = None;
        reply.map_err(|_| self.why())
    }

    /// Why it is gone.
    fn why(&self) -> Gone {
        self.gone.borrow().clone().unwrap_or_else(|| "is gone".into())
    }

    /// Waits until it is gone; why it is.
    pub(crate) async fn gone(&self) -> Gone {
        let mut gone = self.gone.clone();
        let _ = gone.wait_for(Option::is_some).await;
        self.why()
    }

    /// Lets it write out what it holds, and end.
    ///
    /// # Errors
    /// What it could not write, or how it ended instead.
    pub(crate) async fn close(&self) -> Result<(), String> {
        let frame = framed(Kind::Close, 0, |_| ()).map_err(|error| error.to_string())?;
        let _ = self.outgoing.send(frame).await;
        let mut closed = self.closed.clone();
        let closed = async { closed.wait_for(Option::is_some).await.map(|said| said.clone().flatten()) };
        let result = match tokio::time::timeout(CLOSE_GRACE, closed).await {
            Ok(Ok(said)) => said.map_or(Ok(()), Err),
            Ok(Err(_)) => Err(format!("its process {}", self.gone().await)),
            Err(_) => Err(format!("its process did not end within {} s", CLOSE_GRACE.as_secs())),
        };
        let _ = tokio::time::timeout(EXIT_GRACE, self.gone()).await;
        self.process.kill();
        result
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.process.kill();
    }
}

/// A call under way. When it is given up the child is asked to stop it, and ended when it does not; its seat stays taken
/// until then.
struct UnderWay {
    link: Arc<Link>,
    number: u64,
    waiting: Option<(oneshot::Receiver<Bytes>, OwnedSemaphorePermit)>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Some((told, seat)) = self.waiting.take() else { return };
        let (link, number) = (Arc::clone(&self.link), self.number);
        let Ok(tasks) = tokio::runtime::Handle::try_current() else { return };
        tasks.spawn(async move {
            if let Ok(frame) = framed(Kind::Cancel, number, |_| ()) {
                let _ = link.outgoing.send(frame).await;
            }
            // Again and again: the child may not have the call yet, nor the word that it is given up.
            let interrupting = async {
                loop {
                    if link.ready.interruptible {
                        link.process.interrupt();
                    }
                    tokio::time::sleep(INTERRUPT_INTERVAL).await;
                }
            };
            let stopped = async {
                tokio::select! { _ = told => {}, () = interrupting => {} }
            };
            if tokio::time::timeout(STOP_GRACE, stopped).await.is_err() {
                tracing::warn!("a child process did not stop a call that nobody waits for; it is ended");
                link.process.kill();
                link.gone().await;
            }
            drop(seat);
        });
    }
}

/// Writes frames one after the other.
async fn write_all(mut write: OwnedWriteHalf, mut frames: mpsc::Receiver<Bytes>) {
    while let Some(frame) = frames.recv().await {
        // What went wrong is said by the one who reads.
        if write.write_all(&frame).await.is_err() {
            return;
        }
    }
}

/// Reads what a child says, until it says nothing more.
struct Reader {
    process: Arc<Process>,
    pending: Pending,
    proven: Arc<AtomicBool>,
    closed: watch::Sender<Option<Option<String>>>,
    tell: watch::Sender<Option<String>>,
    metrics: flowrun_sdk::Metrics,
}

impl Reader {
    async fn run(self, mut frames: Frames<OwnedReadHalf>) {
        let mut numbers = Numbers::default();
        loop {
            match frames.next().await {
                Ok(Some(Frame { kind: Kind::Reply, number, body })) => {
                    self.proven.store(true, Ordering::Relaxed);
                    let waiting = self.pending.lock().as_mut().and_then(|pending| pending.remove(&number));
                    if let Some(waiting) = waiting {
                        let _ = waiting.send(body);
                    }
                }
                Ok(Some(Frame { kind: Kind::Told, body, .. })) => {
                    self.tell.send_replace(numbers.take(&Frame::json(&body), &self.metrics));
                }
                Ok(Some(Frame { kind: Kind::Closed, body, .. })) => {
                    let error =
                        Frame::json(&body).get("error").and_then(|error| error.as_str().map(str::to_owned));
                    self.closed.send_replace(Some(error));
                }
                Ok(Some(frame)) => {
                    tracing::error!(kind = ?frame.kind, "a child process said what it may not; it is ended");
                    break self.process.kill();
                }
                Ok(None) => break self.let_end().await,
                Err(error) => {
                    tracing::error!(%error, "a child process cannot be understood; it is ended");
                    break self.process.kill();
                }
            }
        }
    }

    /// It says nothing more, so it is ending: its status tells more than ours would.
    async fn let_end(&self) {
        tokio::time::sleep(STATUS_GRACE).await;
        self.process.kill();
    }
}

/// The frame that starts a child.
pub(crate) fn start_frame(value: &flowrun_sdk::Value) -> io::Result<Bytes> {
    told(Kind::Start, value)
}
