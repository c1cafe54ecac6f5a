//! Runs the calls of the parent: one at a time for a CPU-bound executor, as tasks for an asynchronous one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

use flowrun_sdk::{
    AsyncExecutor, BoxedExecutor, ErrorKind, Executor, ExecutorError, Instance, panic_message,
};
use flowrun_wire::jina::DataRequestProto;
use tokio::runtime::Runtime;

use super::executor_factory::ExecutorFactory;
use super::messages::{DecodedCall, failure_message, reply_message};
use super::parent_connection::{Instruction, ParentConnection, ReceivedCall};

/// Runs calls one at a time on this thread until the parent closes the executor. After a panic the executor is created
/// again, because its state may be inconsistent.
///
/// # Errors
/// If the executor cannot be closed, or cannot be created again after a panic. The parent then starts a new process.
pub(super) fn run_sequential(
    connection: &ParentConnection,
    mut executor: Box<dyn Executor>,
    factory: &ExecutorFactory,
    inbox: &mpsc::Receiver<Instruction>,
) -> Result<(), ExecutorError> {
    while let Some(call) = connection.next_call(inbox) {
        let (reply, panicked) = execute(&mut *executor, &call);
        if panicked {
            let Ok(Instance { executor: BoxedExecutor::Sync(replacement), .. }) = factory.create() else {
                connection.send_reply(call.number, &reply);
                let message = "the executor panicked and cannot be created again";
                return Err(ExecutorError::new(ErrorKind::Internal, message));
            };
            executor = replacement;
        }
        connection.send_reply(call.number, &reply);
    }
    executor.close()
}

/// Runs one call. Returns the reply, and whether the executor panicked.
fn execute(executor: &mut dyn Executor, call: &ReceivedCall) -> (DataRequestProto, bool) {
    let decoded = match DecodedCall::decode(&call.message) {
        Ok(decoded) => decoded,
        Err(error) => return (failure_message(&error), false),
    };
    let mut sdk_call = decoded.to_call(call.deadline, call.cancellation.clone(), call.bytes_max);
    match catch_unwind(AssertUnwindSafe(|| executor.execute(&mut sdk_call))) {
        Ok(result) => (reply_message(result.map(|()| sdk_call.into_answer())), false),
        Err(panic) => {
            let message = format_args!("the executor panicked: {}", panic_message(&*panic));
            (failure_message(&ExecutorError::new(ErrorKind::Internal, message)), true)
        }
    }
}

/// Runs every call as a task until the parent closes the executor. A cancelled call is dropped at its next await point.
///
/// # Errors
/// If the executor cannot be closed.
pub(super) fn run_concurrent(
    connection: &Arc<ParentConnection>,
    runtime: &Runtime,
    executor: &Arc<dyn AsyncExecutor>,
    inbox: &mpsc::Receiver<Instruction>,
) -> Result<(), ExecutorError> {
    while let Some(call) = connection.next_call(inbox) {
        let (connection, executor) = (Arc::clone(connection), Arc::clone(executor));
        runtime.spawn(async move {
            let reply = execute_async(&*executor, &call).await;
            connection.send_reply(call.number, &reply);
        });
    }
    runtime.block_on(executor.close())
}

async fn execute_async(executor: &dyn AsyncExecutor, call: &ReceivedCall) -> DataRequestProto {
    let decoded = match DecodedCall::decode(&call.message) {
        Ok(decoded) => decoded,
        Err(error) => return failure_message(&error),
    };
    let mut sdk_call = decoded.to_call(call.deadline, call.cancellation.clone(), call.bytes_max);
    let result = tokio::select! {
        result = executor.execute(&mut sdk_call) => result,
        () = call.cancellation.cancelled() => {
            Err(ExecutorError::new(ErrorKind::Cancelled, "the request was cancelled"))
        }
    };
    reply_message(result.map(|()| sdk_call.into_answer()))
}
