//! `Clear`: removes the documents of a request. The request continues and is answered.

use flowrun_sdk::{
    Answer, AsyncExecutor, Build, BuildError, Call, ExecutorError, ExecutorType, Instance, async_trait,
};

use crate::no_parameters::NoParameters;

pub(crate) const TYPE: ExecutorType =
    ExecutorType::new::<NoParameters>("Clear", "Removes all documents of a request.", create)
        .with_aliases(&["_clear"]);

struct Clear;

#[async_trait]
impl AsyncExecutor for Clear {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        // An empty answer replaces the documents. Clearing the list would copy it first if it is shared.
        call.merge_answer(Answer::default());
        Ok(())
    }
}

fn create(_: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new_async(Clear))
}
