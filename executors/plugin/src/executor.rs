//! An executor of a plugin as the runtime calls it: on a thread of its own, or with several calls at once.

use std::panic::resume_unwind;
use std::sync::Arc;

use flowrun_sdk::abi::FlowrunPlugin;
use flowrun_sdk::{
    AsyncExecutor, Build, BuildError, Call, Documents, ErrorKind, Executor, ExecutorError, Instance,
    RequestParameters, async_trait,
};

use crate::call::{Ended, Given};
use crate::loaded::Loaded;
use crate::opened::Opened;

/// Makes an executor of a library that was loaded.
pub(crate) fn create(
    library: &'static Opened,
    table: &'static FlowrunPlugin,
    name: &'static str,
    build: &Build,
) -> Result<Instance, BuildError> {
    let (loaded, told) = Loaded::create(table, name, build)?;
    flowrun_sdk::tracing::debug!(library = %library.path.display(), executor = name, "created");
    let instance = match told.concurrent {
        true => Instance::new_async(Waiting(Arc::new(loaded))),
        false => Instance::new(Computing(loaded)),
    };
    Ok(Instance { endpoints: told.endpoints, ranking: told.ranking, ..instance })
}

/// Called one call after the other.
struct Computing(Loaded);

impl Executor for Computing {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let given = Given::of(call);
        let status = self.0.execute(&given);
        settle(given.ended(status, call.documents()), call)
    }

    fn close(&mut self) -> Result<(), ExecutorError> {
        close(&self.0)
    }
}

/// Called several times at once, each on a thread that may wait. A call that is given up is told so, and goes on until
/// it looks.
struct Waiting(Arc<Loaded>);

#[async_trait]
impl AsyncExecutor for Waiting {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let (given, loaded) = (Given::of(call), Arc::clone(&self.0));
        let documents = call.documents().clone();
        let ended = tokio::task::spawn_blocking(move || {
            let status = loaded.execute(&given);
            given.ended(status, &documents)
        });
        let ended = ended.await.map_err(|error| ExecutorError::new(ErrorKind::Internal, error))?;
        settle(ended, call)
    }

    async fn close(&self) -> Result<(), ExecutorError> {
        let loaded = Arc::clone(&self.0);
        let closed = tokio::task::spawn_blocking(move || close(&loaded)).await;
        closed.map_err(|error| ExecutorError::new(ErrorKind::Internal, error))?
    }
}

fn close(loaded: &Loaded) -> Result<(), ExecutorError> {
    let parameters = RequestParameters::new();
    let mut call = Call::new("", Documents::new(), &parameters);
    let given = Given::of(&call);
    let status = loaded.close(&given);
    settle(given.ended(status, &Documents::new()), &mut call)
}

/// Makes how a call ended at the plugin the outcome of the call.
fn settle(ended: Ended, call: &mut Call<'_>) -> Result<(), ExecutorError> {
    match ended {
        Ended::Well(answer) => call.merge_answer(answer),
        Ended::Failed(error) => return Err(error),
        // It goes on here, where whoever runs executors knows what a panic costs. It was logged where it happened.
        Ended::Panicked(message) => resume_unwind(Box::new(message)),
    }
    Ok(())
}
