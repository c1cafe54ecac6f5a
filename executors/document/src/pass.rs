//! `Pass`: changes nothing.

use flowrun_sdk::{Build, BuildError, Call, Executor, ExecutorError, ExecutorType, Instance};

use crate::no_parameters::NoParameters;

/// Jina's `_merge` is an alias because it only merges the routes of envelopes, which do not exist here.
pub(crate) const TYPE: ExecutorType =
    ExecutorType::new::<NoParameters>("Pass", "Leaves every request unchanged.", create).with_aliases(&[
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
