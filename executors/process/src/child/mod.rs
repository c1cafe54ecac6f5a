//! The child's side: runs one executor of the catalog in this process, for a parent on standard input.
//!
//! One thread receives frames. Calls run on the thread of [`serve_executor`], or as tasks if the executor is
//! asynchronous. When the parent closes the socket without a close frame, this process and its process group are killed,
//! because the results could no longer be delivered.

mod dispatch;
mod executor_factory;
mod messages;
mod parent_connection;

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use flowrun_sdk::{BoxedExecutor, BuildError, Catalog, Instance, Value, guard};
use flowrun_wire::Schema;
use rustix::process::{Signal, kill_current_process_group, set_parent_process_death_signal};
use serde_json::json;

use crate::protocol::context::context_from_json;
use crate::protocol::frame::{Frame, FrameKind, encode_json_frame};
use crate::protocol::ready::Ready;
use executor_factory::ExecutorFactory;
use parent_connection::ParentConnection;

/// Runs this process as the child of an executor: creates the executor of `catalog` that the parent requests, and serves
/// calls until the parent closes it.
///
/// # Errors
/// If standard input is not the socket of a parent, or the socket fails.
pub fn serve_executor(catalog: &Catalog) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut reader = socket.try_clone()?;
    let frame = Frame::read_blocking(&mut reader)?;
    let start: Value = serde_json::from_slice(&frame.body)?;
    if frame.kind != FrameKind::Start {
        return Err(io::Error::other("the first frame is not a start frame"));
    }
    confine_files(&start);
    let context = context_from_json(start.get("context").unwrap_or(&Value::Null));
    let connection = Arc::new(ParentConnection::new(socket, context.clone()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let entered = runtime.enter();
    let created = ExecutorFactory::from_start(catalog, &start, context)
        .and_then(|factory| factory.create().map(|instance| (factory, instance)));
    let (factory, instance) = match created {
        Ok(created) => created,
        Err(error) => {
            return connection.send(&encode_json_frame(FrameKind::Failed, &failed_body(&error))?);
        }
    };
    connection.send(&encode_json_frame(FrameKind::Ready, &describe(&instance).to_json())?)?;
    connection.send_status();
    let (sender, inbox) = mpsc::channel();
    let receiver = Arc::clone(&connection);
    std::thread::Builder::new().name("frames".to_owned()).spawn(move || {
        if let Err(error) = receiver.receive_frames(&mut reader, &sender) {
            flowrun_sdk::tracing::debug!(%error, "the parent has closed the connection");
            // Includes every process that the executor started.
            let _ = kill_current_process_group(Signal::KILL);
        }
    })?;
    let result = match instance.executor {
        BoxedExecutor::Sync(executor) => dispatch::run_sequential(&connection, executor, &factory, &inbox),
        BoxedExecutor::Async(executor) => {
            dispatch::run_concurrent(&connection, &runtime, &executor.into(), &inbox)
        }
    };
    drop(entered);
    let error = result.err().map(|error| error.message().to_owned());
    connection.send(&encode_json_frame(FrameKind::Closed, &json!({"error": error}))?)?;
    runtime.shutdown_background();
    Ok(())
}

/// Confines the URIs of documents to the directories of the parent.
fn confine_files(start: &Value) {
    if let Some(roots) = start.get("confined").and_then(Value::as_array) {
        let roots: Vec<PathBuf> = roots.iter().filter_map(Value::as_str).map(PathBuf::from).collect();
        guard::restrict_files_to(&roots);
    }
}

/// Returns the body of a failed frame.
fn failed_body(error: &BuildError) -> Value {
    match error {
        BuildError::Parameter { name, reason } => json!({"parameter": name, "error": reason}),
        other => json!({"error": other.to_string()}),
    }
}

/// Returns the properties of the executor that the parent needs.
fn describe(instance: &Instance) -> Ready {
    Ready {
        endpoints: instance.endpoints.clone(),
        ranking: instance.ranking,
        batching: instance.batching.clone(),
        concurrent: matches!(instance.executor, BoxedExecutor::Async(_)),
        streams: false,
        interruptible: false,
        schema: Schema::V1,
        description: String::new(),
    }
}
