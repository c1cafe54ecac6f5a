//! `SelectFields`: keeps the named fields and clears all others. Its mirror image is `ExcludeFields`.

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Call, ExecutorError, ExecutorType, Instance, async_trait,
    parse_parameters,
};

use crate::field::DocumentField;

flowrun_sdk::parameters! {
    /// What to keep, and where.
    pub(crate) struct SelectFieldsParameters {
        /// The fields to keep. A document's id, its parent's id and its place in the tree are always kept.
        fields: Vec<DocumentField>,
        /// The documents whose other fields are cleared.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<SelectFieldsParameters>(
    "SelectFields",
    "Clears all but the named fields of documents.",
    create,
);

/// Holds the fields to clear, not those to keep.
struct SelectFields {
    cleared: Vec<DocumentField>,
    access_paths: AccessPaths,
}

#[async_trait]
impl AsyncExecutor for SelectFields {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.access_paths)?;
        call.for_each(&paths, |document| {
            self.cleared.iter().for_each(|field| field.clear(document));
            Ok(())
        })
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let SelectFieldsParameters { fields: kept, access_paths } = parse_parameters(build)?;
    let cleared = DocumentField::ALL.into_iter().filter(|field| !kept.contains(field)).collect();
    Ok(Instance::new_async(SelectFields { cleared, access_paths }))
}
