//! The executor that the runtime calls in the parent: it sends every call to a child process.

use std::borrow::Cow;
use std::time::Instant;

use bytes::BufMut as _;
use flowrun_sdk::{
    Answer, AsyncExecutor, BuildError, Call, DecodeBudget, ExecutorError, FailedDocument, Health, Instance,
    RequestParameters, async_trait,
};
use flowrun_wire::jina::DataRequestProto;
use flowrun_wire::{Reply, ReplyFailure};
use prost::Message as _;
use tokio::runtime::Handle;

use super::child_spec::ChildSpec;
use super::supervisor::{Supervisor, process_error};

/// Number of bytes in the body of a call before its message: the remaining time and the byte budget.
const CALL_HEADER_BYTES: usize = 16;

struct ChildExecutor(Supervisor);

/// Starts the child and creates the executor that sends it calls. Blocks until the child is ready.
///
/// # Errors
/// If the child cannot be started, is not ready within `timeout_ready`, or the thread has no Tokio runtime.
pub(crate) fn create_instance(spec: ChildSpec, health: Health) -> Result<Instance, BuildError> {
    let no_runtime = |_| BuildError::failed("an executor in a child process requires a tokio runtime");
    let runtime = Handle::try_current().map_err(no_runtime)?;
    let concurrency = spec.concurrency;
    // Spawned, so that the tasks of the child belong to the flow's runtime, whichever thread creates the executor.
    let starting = runtime.spawn(Supervisor::start(spec, health));
    let (supervisor, connection) = runtime.block_on(starting).map_err(BuildError::failed)??;
    let ready = &connection.ready;
    let instance = Instance {
        endpoints: ready.endpoints.clone(),
        ranking: ready.ranking,
        batching: ready.batching.clone(),
        ..Instance::new_async(ChildExecutor(supervisor))
    };
    Ok(instance.with_concurrency(if ready.concurrent { concurrency } else { 1 }))
}

#[async_trait]
impl AsyncExecutor for ChildExecutor {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let (connection, permit) = self.0.acquire().await?;
        call.check()?;
        let remaining = call.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let nanoseconds =
            remaining.map_or(u64::MAX, |remaining| u64::try_from(remaining.as_nanos()).unwrap_or(u64::MAX));
        let bytes_max = u64::try_from(call.budget().bytes_max()).unwrap_or(u64::MAX);
        let message = flowrun_wire::request_message(
            call.request_id().to_owned(),
            call.endpoint(),
            &child_parameters(call, connection.ready.streams),
            call.documents(),
            connection.ready.schema,
        );
        let reply = connection.call(permit, call.sink().cloned(), |bytes| {
            bytes.reserve(CALL_HEADER_BYTES + message.encoded_len());
            bytes.put_u64_le(nanoseconds);
            bytes.put_u64_le(bytes_max);
            // Cannot fail: the buffer grows.
            let _ = message.encode(bytes);
        });
        let reply = reply.await.map_err(|reason| process_error(&reason))?;
        let reply = DataRequestProto::decode(reply)
            .map_err(|error| process_error(&format!("sent an invalid reply: {error}")))?;
        let budget = DecodeBudget::new(call.budget().bytes_max());
        let reply = flowrun_wire::decode_reply_within(reply, &budget).map_err(|failed| failed.error)?;
        call.merge_answer(to_answer(reply, call));
        Ok(())
    }

    async fn close(&self) -> Result<(), ExecutorError> {
        self.0.close().await
    }
}

/// Returns the parameters of a call. The origins of its documents are added if it has any, and the flag
/// [`STREAM`](flowrun_wire::STREAM) if the child `streams` and the call has a sink for documents.
fn child_parameters<'a>(call: &Call<'a>, streams: bool) -> Cow<'a, RequestParameters> {
    flowrun_wire::parameters_for_process(call.parameters(), call.origins(), streams && call.sink().is_some())
}

/// Converts a reply to an answer. Failures get the labels of the documents that were sent.
fn to_answer(reply: Reply, call: &Call<'_>) -> Answer {
    let failure = |ReplyFailure { document, error, .. }: ReplyFailure| {
        let sent = call.documents().iter().find(|sent| sent.id == document);
        let label = sent.map_or_else(|| document.clone(), |sent| sent.label().to_owned());
        FailedDocument { id: document, label, error }
    };
    let failures = reply.failures.into_iter().map(failure).collect();
    Answer { documents: reply.documents, failures, results: reply.results, ..Answer::default() }
}
