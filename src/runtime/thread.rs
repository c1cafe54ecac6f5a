//! A worker that computes: a thread of its own, one call at a time, its executor made anew after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{BoxedExecutor, Executor, ExecutorError};

use super::bench::{Bench, State};
use super::call::{Ended, Station, panic_message};
use super::content::Content;
use super::intake::Intake;
use super::joint::{self, Errand};
use super::log_context::with_log_context;
use super::part::Part;
use super::recipe::Recipe;
use super::route::{Outlet, executor_name};

/// What a thread needs to work.
pub(super) struct ThreadWorker {
    pub(super) station: Station,
    pub(super) executor: Box<dyn Executor>,
    pub(super) recipe: Recipe,
    pub(super) intake: Intake,
    pub(super) outlet: Arc<Outlet>,
}

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerExit {
    /// Its input ended and its executor closed well.
    Done,
    /// Its executor could not write out what it held.
    CloseFailed(ExecutorError),
    /// Its executor panicked and could not be made anew; it answered what came with the reason.
    Broken(String),
}

impl ThreadWorker {
    /// Works until the channel closes.
    pub(super) fn run(self) -> WorkerExit {
        let Self { station, executor, recipe, intake, outlet } = self;
        let mut bench = Bench::computing(executor, recipe);
        while let Some(batch) = intake.next() {
            let parts = match intake.lobby {
                Some(_) => bench.several(&station, station.take(batch, &outlet)),
                None => {
                    station.meter.unqueued();
                    outlet.take(bench.work(&station, batch.first));
                    continue;
                }
            };
            match parts {
                Ok(parts) => parts.into_iter().for_each(|part| outlet.take(part)),
                Err(parts) => parts.into_iter().for_each(|part| outlet.take(bench.work(&station, part))),
            }
        }
        bench.close()
    }
}

impl Bench<Box<dyn Executor>> {
    /// One for an executor that computes.
    pub(super) fn computing(executor: Box<dyn Executor>, recipe: Recipe) -> Self {
        let take = |worker| match worker {
            BoxedExecutor::Sync(executor) => Some(executor),
            BoxedExecutor::Async(_) => None,
        };
        Self::new(executor, recipe, take)
    }

    /// What a part becomes: calls the executor, unless nobody waits for the request any more.
    pub(super) fn work(&mut self, station: &Station, part: Part) -> Part {
        let mut part = match station.worthwhile(part) {
            Ok(part) => part,
            Err(part) => return part,
        };
        let started = Instant::now();
        let errand = Errand::of(&part.request, executor_name(&station.pod));
        let ended = self.call(station, &errand, &mut part.content);
        let content = match ended {
            Ok(ended) => station.conclude(&part.request, part.content, ended, started),
            Err(reason) => station.gone(&reason),
        };
        Part { content, ..part }
    }

    /// What several parts become that are called at once; they come back when each is to be called by itself.
    fn several(&mut self, station: &Station, parts: Vec<Part>) -> Result<Vec<Part>, Vec<Part>> {
        let [first, others @ ..] = &*parts else { return Err(parts) };
        if others.is_empty() {
            return Err(parts);
        }
        let started = Instant::now();
        let errand = Errand::of_all(first, others, executor_name(&station.pod));
        let ended = self.call(station, &errand, &mut joint::content(&parts));
        let deadline = errand.deadline;
        match ended {
            Ok(ended) => station.conclude_batch(parts, ended, deadline, started),
            Err(_) => Err(parts),
        }
    }

    /// Calls the executor; an error when there is none, and why.
    fn call(
        &mut self,
        station: &Station,
        errand: &Errand<'_>,
        content: &mut Content,
    ) -> Result<Ended, String> {
        let executor = self.executor(&station.meter)?;
        let mut call = station.call(errand, content);
        // Whatever state a panic leaves behind is thrown away with the executor.
        station.meter.began();
        let act = || catch_unwind(AssertUnwindSafe(|| executor.execute(&mut call)));
        let result = with_log_context(station.concern(&errand.named), act);
        Ok(match result {
            Ok(result) => Ended::Returned(result.map(|()| call.into_answer())),
            Err(payload) => {
                let message = panic_message(&*payload);
                self.discard(&message);
                Ended::Panicked(message)
            }
        })
    }

    /// Lets the executor write out what it holds.
    pub(super) fn close(self) -> WorkerExit {
        match self.state {
            State::Working(mut executor) => match catch_unwind(AssertUnwindSafe(|| executor.close())) {
                Ok(Ok(())) => WorkerExit::Done,
                Ok(Err(error)) => WorkerExit::CloseFailed(error),
                Err(payload) => WorkerExit::Broken(panic_message(&*payload)),
            },
            // The request that it panicked in has failed; nobody needed it after that.
            State::Gone { attempts: 0, .. } => WorkerExit::Done,
            State::Gone { reason, .. } => WorkerExit::Broken(reason),
        }
    }
}
