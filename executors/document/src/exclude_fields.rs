//! `ExcludeFields`: clears fields that later pods do not need, to save bandwidth and storage. The inverse is
//! [`SelectFields`](super::select_fields).

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Call, ExecutorError, ExecutorType, Instance, async_trait,
    parse_parameters,
};

use crate::field::DocumentField;

flowrun_sdk::parameters! {
    /// The parameters of `ExcludeFields`.
    pub(crate) struct ExcludeFieldsParameters {
        /// Fields to clear.
        fields: Vec<DocumentField>,
        /// Documents whose fields are cleared.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

/// Executor type `ExcludeFields`.
pub(crate) const TYPE: ExecutorType = ExecutorType::new::<ExcludeFieldsParameters>(
    "ExcludeFields",
    "Clears the named fields of documents.",
    create,
);

struct ExcludeFields(ExcludeFieldsParameters);

#[async_trait]
impl AsyncExecutor for ExcludeFields {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.0.access_paths)?;
        call.for_each(&paths, |document| {
            self.0.fields.iter().for_each(|field| field.clear(document));
            Ok(())
        })
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    parse_parameters(build).map(ExcludeFields).map(Instance::new_async)
}
