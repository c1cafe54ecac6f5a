//! A worker that computes: a thread of its own, one call at a time, its executor made anew after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Receiver;
use flowrun_sdk::{Executor, ExecutorError, Worker};

use super::bench::{Bench, State};
use super::call::{Ended, Station, panic_message};
use super::concern::within;
use super::content::Content;
use super::obligation::Obligation;
use super::part::Part;
use super::recipe::Recipe;
use super::route::{Outlet, executor_name};

/// What a thread needs to work.
pub(super) struct ThreadWorker {
    pub(super) station: Station,
    pub(super) executor: Box<dyn Executor>,
    pub(super) recipe: Recipe,
    pub(super) receiver: Receiver<Part>,
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
        let Self { station, executor, recipe, receiver, outlet } = self;
        let mut bench = Bench::computing(executor, recipe);
        for Part { obligation, content, seat } in receiver {
            station.meter.unqueued();
            let content = bench.work(&station, &obligation, content);
            outlet.finish(obligation, content, seat);
        }
        bench.close()
    }
}

impl Bench<Box<dyn Executor>> {
    /// One for an executor that computes.
    pub(super) fn computing(executor: Box<dyn Executor>, recipe: Recipe) -> Self {
        let take = |worker| match worker {
            Worker::Thread(executor) => Some(executor),
            Worker::Task(_) => None,
        };
        Self::new(executor, recipe, take)
    }

    /// What a part becomes: calls the executor, unless nobody waits for the request any more.
    pub(super) fn work(&mut self, station: &Station, obligation: &Obligation, content: Content) -> Content {
        match station.excuse(obligation) {
            Some(excuse) => Content { error: Some(excuse), ..content },
            None => self.call(station, obligation, content),
        }
    }

    fn call(&mut self, station: &Station, obligation: &Obligation, mut content: Content) -> Content {
        let started = Instant::now();
        let executor = match self.executor(&station.meter) {
            Ok(executor) => executor,
            Err(reason) => return station.gone(&reason),
        };
        let parameters = obligation.parameters_for(executor_name(&station.pod));
        let mut call = station.call(obligation, &parameters, &mut content);
        // Whatever state a panic leaves behind is thrown away with the executor.
        station.meter.began();
        let act = || catch_unwind(AssertUnwindSafe(|| executor.execute(&mut call)));
        let result = within(station.concern(obligation), act);
        let ended = match result {
            Ok(result) => Ended::Returned(result.map(|()| call.finish())),
            Err(payload) => {
                let message = panic_message(&*payload);
                self.discard(&message);
                Ended::Panicked(message)
            }
        };
        station.conclude(obligation, content, ended, started)
    }

    /// Lets the executor write out what it holds.
    pub(super) fn close(self) -> WorkerEnd {
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
