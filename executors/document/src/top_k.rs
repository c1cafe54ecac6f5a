//! `TopK`: truncates lists of matches. It does not sort; [`SortMatches`](super::sort_matches) does.

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Call, ExecutorError, ExecutorType, Instance, async_trait,
    parse_parameters,
};

flowrun_sdk::parameters! {
    /// The parameters of `TopK`.
    pub(crate) struct TopKParameters {
        /// Default number of matches; null for all. The request's `top_k` overrides it.
        top_k: Option<usize> = None,
        /// Documents whose matches are truncated.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

pub(crate) const TYPE: ExecutorType =
    ExecutorType::new::<TopKParameters>("TopK", "Keeps the first matches of each document.", create);

struct TopK(TopKParameters);

#[async_trait]
impl AsyncExecutor for TopK {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let top_k = call.top_k(self.0.top_k.unwrap_or(usize::MAX))?;
        let paths = call.access_paths(&self.0.access_paths)?;
        call.for_each(&paths, |document| {
            // A list that is short enough may be shared and is not copied.
            if document.matches.len() > top_k {
                document.matches.make_mut().truncate(top_k);
            }
            Ok(())
        })
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    parse_parameters(build).map(TopK).map(Instance::new_async)
}
