//! `Pass`: leaves everything as it is.

use flowrun_sdk::{
    AsyncExecutor, Build, BuildError, Call, ExecutorError, ExecutorType, Instance, async_trait,
};

use crate::no_parameters::NoParameters;

/// Jina's `_merge` belongs here because it merges the envelopes' routes alone, which we have none of.
pub(crate) const TYPE: ExecutorType =
    ExecutorType::new::<NoParameters>("Pass", "Passes every request on as it is.", create).also(&[
        "_pass",
        "_forward",
        "_route",
        "_merge",
        "BaseExecutor",
    ]);

/// A task, because going to another thread and back would cost more than what there is to do.
struct Pass;

#[async_trait]
impl AsyncExecutor for Pass {
    async fn execute(&self, _: &mut Call<'_>) -> Result<(), ExecutorError> {
        Ok(())
    }
}

fn create(_: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::task(Pass))
}
