//! The task that calls the async replicas of one shard, with many calls in progress.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{AsyncExecutor, BoxedExecutor, panic_message};
use futures_util::future::join_all;
use futures_util::{FutureExt as _, StreamExt as _};
use parking_lot::Mutex;
use tokio::sync::mpsc::Receiver;

use super::batch_call::{CallSpec, combined_content, request_inputs};
use super::batcher::Batch;
use super::call_result::CallEnd;
use super::call_timeout::execute_with_deadline;
use super::context::WorkerContext;
use super::executor_factory::ExecutorFactory;
use super::executor_slot::{ExecutorSlot, SlotState};
use super::exit::WorkerExit;
use super::work_queue::{WaitingParts, batch_stream};
use crate::runtime::request::{Content, poll_with_log_context};
use crate::runtime::routing::Part;

/// Replicas and queue of one shard.
pub(in crate::runtime) struct TaskWorker {
    replicas: Vec<TaskReplica>,
    /// Free call slots, as positions in `replicas`; the slot that has been free for longest comes first.
    idle: Mutex<VecDeque<usize>>,
    tokens: Receiver<()>,
    waiting: WaitingParts,
}

/// One replica.
pub(in crate::runtime) struct TaskReplica {
    context: WorkerContext,
    slot: Arc<Mutex<ExecutorSlot<Arc<dyn AsyncExecutor>>>>,
}

impl TaskWorker {
    /// Each replica has at most `concurrency` calls in progress.
    pub(in crate::runtime) fn new(
        replicas: Vec<TaskReplica>,
        concurrency: usize,
        tokens: Receiver<()>,
        waiting: WaitingParts,
    ) -> Self {
        let idle = (0..concurrency).flat_map(|_| 0..replicas.len()).collect();
        Self { replicas, idle: Mutex::new(idle), tokens, waiting }
    }

    /// Processes parts until the channel closes. `deliver` receives each result.
    pub(in crate::runtime) async fn run(self, deliver: impl Fn(Part) + Send + Sync) -> WorkerExit {
        let Self { replicas, idle, tokens, waiting } = self;
        let batches = batch_stream(tokens, waiting);
        let calls_max = idle.lock().len();
        let (workers, idle, deliver) = (&replicas, &idle, &deliver);
        let process = |batch: Batch| async move {
            // At most as many batches are processed at once as there are call slots, so one is free.
            let position = idle.lock().pop_front().unwrap_or(0);
            let Some(replica) = workers.get(position) else { return };
            let parts = replica.context.admit_batch(batch, deliver);
            match replica.process_batch(parts).await {
                Ok(parts) => {
                    idle.lock().push_back(position);
                    parts.into_iter().for_each(deliver);
                }
                Err(parts) => {
                    let mut parts = parts.into_iter();
                    let last = parts.next_back();
                    for part in parts {
                        replica.process(part).await.into_iter().for_each(deliver);
                    }
                    let last = match last {
                        Some(last) => replica.process(last).await,
                        None => None,
                    };
                    // The slot is free before the last result is visible, so a next request finds it.
                    idle.lock().push_back(position);
                    last.into_iter().for_each(deliver);
                }
            }
        };
        batches.for_each_concurrent(calls_max, process).await;
        let exits = join_all(replicas.iter().map(TaskReplica::close)).await;
        exits.into_iter().find(|exit| *exit != WorkerExit::Completed).unwrap_or(WorkerExit::Completed)
    }
}

impl TaskReplica {
    pub(in crate::runtime) fn new(
        context: WorkerContext,
        executor: Box<dyn AsyncExecutor>,
        factory: ExecutorFactory,
    ) -> Self {
        let unbox = |executor| match executor {
            BoxedExecutor::Async(executor) => Some(executor.into()),
            BoxedExecutor::Sync(_) => None,
        };
        Self { context, slot: Arc::new(Mutex::new(ExecutorSlot::new(executor.into(), factory, unbox))) }
    }

    /// Processes a part: calls the executor unless the request has expired or was cancelled. Returns `None` if the
    /// watchdog has taken the part during the call.
    async fn process(&self, part: Part) -> Option<Part> {
        let mut part = match self.context.admit(part) {
            Ok(part) => part,
            Err(part) => return Some(part),
        };
        let started = Instant::now();
        let request = Arc::clone(&part.request.input);
        let spec = self.context.spec_for_request(&request);
        let input = part.content.take_input();
        let ticket = self.context.calls.start(&spec.label, started, Batch::single(part));
        let end = self.call(&spec, input).await;
        self.context.finish_single(ticket, end, started)
    }

    /// Processes a batch in one call. Returns the parts unchanged as `Err` when each is to be processed on its own.
    async fn process_batch(&self, parts: Vec<Part>) -> Result<Vec<Part>, Vec<Part>> {
        let requests = request_inputs(&parts);
        let Some(spec) = self.context.spec_for_batch(&requests) else { return Err(parts) };
        let started = Instant::now();
        let input = combined_content(&parts);
        let Some(batch) = Batch::from_parts(parts) else { return Ok(Vec::new()) };
        let ticket = self.context.calls.start(&spec.label, started, batch);
        let end = self.call(&spec, input).await;
        self.context.finish_batch(ticket, end, spec.deadline, started)
    }

    /// Calls the executor; the error is the reason why it could not be restarted.
    async fn call(&self, spec: &CallSpec<'_>, input: Content) -> Result<CallEnd, String> {
        let executor = self.executor().await?;
        self.context.metrics.record_call_start();
        let executing = async {
            let mut call = self.context.build_call(spec, input);
            execute_with_deadline(&*executor, &mut call).await?;
            Ok(call.into_answer())
        };
        let executing = poll_with_log_context(self.context.log_context(&spec.label), executing);
        Ok(match AssertUnwindSafe(executing).catch_unwind().await {
            Ok(result) => CallEnd::Returned(result),
            Err(payload) => {
                let message = panic_message(&*payload).to_owned();
                self.discard(&executor, &message);
                CallEnd::Panicked(message)
            }
        })
    }

    /// The executor. Restarts it after a panic on a thread that may block; concurrent calls wait for the restart.
    async fn executor(&self) -> Result<Arc<dyn AsyncExecutor>, String> {
        if let Some(slot) = self.slot.try_lock()
            && let SlotState::Ready(executor) = &slot.state
        {
            return Ok(Arc::clone(executor));
        }
        let (slot, metrics) = (Arc::clone(&self.slot), Arc::clone(&self.context.metrics));
        let restart = move || slot.lock().executor(&metrics).map(|executor| Arc::clone(executor));
        tokio::task::spawn_blocking(restart).await.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Closes the executor, which writes the data that it holds in memory.
    async fn close(&self) -> WorkerExit {
        let executor = self.slot.lock().state.executor_to_close().map(|executor| Arc::clone(executor));
        match executor {
            Ok(executor) => WorkerExit::after_close(AssertUnwindSafe(executor.close()).catch_unwind().await),
            Err(exit) => exit,
        }
    }

    /// Drops an executor that panicked, unless another call has already replaced it.
    fn discard(&self, panicked: &Arc<dyn AsyncExecutor>, message: &str) {
        let mut slot = self.slot.lock();
        if matches!(&slot.state, SlotState::Ready(current) if Arc::ptr_eq(current, panicked)) {
            slot.discard(message);
        }
    }
}
