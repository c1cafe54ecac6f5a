//! `ReverseMatches`: reverses lists of matches.

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Call, ExecutorError, ExecutorType, Instance, async_trait,
    parse_parameters,
};

flowrun_sdk::parameters! {
    /// The parameters of `ReverseMatches`.
    pub(crate) struct ReverseMatchesParameters {
        /// Documents whose matches are reversed.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

/// Executor type `ReverseMatches`.
pub(crate) const TYPE: ExecutorType = ExecutorType::new::<ReverseMatchesParameters>(
    "ReverseMatches",
    "Reverses the order of the matches of each document.",
    create,
);

struct ReverseMatches(ReverseMatchesParameters);

#[async_trait]
impl AsyncExecutor for ReverseMatches {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.0.access_paths)?;
        call.for_each(&paths, |document| {
            if document.matches.len() > 1 {
                document.matches.make_mut().reverse();
            }
            Ok(())
        })
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    parse_parameters(build).map(ReverseMatches).map(Instance::new_async)
}
