//! Holds a worker's executor, and restarts it after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use flowrun_sdk::BoxedExecutor;

use super::executor_factory::ExecutorFactory;
use super::exit::WorkerExit;
use crate::limits::RESTARTS_MAX;
use crate::runtime::metrics::PodMetrics;

/// Slot for the executor of one worker. `E` is the boxed form of a sync or async executor.
pub(super) struct ExecutorSlot<E> {
    factory: ExecutorFactory,
    /// Extracts an `E` from a newly built executor; `None` when it is of the other form.
    unbox: fn(BoxedExecutor) -> Option<E>,
    pub(super) state: SlotState<E>,
}

/// State of an executor slot.
pub(super) enum SlotState<E> {
    /// The executor.
    Ready(E),
    /// The executor panicked and was dropped.
    Empty {
        /// Restarts that failed since the panic.
        attempts: u32,
        /// Message of the panic, or error of the last restart.
        reason: String,
    },
}

impl<E> SlotState<E> {
    /// The executor that the end of the worker closes.
    ///
    /// # Errors
    /// The exit state of the worker if it has no executor.
    pub(super) fn executor_to_close(&mut self) -> Result<&mut E, WorkerExit> {
        match self {
            Self::Ready(executor) => Ok(executor),
            // The request of the panic has failed, and no request needed the executor since.
            Self::Empty { attempts: 0, .. } => Err(WorkerExit::Completed),
            Self::Empty { reason, .. } => Err(WorkerExit::Failed(reason.clone())),
        }
    }
}

impl<E> ExecutorSlot<E> {
    pub(super) fn new(executor: E, factory: ExecutorFactory, unbox: fn(BoxedExecutor) -> Option<E>) -> Self {
        Self { factory, unbox, state: SlotState::Ready(executor) }
    }

    /// The executor. Restarts it after a panic, which may block; after [`RESTARTS_MAX`] failed restarts it returns the
    /// last error.
    pub(super) fn executor(&mut self, metrics: &PodMetrics) -> Result<&mut E, String> {
        if let SlotState::Empty { attempts, reason } = &mut self.state {
            if *attempts >= RESTARTS_MAX {
                return Err(reason.clone());
            }
            let built = self.factory.build().map_err(|failure| failure.error.to_string());
            let built = built.and_then(|instance| {
                let wrong = "the restarted executor is async and was sync before, or the reverse";
                (self.unbox)(instance.executor).ok_or_else(|| wrong.to_owned())
            });
            match built {
                Ok(executor) => {
                    metrics.record_restart();
                    self.state = SlotState::Ready(executor);
                }
                Err(error) => {
                    *attempts += 1;
                    if *attempts == RESTARTS_MAX {
                        metrics.record_failed_worker();
                    }
                    reason.clone_from(&error);
                    return Err(error);
                }
            }
        }
        match &mut self.state {
            SlotState::Ready(executor) => Ok(executor),
            SlotState::Empty { reason, .. } => Err(reason.clone()),
        }
    }

    /// Drops the executor after a panic. A panic of its destructor is caught.
    pub(super) fn discard(&mut self, message: &str) {
        let empty = SlotState::Empty { attempts: 0, reason: message.to_owned() };
        let panicked = std::mem::replace(&mut self.state, empty);
        drop(catch_unwind(AssertUnwindSafe(|| drop(panicked))));
    }
}
