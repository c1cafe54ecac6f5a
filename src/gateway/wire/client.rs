//! The other side of the conversation: a request as a message, and a reply read. Documents go in docarray's first
//! schema.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::FailedDocument;
use flowrun_wire::{Reply, ReplyFailure, Schema};

use super::jina::DataRequestProto;
use super::request::PARAMETER_TIMEOUT;
use crate::runtime::{DocumentFailure, Request, RequestError, Response};

/// The message that asks this of all executors, under that id. A deadline goes as the seconds that are left.
pub(crate) fn encode_request(id: String, request: &Request) -> DataRequestProto {
    let mut parameters = Cow::Borrowed(&request.parameters);
    if let Some(deadline) = request.deadline {
        let left = deadline.saturating_duration_since(Instant::now()).as_secs_f64();
        parameters.to_mut().insert(PARAMETER_TIMEOUT.to_owned(), left.into());
    }
    flowrun_wire::request_message(id, &request.endpoint, &parameters, &request.documents, Schema::V1)
}

/// Whether a reply says that the request went through.
///
/// # Errors
/// The failure of the request.
pub(crate) fn check_status(message: &DataRequestProto) -> Result<(), RequestError> {
    flowrun_wire::check_reply_status(message).map_err(failed)
}

/// What a reply says; of a failed request, the class of the executor stands for its pod.
///
/// # Errors
/// The failure of the request, or what is wrong with a message that is no reply.
pub(crate) fn decode_reply(message: DataRequestProto) -> Result<Response, RequestError> {
    let Reply { documents, failures, results } = flowrun_wire::decode_reply(message).map_err(failed)?;
    let failures = failures.into_iter().map(|ReplyFailure { document, executor, error }| DocumentFailure {
        pod: executor.into(),
        failure: FailedDocument { label: document.clone(), id: document, error },
    });
    Ok(Response { documents, failures: failures.collect(), results })
}

fn failed(ReplyFailure { executor, error, .. }: ReplyFailure) -> RequestError {
    RequestError { pod: (!executor.is_empty()).then(|| Arc::from(executor)), error }
}
