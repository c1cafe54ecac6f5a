//! The other end: this process is the child, and one executor of the catalogue works in it.
//!
//! The socket is standard input. One thread reads; calls are made on the thread that called [`serve`], or as tasks when
//! the executor waits. When the socket ends so does everything in this process's group: nobody would hear of it.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use flowrun_sdk::{
    AsyncExecutor, BoxedExecutor, Build, BuildError, Cancellation, Catalog, Context, ErrorKind, Executor,
    ExecutorError, ExecutorType, Instance, LibraryRequest, Value, guard,
};
use flowrun_wire::Schema;
use flowrun_wire::jina::DataRequestProto;
use parking_lot::Mutex;
use prost::Message as _;
use rustix::process::{Signal, kill_current_process_group, set_parent_process_death_signal};
use serde_json::json;

use crate::answered;
use crate::frame::{HEAD_BYTES, Kind, framed, head, told};
use crate::isolated::context;
use crate::ready::{Ready, tell};

/// How often the parent is told of numbers, at the most.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// A call as it came.
struct Asked {
    number: u64,
    deadline: Option<Instant>,
    bytes_max: usize,
    request: DataRequestProto,
    cancellation: Cancellation,
}

/// What the reader hands over.
enum Order {
    Call(Box<Asked>),
    Close,
}

/// What every part of the child holds.
struct Child {
    write: Mutex<UnixStream>,
    cancellations: Mutex<HashMap<u64, Cancellation>>,
    context: Context,
    told: Mutex<Told>,
}

/// When the parent was told of numbers.
#[derive(Default)]
struct Told {
    last: Option<Instant>,
    /// Whether they may have changed since.
    stale: bool,
}

/// Is the child of an executor: makes the one that the parent names out of `catalog`, and takes calls until the parent
/// closes it.
///
/// # Errors
/// When standard input is not the socket of a parent, or breaks.
pub fn serve(catalog: &Catalog) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut read = socket.try_clone()?;
    let (kind, _, body) = next(&mut read)?;
    let start: Value = serde_json::from_slice(&body)?;
    if kind != Kind::Start {
        return Err(io::Error::other("the first message says nothing of what to be"));
    }
    if let Some(roots) = start.get("confined").and_then(Value::as_array) {
        let roots: Vec<PathBuf> = roots.iter().filter_map(Value::as_str).map(PathBuf::from).collect();
        guard::restrict_files_to(&roots);
    }
    let context = context(start.get("context").unwrap_or(&Value::Null));
    let child = Arc::new(Child {
        write: Mutex::new(socket),
        cancellations: Mutex::default(),
        context: context.clone(),
        told: Mutex::default(),
    });
    let tasks = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let within = tasks.enter();
    let (recipe, instance) = match made(catalog, &start, context) {
        Ok(made) => made,
        Err(error) => return child.say(&told(Kind::Failed, &failed(&error))?),
    };
    child.say(&told(Kind::Ready, &ready(&instance).to_json())?)?;
    child.tell(true);
    let (orders, ordered) = mpsc::channel();
    let reader = Arc::clone(&child);
    std::thread::Builder::new().name("orders".to_owned()).spawn(move || {
        if let Err(error) = reader.read(&mut read, &orders) {
            flowrun_sdk::tracing::debug!(%error, "the parent is gone");
            // Everything that was started here ends with it.
            let _ = kill_current_process_group(Signal::KILL);
        }
    })?;
    let end = match instance.executor {
        BoxedExecutor::Sync(executor) => child.compute(executor, &recipe, &ordered),
        BoxedExecutor::Async(executor) => child.wait(&tasks, executor.into(), &ordered),
    };
    drop(within);
    let error = end.err().map(|error| error.message().to_owned());
    child.say(&told(Kind::Closed, &json!({"error": error}))?)?;
    tasks.shutdown_background();
    Ok(())
}

/// How the executor is made, and made anew after a panic.
struct Recipe {
    kind: ExecutorType,
    build: Build,
}

