//! `Log`: tells the log what passes. It reads and changes nothing; metrics are the runtime's business, and which request
//! a line concerns is said by the host.

use flowrun_sdk::{
    AsyncExecutor, Build, BuildError, Call, Document, ExecutorError, ExecutorType, Instance, async_trait,
    tracing,
};

use crate::no_parameters::NoParameters;

pub(crate) const TYPE: ExecutorType =
    ExecutorType::new::<NoParameters>("Log", "Logs a line for every request and passes it on.", create)
        .with_aliases(&["_logforward"]);

/// How many documents a line names: enough to find the request again.
const IDS_MAX: usize = 3;

/// How much of an id a line shows: ids come from clients, lines go to people.
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

/// The ids of the first documents; shown by `Debug`, which keeps a line one line.
fn first_ids(documents: &[Document]) -> Vec<String> {
    let shortened = |document: &Document| document.id.chars().take(ID_CHARACTERS_MAX).collect();
    documents.iter().take(IDS_MAX).map(shortened).collect()
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new_async(Log { pod: build.context.pod.clone() }))
}
