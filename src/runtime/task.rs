//! The workers of a shard that wait more than they compute: one task, many calls under way.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{AsyncExecutor, BoxedExecutor};
use futures_util::future::join_all;
use futures_util::{FutureExt as _, StreamExt as _};
use parking_lot::Mutex;
use tokio::sync::mpsc::Receiver;

use super::bench::{Bench, State};
use super::call::{Ended, Station, in_time, panic_message};
use super::content::Content;
use super::intake;
use super::joint::{self, Errand};
use super::lobby::{Batch, Lobby};
use super::log_context::waiting;
use super::part::Part;
use super::recipe::Recipe;
use super::route::{Outlet, executor_name};
use super::thread::WorkerExit;

/// What the task needs to work.
pub(super) struct TaskWorkers {
    replicas: Vec<Replica>,
    /// The replicas that have room for a call, once for each call; whoever has waited longest comes first.
    idle: Mutex<VecDeque<usize>>,
    receiver: Receiver<Part>,
    /// Where parts wait for others, if they do.
    lobby: Option<Lobby>,
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
        lobby: Option<Lobby>,
        outlet: Arc<Outlet>,
    ) -> Self {
        let idle = (0..concurrency).flat_map(|_| 0..replicas.len()).collect();
        Self { replicas, idle: Mutex::new(idle), receiver, lobby, outlet }
    }

    /// Works until the channel closes.
    pub(super) async fn run(self) -> WorkerExit {
        let Self { replicas, idle, receiver, lobby, outlet } = self;
        let batches = intake::work(receiver, lobby);
        let under_way = idle.lock().len();
        let (workers, idle, outlet) = (&replicas, &idle, &outlet);
        let work = |batch: Batch| async move {
            // No more calls are under way than there are places, so there is one.
            let place = idle.lock().pop_front().unwrap_or(0);
            let Some(replica) = workers.get(place) else { return };
            let parts = replica.station.take(batch, outlet);
            match replica.several(parts).await {
                Ok(parts) => {
                    idle.lock().push_back(place);
                    parts.into_iter().for_each(|part| outlet.take(part));
                }
                Err(parts) => {
                    let mut parts = parts.into_iter();
                    let last = parts.next_back();
                    for part in parts {
                        outlet.take(replica.work(part).await);
                    }
                    let last = match last {
                        Some(last) => Some(replica.work(last).await),
                        None => None,
                    };
                    // Whoever learns of the last answer may count on the place.
                    idle.lock().push_back(place);
                    last.into_iter().for_each(|part| outlet.take(part));
                }
            }
        };
        batches.for_each_concurrent(under_way, work).await;
        let closing = join_all(replicas.iter().map(Replica::close)).await;
        closing.into_iter().find(|end| *end != WorkerExit::Done).unwrap_or(WorkerExit::Done)
    }
}

impl Replica {
    pub(super) fn new(station: Station, executor: Box<dyn AsyncExecutor>, recipe: Recipe) -> Self {
        let take = |worker| match worker {
            BoxedExecutor::Async(executor) => Some(executor.into()),
            BoxedExecutor::Sync(_) => None,
        };
        Self { station, bench: Arc::new(Mutex::new(Bench::new(executor.into(), recipe, take))) }
    }

    /// What a part becomes: calls the executor, unless nobody waits for the request any more.
    async fn work(&self, part: Part) -> Part {
        let mut part = match self.station.worthwhile(part) {
            Ok(part) => part,
            Err(part) => return part,
        };
        let started = Instant::now();
        let errand = Errand::of(&part.request, executor_name(&self.station.pod));
        let ended = self.call(&errand, &mut part.content).await;
        let content = match ended {
            Ok(ended) => self.station.conclude(&part.request, part.content, ended, started),
            Err(reason) => self.station.gone(&reason),
        };
        Part { content, ..part }
    }

    /// What several parts become that are called at once; they come back when each is to be called by itself.
    async fn several(&self, parts: Vec<Part>) -> Result<Vec<Part>, Vec<Part>> {
        let [first, others @ ..] = &*parts else { return Err(parts) };
        if others.is_empty() {
            return Err(parts);
        }
        let started = Instant::now();
        let errand = Errand::of_all(first, others, executor_name(&self.station.pod));
        let ended = self.call(&errand, &mut joint::content(&parts)).await;
        let deadline = errand.deadline;
        match ended {
            Ok(ended) => self.station.conclude_batch(parts, ended, deadline, started),
            Err(_) => Err(parts),
        }
    }

    /// Calls the executor; an error when there is none, and why.
    async fn call(&self, errand: &Errand<'_>, content: &mut Content) -> Result<Ended, String> {
        let executor = self.executor().await?;
        self.station.meter.began();
        let calling = async {
            let mut call = self.station.call(errand, content);
            in_time(&*executor, &mut call).await?;
            Ok(call.into_answer())
        };
        let calling = waiting(self.station.concern(&errand.named), calling);
        Ok(match AssertUnwindSafe(calling).catch_unwind().await {
            Ok(result) => Ended::Returned(result),
            Err(payload) => {
                let message = panic_message(&*payload);
                self.discard(&executor, &message);
                Ended::Panicked(message)
            }
        })
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
    async fn close(&self) -> WorkerExit {
        let executor = match &self.bench.lock().state {
            State::Working(executor) => Arc::clone(executor),
            State::Gone { .. } => return WorkerExit::Done,
        };
        match AssertUnwindSafe(executor.close()).catch_unwind().await {
            Ok(Ok(())) => WorkerExit::Done,
            Ok(Err(error)) => WorkerExit::CloseFailed(error),
            Err(payload) => WorkerExit::Broken(panic_message(&*payload)),
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
