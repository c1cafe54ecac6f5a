//! The workers of a shard that wait more than they compute: one task, many calls under way.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{Answer, AsyncExecutor, ExecutorError, Worker};
use futures_util::future::join_all;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use parking_lot::Mutex;
use tokio::sync::mpsc::Receiver;

use super::bench::{Bench, State};
use super::call::{Ended, Station, in_time, panic_message};
use super::concern::waiting;
use super::content::Content;
use super::obligation::Obligation;
use super::part::Part;
use super::recipe::Recipe;
use super::route::{Outlet, executor_name};
use super::thread::WorkerEnd;

/// What the task needs to work.
pub(super) struct TaskWorkers {
    replicas: Vec<Replica>,
    /// The replicas that have room for a call, once for each call; whoever has waited longest comes first.
    idle: Mutex<VecDeque<usize>>,
    receiver: Receiver<Part>,
    outlet: Arc<Outlet>,
}

/// One of the interchangeable executors.
pub(super) struct Replica {
    station: Station,
    bench: Arc<Mutex<Bench<Arc<dyn AsyncExecutor>>>>,
}

impl TaskWorkers {
    /// Workers of so many calls each.
    pub(super) fn new(
        replicas: Vec<Replica>,
        concurrency: usize,
        receiver: Receiver<Part>,
        outlet: Arc<Outlet>,
    ) -> Self {
        let idle = (0..concurrency).flat_map(|_| 0..replicas.len()).collect();
        Self { replicas, idle: Mutex::new(idle), receiver, outlet }
    }

    /// Works until the channel closes.
    pub(super) async fn run(self) -> WorkerEnd {
        let Self { replicas, idle, mut receiver, outlet } = self;
        let parts = stream::poll_fn(move |context| receiver.poll_recv(context));
        let under_way = idle.lock().len();
        let (workers, idle, outlet) = (&replicas, &idle, &outlet);
        let work = |Part { obligation, content, seat }: Part| async move {
            // No more calls are under way than there are places, so there is one.
            let place = idle.lock().pop_front().unwrap_or(0);
            let Some(replica) = workers.get(place) else { return };
            replica.station.meter.unqueued();
            let content = match replica.station.excuse(&obligation) {
                Some(excuse) => Content { error: Some(excuse), ..content },
                None => replica.work(&obligation, content).await,
            };
            idle.lock().push_back(place);
            outlet.finish(obligation, content, seat);
        };
        parts.for_each_concurrent(under_way, work).await;
        let closing = join_all(replicas.iter().map(Replica::close)).await;
        closing.into_iter().find(|end| *end != WorkerEnd::Done).unwrap_or(WorkerEnd::Done)
    }
}

impl Replica {
    pub(super) fn new(station: Station, executor: Box<dyn AsyncExecutor>, recipe: Recipe) -> Self {
        let take = |worker| match worker {
            Worker::Task(executor) => Some(executor.into()),
            Worker::Thread(_) => None,
        };
        Self { station, bench: Arc::new(Mutex::new(Bench::new(executor.into(), recipe, take))) }
    }

    /// Calls the executor with a part.
    async fn work(&self, obligation: &Obligation, mut content: Content) -> Content {
        let started = Instant::now();
        let executor = match self.executor().await {
            Ok(executor) => executor,
            Err(reason) => return self.station.gone(&reason),
        };
        self.station.meter.began();
        let calling = self.call(&*executor, obligation, &mut content);
        let calling = waiting(self.station.concern(obligation), calling);
        let ended = match AssertUnwindSafe(calling).catch_unwind().await {
            Ok(result) => Ended::Returned(result),
            Err(payload) => {
                let message = panic_message(&*payload);
                self.discard(&executor, &message);
                Ended::Panicked(message)
            }
        };
        self.station.conclude(obligation, content, ended, started)
    }

    async fn call(
        &self,
        executor: &dyn AsyncExecutor,
        obligation: &Obligation,
        content: &mut Content,
    ) -> Result<Answer, ExecutorError> {
        let parameters = obligation.parameters_for(executor_name(&self.station.pod));
        let mut call = self.station.call(obligation, &parameters, content);
        in_time(executor, &mut call).await?;
        Ok(call.finish())
    }

    /// The executor. One that panicked is made anew where that may block, and where others may wait for it.
    async fn executor(&self) -> Result<Arc<dyn AsyncExecutor>, String> {
        if let Some(bench) = self.bench.try_lock()
            && let State::Working(executor) = &bench.state
        {
            return Ok(Arc::clone(executor));
        }
        let (bench, meter) = (Arc::clone(&self.bench), Arc::clone(&self.station.meter));
        let remade =
            tokio::task::spawn_blocking(move || bench.lock().executor(&meter).map(|one| Arc::clone(one)));
        remade.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Lets the executor write out what it holds.
    async fn close(&self) -> WorkerEnd {
        let executor = match &self.bench.lock().state {
            State::Working(executor) => Arc::clone(executor),
            State::Gone { .. } => return WorkerEnd::Done,
        };
        match AssertUnwindSafe(executor.close()).catch_unwind().await {
            Ok(Ok(())) => WorkerEnd::Done,
            Ok(Err(error)) => WorkerEnd::CloseFailed(error),
            Err(payload) => WorkerEnd::Broken(panic_message(&*payload)),
        }
    }

    /// Throws an executor away that panicked, unless that has been done since.
    fn discard(&self, panicked: &Arc<dyn AsyncExecutor>, message: &str) {
        let mut bench = self.bench.lock();
        if matches!(&bench.state, State::Working(current) if Arc::ptr_eq(current, panicked)) {
            bench.discard(message);
        }
    }
}
