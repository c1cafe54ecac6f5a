//! Calls of sync executors: processing of parts and batches in the caller's thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{BoxedExecutor, Executor, panic_message};

use super::batch_call::{CallSpec, combined_content, request_inputs};
use super::batcher::Batch;
use super::call_result::CallEnd;
use super::context::WorkerContext;
use super::executor_factory::ExecutorFactory;
use super::executor_slot::ExecutorSlot;
use super::exit::WorkerExit;
use crate::runtime::request::{Content, with_log_context};
use crate::runtime::routing::Part;

/// Slot of a sync executor.
pub(super) type SyncSlot = ExecutorSlot<Box<dyn Executor>>;

impl SyncSlot {
    pub(super) fn new_sync(executor: Box<dyn Executor>, factory: ExecutorFactory) -> Self {
        let unbox = |executor| match executor {
            BoxedExecutor::Sync(executor) => Some(executor),
            BoxedExecutor::Async(_) => None,
        };
        Self::new(executor, factory, unbox)
    }

    /// Processes a part: calls the executor unless the request has expired or was cancelled. Returns `None` if the
    /// watchdog has taken the part during the call.
    pub(super) fn process(&mut self, context: &WorkerContext, part: Part) -> Option<Part> {
        let mut part = match context.admit(part) {
            Ok(part) => part,
            Err(part) => return Some(part),
        };
        let started = Instant::now();
        let request = Arc::clone(&part.request.input);
        let spec = context.spec_for_request(&request);
        let input = part.content.take_input();
        let ticket = context.calls.start(&spec.label, started, Batch::single(part));
        let end = self.call(context, &spec, input);
        context.finish_single(ticket, end, started)
    }

    /// Processes a batch in one call. Returns the parts unchanged as `Err` when each is to be processed on its own.
    pub(super) fn process_batch(
        &mut self,
        context: &WorkerContext,
        parts: Vec<Part>,
    ) -> Result<Vec<Part>, Vec<Part>> {
        let requests = request_inputs(&parts);
        let Some(spec) = context.spec_for_batch(&requests) else { return Err(parts) };
        let started = Instant::now();
        let input = combined_content(&parts);
        let Some(batch) = Batch::from_parts(parts) else { return Ok(Vec::new()) };
        let ticket = context.calls.start(&spec.label, started, batch);
        let end = self.call(context, &spec, input);
        context.finish_batch(ticket, end, spec.deadline, started)
    }

    /// Calls the executor; the error is the reason why it could not be restarted.
    fn call(
        &mut self,
        context: &WorkerContext,
        spec: &CallSpec<'_>,
        input: Content,
    ) -> Result<CallEnd, String> {
        let executor = self.executor(&context.metrics)?;
        let mut call = context.build_call(spec, input);
        context.metrics.record_call_start();
        // Unwind safety: the executor, whose state a panic may have broken, is dropped below.
        let execute = || catch_unwind(AssertUnwindSafe(|| executor.execute(&mut call)));
        let result = with_log_context(context.log_context(&spec.label), execute);
        Ok(match result {
            Ok(result) => CallEnd::Returned(result.map(|()| call.into_answer())),
            Err(payload) => {
                let message = panic_message(&*payload).to_owned();
                self.discard(&message);
                CallEnd::Panicked(message)
            }
        })
    }

    /// Closes the executor, which writes the data that it holds in memory.
    pub(super) fn close(mut self) -> WorkerExit {
        match self.state.executor_to_close() {
            Ok(executor) => WorkerExit::after_close(catch_unwind(AssertUnwindSafe(|| executor.close()))),
            Err(exit) => exit,
        }
    }
}
