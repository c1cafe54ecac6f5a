//! `Pass`: leaves everything as it is.

use flowrun_sdk::{Build, BuildError, Call, Executor, ExecutorError, ExecutorType, Instance};

use crate::no_parameters::NoParameters;

/// Jina's `_merge` belongs here because it merges the envelopes' routes alone, which we have none of.
pub(crate) const TYPE: ExecutorType =
    ExecutorType::new::<NoParameters>("Pass", "Passes every request on as it is.", create).with_aliases(&[
        "_pass",
        "_forward",
        "_route",
        "_merge",
        "BaseExecutor",
    ]);

struct Pass;

impl Executor for Pass {
    fn execute(&mut self, _: &mut Call<'_>) -> Result<(), ExecutorError> {
        Ok(())
    }
}

fn create(_: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new(Pass).inline())
}
