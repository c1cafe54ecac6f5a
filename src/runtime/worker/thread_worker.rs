//! A worker thread for a CPU-bound executor: one call at a time.

use flowrun_sdk::Executor;

use super::context::WorkerContext;
use super::executor_factory::ExecutorFactory;
use super::exit::WorkerExit;
use super::sync_slot::SyncSlot;
use super::work_queue::WorkQueue;
use crate::runtime::routing::Part;

/// State of a worker thread.
pub(in crate::runtime) struct ThreadWorker {
    pub(in crate::runtime) context: WorkerContext,
    pub(in crate::runtime) executor: Box<dyn Executor>,
    pub(in crate::runtime) factory: ExecutorFactory,
    pub(in crate::runtime) queue: WorkQueue,
}

impl ThreadWorker {
    /// Processes parts until the channel closes. `deliver` receives each result.
    pub(in crate::runtime) fn run(self, deliver: impl Fn(Part)) -> WorkerExit {
        let Self { context, executor, factory, queue } = self;
        let mut slot = SyncSlot::new_sync(executor, factory);
        while let Some(batch) = queue.next() {
            if queue.waiting.batcher.is_none() {
                context.metrics.record_dequeued();
                slot.process(&context, batch.first).into_iter().for_each(&deliver);
                continue;
            }
            let parts = context.admit_batch(batch, &deliver);
            match slot.process_batch(&context, parts) {
                Ok(parts) => parts.into_iter().for_each(&deliver),
                Err(parts) => {
                    let parts = parts.into_iter().filter_map(|part| slot.process(&context, part));
                    parts.for_each(&deliver);
                }
            }
        }
        slot.close()
    }
}
