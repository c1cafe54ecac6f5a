//! The client side of the wire format, for `flowrun client` and `flowrun bench`: encodes requests in docarray's first
//! schema, and decodes their replies.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::FailedDocument;
use flowrun_wire::jina::DataRequestProto;
use flowrun_wire::{Reply, ReplyFailure, Schema};

use super::request::PARAMETER_TIMEOUT;
use crate::runtime::{DocumentFailure, Request, RequestError, Response};

/// Encodes a request to all executors. The parameter [`PARAMETER_TIMEOUT`] contains the seconds that are left until its
/// deadline.
pub(crate) fn encode_request(id: String, request: &Request) -> DataRequestProto {
    let mut parameters = Cow::Borrowed(&request.parameters);
    if let Some(deadline) = request.deadline {
        let left = deadline.saturating_duration_since(Instant::now()).as_secs_f64();
        parameters.to_mut().insert(PARAMETER_TIMEOUT.to_owned(), left.into());
    }
    flowrun_wire::request_message(id, &request.endpoint, &parameters, &request.documents, Schema::V1)
}

/// Checks the status of a reply without decoding its documents.
///
/// # Errors
/// The failure of the request.
pub(crate) fn check_status(message: &DataRequestProto) -> Result<(), RequestError> {
    flowrun_wire::check_reply_status(message).map_err(failed)
}

/// Decodes a reply. The pod of a failure is the class of the executor, which is all that a reply contains.
///
/// # Errors
/// The failure of the request, or that the message is not a valid reply.
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