fn made(catalog: &Catalog, start: &Value, context: Context) -> Result<(Recipe, Instance), BuildError> {
    let name = start.get("executor").and_then(Value::as_str).unwrap_or_default();
    let kind = match start.get("library").filter(|library| !library.is_null()) {
        None => catalog.get(name).copied(),
        Some(library) => of_library(catalog, library, name)?,
    };
    let kind = kind.ok_or_else(|| BuildError::failed(format_args!("there is no executor `{name}`")))?;
    let with = start.get("with").and_then(Value::as_object).cloned().unwrap_or_default();
    let recipe = Recipe { kind, build: Build { with, context } };
    let instance = recipe.make()?;
    Ok((recipe, instance))
}

/// The executor of that name in a library, which is looked at here as it was by the parent.
fn of_library(catalog: &Catalog, library: &Value, name: &str) -> Result<Option<ExecutorType>, BuildError> {
    let text = |value: &Value| value.as_str().map(PathBuf::from);
    let path = library.get("path").and_then(text).unwrap_or_default();
    let roots: Vec<PathBuf> =
        library.get("roots").and_then(Value::as_array).into_iter().flatten().filter_map(text).collect();
    let sha256 = library.get("sha256").and_then(Value::as_str);
    let request = LibraryRequest { path: &path, roots: &roots, sha256 };
    let offered = catalog.open_library(&request).map_err(BuildError::Library)?;
    Ok(offered.iter().find(|kind| kind.name == name).copied())
}

impl Recipe {
    fn make(&self) -> Result<Instance, BuildError> {
        let made = catch_unwind(AssertUnwindSafe(|| self.kind.create(&self.build)));
        made.unwrap_or_else(|panic| {
            Err(BuildError::failed(format_args!(
                "the constructor panicked: {}",
                flowrun_sdk::panic_message(&*panic)
            )))
        })
    }
}

fn failed(error: &BuildError) -> Value {
    match error {
        BuildError::Parameter { name, reason } => json!({"parameter": name, "error": reason}),
        other => json!({"error": other.to_string()}),
    }
}

fn ready(instance: &Instance) -> Ready {
    Ready {
        endpoints: instance.endpoints.clone(),
        ranking: instance.ranking,
        batching: instance.batching.clone(),
        several: matches!(instance.executor, BoxedExecutor::Async(_)),
        interruptible: false,
        schema: Schema::V1,
        about: String::new(),
    }
}

impl Child {
    /// Reads orders until the parent closes us.
    fn read(&self, stream: &mut UnixStream, orders: &mpsc::Sender<Order>) -> io::Result<()> {
        loop {
            let (kind, number, mut body) = next(stream)?;
            let order = match kind {
                Kind::Call => Order::Call(Box::new(self.asked(number, &mut body)?)),
                Kind::Close => Order::Close,
                Kind::Cancel => {
                    if let Some(cancellation) = self.cancellations.lock().get(&number) {
                        cancellation.cancel();
                    }
                    continue;
                }
                _ => return Err(io::Error::other("the parent says what only a child may")),
            };
            if orders.send(order).is_err() {
                return Ok(());
            }
        }
    }

    /// The next call, unless we are closed. What the parent has yet to be told of is told when there is time.
    fn next(&self, orders: &mpsc::Receiver<Order>) -> Option<Box<Asked>> {
        let stale = || self.told.lock().stale;
        let order = match stale() {
            false => orders.recv().ok(),
            true => orders.recv_timeout(TELL_INTERVAL).ok().or_else(|| {
                self.tell(true);
                orders.recv().ok()
            }),
        };
        match order? {
            Order::Call(asked) => Some(asked),
            Order::Close => None,
        }
    }

    fn asked(&self, number: u64, body: &mut Bytes) -> io::Result<Asked> {
        let cut_off = |_| io::Error::other("a call is cut off");
        let nanoseconds = body.try_get_u64_le().map_err(cut_off)?;
        let bytes_max = body.try_get_u64_le().map_err(cut_off)?;
        let left = (nanoseconds != u64::MAX).then(|| Duration::from_nanos(nanoseconds));
        let cancellation = Cancellation::default();
        self.cancellations.lock().insert(number, cancellation.clone());
        Ok(Asked {
            number,
            deadline: left.and_then(|left| Instant::now().checked_add(left)),
            bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            request: DataRequestProto::decode(body).map_err(io::Error::other)?,
            cancellation,
        })
    }

