//! `ExcludeFields`: clears fields, so that what is no longer needed neither travels nor is stored.
//! Its mirror image is `SelectFields`.

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Call, ExecutorError, ExecutorType, Instance, async_trait,
    parse_parameters,
};

use crate::field::DocumentField;

flowrun_sdk::parameters! {
    /// What to clear, and where.
    pub(crate) struct ExcludeFieldsParameters {
        /// The fields to clear.
        fields: Vec<DocumentField>,
        /// The documents to clear them in.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

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
