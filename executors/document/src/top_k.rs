//! `TopK`: cuts lists of matches to their first few. It trusts their order; `SortMatches` makes one.

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Call, ExecutorError, ExecutorType, Instance, async_trait,
    parse_parameters,
};

flowrun_sdk::parameters! {
    /// How many matches are kept, and whose.
    pub(crate) struct TopKParameters {
        /// How many matches are kept when the request does not say; null keeps all.
        top_k: Option<usize> = None,
        /// The documents whose matches are cut.
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
            // A list that is short enough is not copied, though it may be shared.
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
