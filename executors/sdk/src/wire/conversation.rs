//! A conversation in Jina's words: a request as a message, what a reply says, and how errors are called in it.

use serde_json::{Map, Value};

use super::jina::data_request_proto::DataContentProto;
use super::jina::data_request_proto::data_content_proto::Documents as Content;
use super::jina::status_proto::{ExceptionProto, StatusCode};
use super::jina::{DataRequestProto, HeaderProto, StatusProto};
use super::{Schema, decode_documents, decode_object, encode_documents, encode_object};
use crate::{Documents, ErrorKind, Exception, ExecutorError};

/// The parameter under which executors' results come back.
pub const RESULTS: &str = "__results__";

/// The parameter under which documents that failed are listed.
pub const FAILED_DOCUMENTS: &str = "__failed__";

/// The parameter under which a call that crosses to another process says where its documents came from: a list of
/// names and numbers, as [`Origin`](crate::Origin)s are.
pub const ORIGINS: &str = "__origins__";

/// The name of an error in the manner of Python's exceptions.
#[must_use]
pub fn exception_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Input => "InputError",
        ErrorKind::Parameter => "ParameterError",
        ErrorKind::Resource => "ResourceError",
        ErrorKind::Cancelled => "CancelledError",
        ErrorKind::Expired => "TimeoutError",
        ErrorKind::Internal => "InternalError",
    }
}

/// The kind of error that goes by that name; internal when it is none of ours.
#[must_use]
pub fn error_kind_from_name(name: &str) -> ErrorKind {
    ErrorKind::ALL.into_iter().find(|kind| exception_name(*kind) == name).unwrap_or(ErrorKind::Internal)
}

/// The message that asks this of all executors, under that id.
#[must_use]
pub fn request_message(
    id: String,
    endpoint: &str,
    parameters: &Map<String, Value>,
    documents: &Documents,
    schema: Schema,
) -> DataRequestProto {
    let header =
        HeaderProto { request_id: id, exec_endpoint: Some(endpoint.to_owned()), ..HeaderProto::default() };
    let documents = Some(Content::Docs(encode_documents(documents, schema)));
    DataRequestProto {
        header: Some(header),
        parameters: Some(encode_object(parameters).into()),
        routes: Vec::new(),
        data: Some(DataContentProto { documents }),
    }
}

/// What a reply says when the request went through.
#[derive(Debug, Default)]
pub struct Reply {
    /// The documents.
    pub documents: Documents,
    /// The documents that failed alone.
    pub failures: Vec<ReplyFailure>,
    /// What executors had to say beside documents, by their names.
    pub results: Map<String, Value>,
}

/// That a request failed, or a document of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyFailure {
    /// The id of the document; empty when the request failed.
    pub document: String,
    /// Where: for a request the class of the executor, for a document the executor's name; empty where nobody says.
    pub executor: String,
    /// Why.
    pub error: ExecutorError,
}

/// Whether a reply says that the request went through; its documents are not looked at.
///
/// # Errors
/// The failure of the request.
pub fn check_reply_status(message: &DataRequestProto) -> Result<(), ReplyFailure> {
    let status = message.header.as_ref().and_then(|header| header.status.as_ref());
    match status.filter(|status| status.code == i32::from(StatusCode::Error)) {
        Some(status) => Err(failed(status.clone())),
        None => Ok(()),
    }
}

/// What a reply says. Its documents are in the schema that they look like.
///
/// # Errors
/// The failure of the request, or what is wrong with a message that is no reply.
pub fn decode_reply(message: DataRequestProto) -> Result<Reply, ReplyFailure> {
    check_reply_status(&message)?;
    let DataRequestProto { parameters, data, .. } = message;
    let documents = match data.and_then(|data| data.documents) {
        Some(Content::Docs(documents)) => {
            let schema = Schema::of_documents(&documents);
            decode_documents(documents, schema).map_err(|error| malformed(&error))?
        }
        Some(Content::DocsBytes(_)) => return Err(malformed(&"a pickle is never opened")),
        None => Documents::default(),
    };
    let mut parameters = decode_object(&parameters.unwrap_or_default()).map_err(|error| malformed(&error))?;
    let failures = object(parameters.remove(FAILED_DOCUMENTS)).into_iter().map(failure).collect();
    Ok(Reply { documents, failures, results: object(parameters.remove(RESULTS)) })
}

fn failed(status: StatusProto) -> ReplyFailure {
    let exception = status.exception.unwrap_or_default();
    let kind = error_kind_from_name(&exception.name);
    // Ours tell the cause alone; of others the description has the name of the error as well.
    let ours = exception_name(kind) == exception.name;
    let argument = exception.args.first().filter(|_| ours || status.description.is_empty()).cloned();
    let error = ExecutorError::new(kind, argument.unwrap_or(status.description));
    let ExceptionProto { name, args, stacks, executor } = exception;
    let was = Exception { name, args, stacks, executor: executor.clone() };
    let error = if ours { error } else { error.with_exception(was) };
    ReplyFailure { document: String::new(), executor, error }
}

fn malformed(reason: &dyn std::fmt::Display) -> ReplyFailure {
    let error = ExecutorError::new(ErrorKind::Internal, format_args!("the reply cannot be read: {reason}"));
    ReplyFailure { document: String::new(), executor: String::new(), error }
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// A document that failed alone, as flowrun's gateway tells of it.
fn failure((document, told): (String, Value)) -> ReplyFailure {
    let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = ErrorKind::ALL.into_iter().find(|kind| kind.code() == text("kind"));
    let error = ExecutorError::new(kind.unwrap_or(ErrorKind::Internal), text("message"));
    ReplyFailure { document, executor: text("executor").to_owned(), error }
}
