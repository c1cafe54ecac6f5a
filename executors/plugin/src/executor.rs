//! Executors of plugins as SDK executors, CPU-bound or async.

use std::panic::resume_unwind;
use std::sync::Arc;

use flowrun_sdk::abi::FlowrunPlugin;
use flowrun_sdk::{
    AsyncExecutor, Build, BuildError, Call, Documents, ErrorKind, Executor, ExecutorError, Instance,
    RequestParameters, async_trait,
};

use crate::library::Library;
use crate::plugin_call::{CallOutcome, PluginCall};
use crate::plugin_executor::PluginExecutor;

/// Creates the executor `name` of a loaded library, whose functions are in `table`.
///
/// # Errors
/// Those of [`PluginExecutor::create`].
pub(crate) fn create(
    library: &'static Library,
    table: &'static FlowrunPlugin,
    name: &'static str,
    build: &Build,
) -> Result<Instance, BuildError> {
    let (executor, properties) = PluginExecutor::create(table, name, build)?;
    flowrun_sdk::tracing::debug!(library = %library.path.display(), executor = name, "created");
    let instance = match properties.concurrent {
        true => Instance::new_async(ConcurrentPlugin(Arc::new(executor))),
        false => Instance::new(SequentialPlugin(executor)),
    };
    Ok(Instance { endpoints: properties.endpoints, ranking: properties.ranking, ..instance })
}

/// Receives one call at a time.
struct SequentialPlugin(PluginExecutor);

impl Executor for SequentialPlugin {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let plugin_call = PluginCall::new(call);
        let status = self.0.execute(&plugin_call);
        apply(plugin_call.into_outcome(status, call.documents()), call)
    }

    fn close(&mut self) -> Result<(), ExecutorError> {
        close(&self.0)
    }
}

/// Receives concurrent calls, each on a thread that may block. A cancelled call continues until the plugin checks.
struct ConcurrentPlugin(Arc<PluginExecutor>);

#[async_trait]
impl AsyncExecutor for ConcurrentPlugin {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let (plugin_call, executor) = (PluginCall::new(call), Arc::clone(&self.0));
        let documents = call.documents().clone();
        let outcome = tokio::task::spawn_blocking(move || {
            let status = executor.execute(&plugin_call);
            plugin_call.into_outcome(status, &documents)
        });
        let outcome = outcome.await.map_err(|error| ExecutorError::new(ErrorKind::Internal, error))?;
        apply(outcome, call)
    }

    fn is_cancellable(&self) -> bool {
        false
    }

    async fn close(&self) -> Result<(), ExecutorError> {
        let executor = Arc::clone(&self.0);
        let closed = tokio::task::spawn_blocking(move || close(&executor)).await;
        closed.map_err(|error| ExecutorError::new(ErrorKind::Internal, error))?
    }
}

fn close(executor: &PluginExecutor) -> Result<(), ExecutorError> {
    let parameters = RequestParameters::new();
    let mut call = Call::new("", Documents::new(), &parameters);
    let plugin_call = PluginCall::new(&call);
    let status = executor.close(&plugin_call);
    apply(plugin_call.into_outcome(status, &Documents::new()), &mut call)
}

/// Applies the outcome of the plugin's call to the call of the runtime.
fn apply(outcome: CallOutcome, call: &mut Call<'_>) -> Result<(), ExecutorError> {
    match outcome {
        CallOutcome::Answered(answer) => call.merge_answer(answer),
        CallOutcome::Failed(error) => return Err(error),
        // The runtime replaces executors that panic. The panic was logged where it occurred.
        CallOutcome::Panicked(message) => resume_unwind(Box::new(message)),
    }
    Ok(())
}
