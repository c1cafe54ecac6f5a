//! A worker that computes: a thread of its own, one call at a time, its executor made anew after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{Documents, Executor, ExecutorError, Worker};

use super::bench::{Bench, State};
use super::call::{Ended, Station, panic_message};
use super::concern::within;
use super::intake::Intake;
use super::joint::{self, Errand};
use super::lobby::Batch;
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
pub enum WorkerEnd {
    /// Its input ended and its executor closed well.
    Done,
    /// Its executor could not write out what it held.
    CloseFailed(ExecutorError),
    /// Its executor panicked and could not be made anew; it answered what came with the reason.
    Broken(String),
}

impl ThreadWorker {
    /// Works until the channel closes.
    pub(super) fn run(self) -> WorkerEnd {
        let Self { station, executor, recipe, intake, outlet } = self;
        let take = |worker| match worker {
            Worker::Thread(executor) => Some(executor),
            Worker::Task(_) => None,
        };
        let mut bench = Bench::new(executor, recipe, take);
        while let Some(Batch { first, others }) = intake.next() {
            if others.is_empty() {
                if let Some(part) = station.take(first, &outlet) {
                    station.formed(std::slice::from_ref(&part));
                    outlet.take(bench.single(&station, part));
                }
                continue;
            }
            let parts = std::iter::once(first).chain(others);
            let parts: Vec<Part> = parts.filter_map(|part| station.take(part, &outlet)).collect();
            station.formed(&parts);
            match bench.several(&station, parts) {
                Ok(parts) => parts.into_iter().for_each(|part| outlet.take(part)),
                Err(parts) => {
                    for part in parts.into_iter().filter_map(|part| station.worthwhile(part, &outlet)) {
                        outlet.take(bench.single(&station, part));
                    }
                }
            }
        }
        bench.close()
    }
}

impl Bench<Box<dyn Executor>> {
    /// Calls the executor with a part by itself.
    fn single(&mut self, station: &Station, mut part: Part) -> Part {
        let started = Instant::now();
        let errand = Errand::of(&part.obligation, executor_name(&station.pod));
        let ended = self.call(station, &errand, part.content.documents.take());
        let content = match ended {
            Ok(ended) => station.conclude(&part.obligation, part.content, ended, started),
            Err(reason) => station.gone(&reason),
        };
        Part { content, ..part }
    }

    /// Calls the executor with several parts at once; gives them back when they are to be called by themselves.
    fn several(&mut self, station: &Station, parts: Vec<Part>) -> Result<Vec<Part>, Vec<Part>> {
        let started = Instant::now();
        let [first, others @ ..] = &*parts else { return Err(parts) };
        if others.is_empty() {
            return Err(parts);
        }
        let errand = Errand::of_all(first, others, executor_name(&station.pod));
        let ended = self.call(station, &errand, joint::documents(&parts));
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
        documents: Documents,
    ) -> Result<Ended, String> {
        let executor = self.executor(&station.meter)?;
        let mut call = station.call(errand, documents);
        // Whatever state a panic leaves behind is thrown away with the executor.
        station.meter.began();
        let act = || catch_unwind(AssertUnwindSafe(|| executor.execute(&mut call)));
        let result = within(station.concern(&errand.named), act);
        Ok(match result {
            Ok(result) => Ended::Returned(result.map(|()| call.finish())),
            Err(payload) => {
                let message = panic_message(&*payload);
                self.discard(&message);
                Ended::Panicked(message)
            }
        })
    }

    fn close(self) -> WorkerEnd {
        match self.state {
            State::Working(mut executor) => match catch_unwind(AssertUnwindSafe(|| executor.close())) {
                Ok(Ok(())) => WorkerEnd::Done,
                Ok(Err(error)) => WorkerEnd::CloseFailed(error),
                Err(payload) => WorkerEnd::Broken(panic_message(&*payload)),
            },
            // The request that it panicked in has failed; nobody needed it after that.
            State::Gone { attempts: 0, .. } => WorkerEnd::Done,
            State::Gone { reason, .. } => WorkerEnd::Broken(reason),
        }
    }
}
