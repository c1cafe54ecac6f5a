//! `Log`: logs one line per request and changes nothing. The runtime adds the id and endpoint of the request to the line.

use flowrun_sdk::{
    AsyncExecutor, Build, BuildError, Call, Document, ExecutorError, ExecutorType, Instance, async_trait,
    tracing,
};

use crate::no_parameters::NoParameters;

/// Executor type `Log`.
pub(crate) const TYPE: ExecutorType =
    ExecutorType::new::<NoParameters>("Log", "Logs one line per request. Requests are not changed.", create)
        .with_aliases(&["_logforward"]);

/// Largest number of document ids in a line; a few are enough to identify the request.
const IDS_MAX: usize = 3;

/// Largest number of characters of an id in a line; ids come from clients and may be long.
const ID_CHARACTERS_MAX: usize = 64;

struct Log {
    pod: String,
}

#[async_trait]
impl AsyncExecutor for Log {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let documents = call.documents();
        tracing::info!(
            pod = self.pod,
            documents = documents.len(),
            ids = ?first_ids(documents),
            bytes = documents.memory_bytes(),
            "request"
        );
        Ok(())
    }
}

/// Ids of the first documents. They are formatted with `Debug`, which escapes line breaks.
fn first_ids(documents: &[Document]) -> Vec<String> {
    let shortened = |document: &Document| document.id.chars().take(ID_CHARACTERS_MAX).collect();
    documents.iter().take(IDS_MAX).map(shortened).collect()
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new_async(Log { pod: build.context.pod.clone() }))
}
