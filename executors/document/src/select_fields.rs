//! `SelectFields`: keeps the named fields and clears the rest. The inverse is [`ExcludeFields`](super::exclude_fields).

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Call, ExecutorError, ExecutorType, Instance, async_trait,
    parse_parameters,
};

use crate::field::DocumentField;

flowrun_sdk::parameters! {
    /// The parameters of `SelectFields`.
    pub(crate) struct SelectFieldsParameters {
        /// Fields to keep. Id, parent id and position in the tree are always kept.
        fields: Vec<DocumentField>,
        /// Documents whose other fields are cleared.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<SelectFieldsParameters>(
    "SelectFields",
    "Clears all but the named fields of documents.",
    create,
);

/// The executor. It holds the fields to clear, not the selected ones.
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
    let SelectFieldsParameters { fields: selected, access_paths } = parse_parameters(build)?;
    let cleared = DocumentField::ALL.into_iter().filter(|field| !selected.contains(field)).collect();
    Ok(Instance::new_async(SelectFields { cleared, access_paths }))
}
