//! A worker that computes: a thread of its own, one call at a time, its executor made anew after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Receiver;
use flowrun_sdk::{ErrorKind, Executor, ExecutorError, Worker};

use super::call::{Ended, Station, call, panic_message};
use super::part::{Content, Part};
use super::recipe::Recipe;
use super::request::RequestError;
use super::route::Outlet;
use crate::limits::RESTARTS_MAX;

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
        let mut bench = Bench { recipe, state: State::Working(executor) };
        for Part { obligation, content, seat } in receiver {
            station.meter.unqueued();
            let content = match station.excuse(&obligation) {
                Some(excuse) => Content { error: Some(excuse), ..content },
                None => bench.work(&station, &obligation, content),
            };
            outlet.finish(obligation, content, seat);
        }
        bench.close()
    }
}

/// Where the executor is, and how it gets back after a panic.
struct Bench {
    recipe: Recipe,
    state: State,
}

enum State {
    Working(Box<dyn Executor>),
    /// It panicked; `attempts` at making it anew have failed, the last one for this reason.
    Gone {
        attempts: u32,
        reason: String,
    },
}

impl Bench {
    /// Calls the executor with a part.
    fn work(
        &mut self,
        station: &Station,
        obligation: &super::obligation::Obligation,
        mut content: Content,
    ) -> Content {
        let started = Instant::now();
        let executor = match self.executor(station) {
            Ok(executor) => executor,
            Err(reason) => {
                let message = format!("the executor panicked and cannot be made anew: {reason}");
                let error = ExecutorError::new(ErrorKind::Internal, message);
                return Content::failed(RequestError::in_pod(&station.pod, error));
            }
        };
        let mut call = call(obligation, content.documents.take());
        // Whatever state a panic leaves behind is thrown away with the executor.
        let result = catch_unwind(AssertUnwindSafe(|| executor.execute(&mut call)));
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

    /// The executor, made anew if it has to be.
    fn executor(&mut self, station: &Station) -> Result<&mut dyn Executor, String> {
        if let State::Gone { attempts, reason } = &mut self.state {
            if *attempts >= RESTARTS_MAX {
                return Err(reason.clone());
            }
            match self.recipe.make().map(|instance| instance.worker) {
                Ok(Worker::Thread(executor)) => {
                    station.meter.restarted();
                    self.state = State::Working(executor);
                }
                Ok(Worker::Task(_)) => return Err("it came back as another kind of executor".to_owned()),
                Err(failed) => {
                    *attempts += 1;
                    *reason = failed.error.to_string();
                    return Err(reason.clone());
                }
            }
        }
        match &mut self.state {
            State::Working(executor) => Ok(&mut **executor),
            State::Gone { reason, .. } => Err(reason.clone()),
        }
    }

    /// Throws the executor away after a panic.
    fn discard(&mut self, message: &str) {
        let gone = State::Gone { attempts: 0, reason: message.to_owned() };
        let panicked = std::mem::replace(&mut self.state, gone);
        // Its destructor may panic as well.
        drop(catch_unwind(AssertUnwindSafe(|| drop(panicked))));
    }

    fn close(self) -> WorkerEnd {
        match self.state {
            State::Working(mut executor) => match catch_unwind(AssertUnwindSafe(|| executor.close())) {
                Ok(Ok(())) => WorkerEnd::Done,
                Ok(Err(error)) => WorkerEnd::CloseFailed(error),
                Err(payload) => WorkerEnd::Broken(panic_message(&*payload)),
            },
            State::Gone { reason, .. } => WorkerEnd::Broken(reason),
        }
    }
}
