//! The workers of a shard that wait more than they compute: one task, many calls under way.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{Answer, AsyncExecutor, ErrorKind, ExecutorError, Worker};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use parking_lot::Mutex;
use tokio::sync::mpsc::Receiver;

use super::call::{Ended, Station, call, panic_message};
use super::obligation::Obligation;
use super::part::{Content, Part};
use super::recipe::Recipe;
use super::route::Outlet;
use super::thread::WorkerEnd;

/// What the task needs to work.
pub(super) struct TaskWorkers {
    pub(super) replicas: Vec<Replica>,
    pub(super) concurrency: usize,
    pub(super) receiver: Receiver<Part>,
    pub(super) outlet: Arc<Outlet>,
}

/// One of the interchangeable executors.
pub(super) struct Replica {
    pub(super) station: Station,
    pub(super) executor: Mutex<Arc<dyn AsyncExecutor>>,
    pub(super) recipe: Recipe,
}

impl TaskWorkers {
    /// Works until the channel closes.
    pub(super) async fn run(self) -> WorkerEnd {
        let Self { replicas, concurrency, mut receiver, outlet } = self;
        let parts = stream::poll_fn(move |context| receiver.poll_recv(context)).enumerate();
        let under_way = concurrency * replicas.len();
        let (replicas, outlet) = (&replicas, &outlet);
        let work = |(number, part): (usize, Part)| async move {
            let Some(replica) = replicas.get(number % replicas.len()) else { return };
            let Part { obligation, content, seat } = part;
            replica.station.meter.unqueued();
            let content = match replica.station.excuse(&obligation) {
                Some(excuse) => Content { error: Some(excuse), ..content },
                None => replica.work(&obligation, content).await,
            };
            outlet.finish(obligation, content, seat);
        };
        parts.for_each_concurrent(under_way, work).await;
        WorkerEnd::Done
    }
}

impl Replica {
    /// Calls the executor with a part.
    async fn work(&self, obligation: &Obligation, mut content: Content) -> Content {
        let started = Instant::now();
        let executor = Arc::clone(&self.executor.lock());
        let documents = content.documents.take();
        let calling = AssertUnwindSafe(self.call(&*executor, obligation, documents)).catch_unwind();
        let ended = match calling.await {
            Ok(result) => Ended::Returned(result),
            Err(payload) => {
                self.renew();
                Ended::Panicked(panic_message(&*payload))
            }
        };
        self.station.conclude(obligation, content, ended, started)
    }

    /// One call, given up at the deadline.
    async fn call(
        &self,
        executor: &dyn AsyncExecutor,
        obligation: &Obligation,
        documents: flowrun_sdk::Documents,
    ) -> Result<Answer, ExecutorError> {
        let mut call = call(obligation, documents);
        match obligation.deadline {
            None => executor.execute(&mut call).await?,
            Some(deadline) => {
                let expired = |_| ExecutorError::new(ErrorKind::Expired, "the deadline passed");
                tokio::time::timeout_at(deadline.into(), executor.execute(&mut call))
                    .await
                    .map_err(expired)??;
            }
        }
        Ok(call.finish())
    }

    /// Puts a fresh executor in the place of one that panicked; the old one stays when none can be made.
    fn renew(&self) {
        if let Ok(Worker::Task(executor)) = self.recipe.make().map(|instance| instance.worker) {
            *self.executor.lock() = executor.into();
            self.station.meter.restarted();
        }
    }
}