    /// Makes calls one after the other, on this thread.
    fn compute(
        &self,
        mut executor: Box<dyn Executor>,
        recipe: &Recipe,
        orders: &mpsc::Receiver<Order>,
    ) -> Result<(), ExecutorError> {
        while let Some(asked) = self.next(orders) {
            let mut panicked = false;
            let reply = answered::by(&asked.request, |question| {
                let mut call = question.call(asked.deadline, asked.cancellation.clone(), asked.bytes_max);
                let result = catch_unwind(AssertUnwindSafe(|| executor.execute(&mut call)));
                let result = result.unwrap_or_else(|panic| {
                    panicked = true;
                    Err(panic_error(&*panic))
                });
                result.map(|()| call.into_answer())
            });
            if panicked {
                // Whatever state it left behind goes with it. Without another one this process has no purpose, and the
                // parent starts the next.
                let Ok(Instance { executor: BoxedExecutor::Sync(another), .. }) = recipe.make() else {
                    self.reply(asked.number, &reply);
                    return Err(ExecutorError::new(ErrorKind::Internal, "the executor cannot be made anew"));
                };
                executor = another;
            }
            self.reply(asked.number, &reply);
        }
        executor.close()
    }

    /// Has many calls under way.
    fn wait(
        self: &Arc<Self>,
        tasks: &tokio::runtime::Runtime,
        executor: Arc<dyn AsyncExecutor>,
        orders: &mpsc::Receiver<Order>,
    ) -> Result<(), ExecutorError> {
        while let Some(asked) = self.next(orders) {
            let (child, executor) = (Arc::clone(self), Arc::clone(&executor));
            tasks.spawn(async move {
                let question = answered::Question::of(&asked.request);
                let reply = match &question {
                    Err(error) => answered::failed(error),
                    Ok(question) => {
                        let mut call =
                            question.call(asked.deadline, asked.cancellation.clone(), asked.bytes_max);
                        let result = tokio::select! {
                            result = executor.execute(&mut call) => result,
                            () = asked.cancellation.cancelled() => {
                                Err(ExecutorError::new(ErrorKind::Cancelled, "the request was given up"))
                            }
                        };
                        answered::reply(result.map(|()| call.into_answer()))
                    }
                };
                child.reply(asked.number, &reply);
            });
        }
        tasks.block_on(executor.close())
    }

    fn reply(&self, number: u64, reply: &DataRequestProto) {
        self.cancellations.lock().remove(&number);
        let frame = framed(Kind::Reply, number, |bytes| _ = reply.encode(bytes)).or_else(|error| {
            let error = ExecutorError::resource(format_args!("the reply cannot be sent: {error}"));
            framed(Kind::Reply, number, |bytes| _ = answered::failed(&error).encode(bytes))
        });
        // Before the reply, so that whoever has it may look.
        self.tell(false);
        // When the parent does not listen any more, the reader knows.
        if let Ok(frame) = frame {
            let _ = self.say(&frame);
        }
    }

    /// Tells how the executor is, unless that was told a moment ago.
    fn tell(&self, anyway: bool) {
        {
            let mut told = self.told.lock();
            told.stale = !anyway && told.last.is_some_and(|last| last.elapsed() < TELL_INTERVAL);
            if told.stale {
                return;
            }
            told.last = Some(Instant::now());
        }
        let now = tell(self.context.health.unhealthy_reason(), &self.context.metrics.samples());
        if let Ok(frame) = told(Kind::Told, &now) {
            let _ = self.say(&frame);
        }
    }

    fn say(&self, frame: &[u8]) -> io::Result<()> {
        self.write.lock().write_all(frame)
    }
}

fn panic_error(panic: &(dyn std::any::Any + Send)) -> ExecutorError {
    ExecutorError::new(
        ErrorKind::Internal,
        format_args!("the executor panicked: {}", flowrun_sdk::panic_message(panic)),
    )
}

/// The next frame.
fn next(stream: &mut UnixStream) -> io::Result<(Kind, u64, Bytes)> {
    let mut bytes = [0; HEAD_BYTES];
    stream.read_exact(&mut bytes)?;
    let (length, kind, number) = head(&bytes)?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((kind, number, body.into()))
}
