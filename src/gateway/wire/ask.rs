//! The other side of the conversation: a request as a message, and a reply read. Documents go in docarray's first
//! schema.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::wire::{decode_object, encode_object};
use flowrun_sdk::{ErrorKind, ExecutorError, Failure};
use serde_json::{Map, Value};

use super::jina::data_request_proto::DataContentProto;
use super::jina::data_request_proto::data_content_proto::Documents as Content;
use super::jina::status_proto::StatusCode;
use super::jina::{DataRequestProto, HeaderProto, StatusProto};
use super::reply::RESULTS;
use super::request::PARAMETER_TIMEOUT;
use super::{status, v1};
use crate::gateway::partial::FAILED_DOCUMENTS;
use crate::runtime::{DocumentFailure, Request, RequestError, Response};

/// The message that asks this of all executors, under that id. A deadline goes as the seconds that are left.
pub(crate) fn ask(id: String, request: &Request) -> DataRequestProto {
    let mut parameters = Cow::Borrowed(&request.parameters);
    if let Some(deadline) = request.deadline {
        let left = deadline.saturating_duration_since(Instant::now()).as_secs_f64();
        parameters.to_mut().insert(PARAMETER_TIMEOUT.to_owned(), left.into());
    }
    let header = HeaderProto {
        request_id: id,
        exec_endpoint: Some(request.endpoint.clone()),
        ..HeaderProto::default()
    };
    DataRequestProto {
        header: Some(header),
        parameters: Some(encode_object(&parameters).into()),
        routes: Vec::new(),
        data: Some(DataContentProto {
            documents: Some(Content::Docs(v1::encode_documents(&request.documents))),
        }),
    }
}

/// What a reply says; of a failed request, the class of the executor stands for its pod.
///
/// # Errors
/// The failure of the request, or what is wrong with a message that is no reply.
pub(crate) fn answer(message: DataRequestProto) -> Result<Response, RequestError> {
    let DataRequestProto { header, parameters, data, .. } = message;
    let status = header.and_then(|header| header.status);
    if let Some(status) = status.filter(|status| status.code == i32::from(StatusCode::Error)) {
        return Err(failed(status));
    }
    let documents = match data.and_then(|data| data.documents) {
        Some(Content::Docs(documents)) => {
            v1::decode_documents(&documents).map_err(|error| malformed(&error))?
        }
        Some(Content::DocsBytes(_)) => return Err(malformed(&"a pickle is never opened")),
        None => flowrun_sdk::Documents::default(),
    };
    let mut parameters = decode_object(&parameters.unwrap_or_default()).map_err(|error| malformed(&error))?;
    let failures = object(parameters.remove(FAILED_DOCUMENTS)).into_iter().map(failure).collect();
    Ok(Response { documents, failures, results: object(parameters.remove(RESULTS)) })
}

fn failed(status: StatusProto) -> RequestError {
    let exception = status.exception.unwrap_or_default();
    let message = exception.args.into_iter().next().unwrap_or(status.description);
    let pod = (!exception.executor.is_empty()).then(|| Arc::from(exception.executor));
    RequestError { pod, error: ExecutorError::new(status::kind(&exception.name), message) }
}

fn malformed(reason: &dyn std::fmt::Display) -> RequestError {
    let message = format!("the reply cannot be read: {reason}");
    RequestError { pod: None, error: ExecutorError::new(ErrorKind::Internal, message) }
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// A document that failed alone, as [`crate::gateway::partial`] tells of it.
fn failure((id, told): (String, Value)) -> DocumentFailure {
    let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = status::KINDS.into_iter().find(|kind| kind.code() == text("kind"));
    let error = ExecutorError::new(kind.unwrap_or(ErrorKind::Internal), text("message"));
    DocumentFailure { pod: text("executor").into(), failure: Failure { label: id.clone(), id, error } }
}
