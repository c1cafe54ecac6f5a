//! Where a worker's executor is, and how it gets back after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use flowrun_sdk::BoxedExecutor;

use super::meter::Meter;
use super::recipe::Recipe;
use crate::limits::RESTARTS_MAX;

/// A worker's executor, or the lack of it.
pub(super) struct Bench<E> {
    recipe: Recipe,
    /// Takes the executor out of what the recipe makes, if it is of the worker's kind.
    take: fn(BoxedExecutor) -> Option<E>,
    pub(super) state: State<E>,
}

pub(super) enum State<E> {
    Working(E),
    /// It panicked; `attempts` at making it anew have failed, the last one for this reason.
    Gone {
        attempts: u32,
        reason: String,
    },
}

impl<E> Bench<E> {
    pub(super) fn new(executor: E, recipe: Recipe, take: fn(BoxedExecutor) -> Option<E>) -> Self {
        Self { recipe, take, state: State::Working(executor) }
    }

    /// The executor, made anew if it has to be, which may block.
    pub(super) fn executor(&mut self, meter: &Meter) -> Result<&mut E, String> {
        if let State::Gone { attempts, reason } = &mut self.state {
            if *attempts >= RESTARTS_MAX {
                return Err(reason.clone());
            }
            let made = self.recipe.make().map_err(|failed| failed.error.to_string()).and_then(|instance| {
                (self.take)(instance.executor).ok_or("it came back as another kind of executor".to_owned())
            });
            match made {
                Ok(executor) => {
                    meter.restarted();
                    self.state = State::Working(executor);
                }
                Err(why) => {
                    *attempts += 1;
                    if *attempts == RESTARTS_MAX {
                        meter.broke();
                    }
                    reason.clone_from(&why);
                    return Err(why);
                }
            }
        }
        match &mut self.state {
            State::Working(executor) => Ok(executor),
            State::Gone { reason, .. } => Err(reason.clone()),
        }
    }

    /// Throws the executor away after a panic. Its destructor may panic as well.
    pub(super) fn discard(&mut self, message: &str) {
        let gone = State::Gone { attempts: 0, reason: message.to_owned() };
        let panicked = std::mem::replace(&mut self.state, gone);
        drop(catch_unwind(AssertUnwindSafe(|| drop(panicked))));
    }
}
