//! Replies: the outcome of a request, decoded from Jina's message.

use std::fmt;

use flowrun_sdk::{DecodeBudget, Documents, ErrorKind, Exception, ExecutorError};
use serde_json::{Map, Value};

use super::jina::data_request_proto::data_content_proto::Documents as Content;
use super::jina::status_proto::{ExceptionProto, StatusCode};
use super::jina::{DataRequestProto, StatusProto};
use super::{Schema, decode_documents_within, decode_object_within, error_kind_from_name, exception_name};

/// Reply parameter with the results of executors, by the executor's name.
pub const RESULTS: &str = "__results__";

/// Reply parameter with the documents that failed, by their ids.
pub const FAILED_DOCUMENTS: &str = "__failed__";

/// A successful reply.
#[derive(Debug, Default)]
pub struct Reply {
    /// The documents.
    pub documents: Documents,
    /// Documents that failed while the rest of the request succeeded.
    pub failures: Vec<ReplyFailure>,
    /// Results of executors besides documents, by the executor's name.
    pub results: Map<String, Value>,
}

/// The failure of a whole request, or of one of its documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyFailure {
    /// Id of the failed document; empty if the whole request failed.
    pub document: String,
    /// Class of the executor if the whole request failed; for a document, name of the executor in its flow. Empty if unknown.
    pub executor: String,
    /// The cause.
    pub error: ExecutorError,
}

/// Checks the status of a reply, without decoding its documents.
///
/// # Errors
/// The failure of the request, if its status is an error.
pub fn check_reply_status(message: &DataRequestProto) -> Result<(), ReplyFailure> {
    let status = message.header.as_ref().and_then(|header| header.status.as_ref());
    match status.filter(|status| status.code == i32::from(StatusCode::Error)) {
        Some(status) => Err(request_failure(status.clone())),
        None => Ok(()),
    }
}

/// Decodes a reply. The schema of its documents is detected.
///
/// # Errors
/// The failure of the request, or the reason why `message` is not a valid reply.
pub fn decode_reply(message: DataRequestProto) -> Result<Reply, ReplyFailure> {
    decode_reply_within(message, &DecodeBudget::unbounded())
}

/// Like [`decode_reply`], but takes the memory of the decoded reply from `budget`.
///
/// # Errors
/// Those of [`decode_reply`], and a failure if the reply exceeds the budget.
pub fn decode_reply_within(
    message: DataRequestProto,
    budget: &DecodeBudget<'_>,
) -> Result<Reply, ReplyFailure> {
    check_reply_status(&message)?;
    let DataRequestProto { parameters, data, .. } = message;
    let documents = match data.and_then(|data| data.documents) {
        Some(Content::Docs(documents)) => {
            let schema = Schema::of_documents(&documents);
            decode_documents_within(documents, schema, budget).map_err(|error| malformed(&error))?
        }
        Some(Content::DocsBytes(_)) => return Err(malformed(&"pickled documents are not accepted")),
        None => Documents::default(),
    };
    let parameters = decode_object_within(&parameters.unwrap_or_default(), budget);
    let mut parameters = parameters.map_err(|error| malformed(&error))?;
    let failures = object(parameters.remove(FAILED_DOCUMENTS)).into_iter().map(document_failure).collect();
    Ok(Reply { documents, failures, results: object(parameters.remove(RESULTS)) })
}

fn request_failure(status: StatusProto) -> ReplyFailure {
    let exception = status.exception.unwrap_or_default();
    let kind = error_kind_from_name(&exception.name);
    // flowrun puts the bare cause into the first argument; the description of other senders also has the class.
    let is_ours = exception_name(kind) == exception.name;
    let argument = exception.args.first().filter(|_| is_ours || status.description.is_empty()).cloned();
    let error = ExecutorError::new(kind, argument.unwrap_or(status.description));
    let ExceptionProto { name, args, stacks, executor } = exception;
    let original = Exception { name, args, stacks, executor: executor.clone() };
    let error = if is_ours { error } else { error.with_exception(original) };
    ReplyFailure { document: String::new(), executor, error }
}

fn malformed(reason: &dyn fmt::Display) -> ReplyFailure {
    let error = ExecutorError::new(ErrorKind::Internal, format_args!("the reply cannot be read: {reason}"));
    ReplyFailure { document: String::new(), executor: String::new(), error }
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// Decodes an entry of [`FAILED_DOCUMENTS`].
fn document_failure((document, entry): (String, Value)) -> ReplyFailure {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = ErrorKind::ALL.into_iter().find(|kind| kind.code() == text("kind"));
    let error = ExecutorError::new(kind.unwrap_or(ErrorKind::Internal), text("message"));
    ReplyFailure { document, executor: text("executor").to_owned(), error }
}
