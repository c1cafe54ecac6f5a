//! The executor that hands its calls to a child.

use std::borrow::Cow;
use std::time::Instant;

use bytes::BufMut as _;
use flowrun_sdk::{
    Answer, AsyncExecutor, BuildError, Call, ErrorKind, ExecutorError, FailedDocument, Health, Instance,
    Origin, RequestParameters, async_trait,
};
use flowrun_wire::jina::DataRequestProto;
use flowrun_wire::{Reply, ReplyFailure};
use prost::Message as _;
use serde_json::json;
use tokio::runtime::Handle;

use crate::keeper::{Keeper, gone};
use crate::recipe::Recipe;

struct Caller(Keeper);

/// Starts the child of `recipe`, and makes the executor that calls it.
///
/// # Errors
/// Why it cannot be started, or outside of tokio.
pub(crate) fn executor(recipe: Recipe, health: Health) -> Result<Instance, BuildError> {
    let outside = |_| BuildError::failed("an executor in a child process can be called within tokio alone");
    let tasks = Handle::try_current().map_err(outside)?;
    let concurrency = recipe.concurrency;
    // Its tasks belong to the flow's runtime, whichever thread makes it.
    let starting = tasks.spawn(Keeper::start(recipe, health));
    let (keeper, link) = tasks.block_on(starting).map_err(BuildError::failed)??;
    let ready = &link.ready;
    let instance = Instance {
        endpoints: ready.endpoints.clone(),
        ranking: ready.ranking,
        batching: ready.batching.clone(),
        ..Instance::new_async(Caller(keeper))
    };
    Ok(instance.with_concurrency(if ready.several { concurrency } else { 1 }))
}

#[async_trait]
impl AsyncExecutor for Caller {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let (link, seat) = self.0.seat().await?;
        call.check()?;
        let left = call.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let nanoseconds = left.map_or(u64::MAX, |left| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX));
        let message = flowrun_wire::request_message(
            call.request_id().to_owned(),
            call.endpoint(),
            &parameters(call),
            call.documents(),
            link.ready.schema,
        );
        let bytes_max = u64::try_from(call.budget().bytes_max()).unwrap_or(u64::MAX);
        let reply = link.call(seat, |bytes| {
            bytes.reserve(message.encoded_len() + 16);
            bytes.put_u64_le(nanoseconds);
            bytes.put_u64_le(bytes_max);
            // There is room for whatever it takes.
            let _ = message.encode(bytes);
        });
        let reply = reply.await.map_err(|how| gone(&how))?;
        let reply = DataRequestProto::decode(reply).map_err(|error| {
            ExecutorError::new(
                ErrorKind::Internal,
                format_args!("the executor's process answered nonsense: {error}"),
            )
        })?;
        let reply = flowrun_wire::decode_reply(reply).map_err(|failed| failed.error)?;
        call.merge_answer(answer(reply, call));
        Ok(())
    }

    async fn close(&self) -> Result<(), ExecutorError> {
        self.0.close().await
    }
}

/// The parameters of a call, and where its documents came from, if somebody is to know.
fn parameters<'a>(call: &Call<'a>) -> Cow<'a, RequestParameters> {
    if call.origins().is_empty() {
        return Cow::Borrowed(call.parameters());
    }
    let mut parameters = call.parameters().clone();
    let origin = |origin: &Origin| json!([&*origin.executor, origin.documents]);
    parameters.insert(flowrun_wire::ORIGINS.to_owned(), call.origins().iter().map(origin).collect());
    Cow::Owned(parameters)
}

/// What a reply leaves behind here.
fn answer(reply: Reply, call: &Call<'_>) -> Answer {
    let failure = |ReplyFailure { document, error, .. }: ReplyFailure| {
        let sent = call.documents().iter().find(|sent| sent.id == document);
        let label = sent.map_or_else(|| document.clone(), |sent| sent.label().to_owned());
        FailedDocument { id: document, label, error }
    };
    let failures = reply.failures.into_iter().map(failure).collect();
    Answer { documents: reply.documents, failures, results: reply.results, ..Answer::default() }
}
