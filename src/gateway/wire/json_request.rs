//! Reads requests as JSON, in every shape that Jina's HTTP and WebSocket gateways accept.

use std::time::Instant;

use bytes::Bytes;
use flowrun_sdk::guard::without_byte_order_mark;
use flowrun_sdk::{DecodeBudget, Document, Documents, RequestParameters};
use serde::Serialize;
use serde::de::DeserializeSeed;
use serde_json::{Map, Value};

use super::decoding::{budget_rejection, decode_budget};
use super::json_document::DocumentForm;
use super::json_documents::{ReadDocument, ReadDocuments};
use super::json_head::{Data, First, Head, ReadFirst, ReadHead, ReadUnder};
use super::json_message::JsonMessage;
use super::json_value::{Failure, ReadContext};
use super::request::timeout_parameter;
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::ids::{ID_BYTES, new_id, with_ids};
use crate::gateway::request::{GatewayRequest, Rejection};

/// Error of an invalid request, in the form of FastAPI, the framework of Jina's HTTP gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::gateway) struct ValidationError {
    #[serde(rename = "type")]
    kind: &'static str,
    loc: Vec<&'static str>,
    msg: String,
}

impl ValidationError {
    fn new(field: &[&'static str], kind: &'static str, msg: impl ToString) -> Self {
        let loc = std::iter::once("body").chain(field.iter().copied()).collect();
        Self { kind, loc, msg: msg.to_string() }
    }

    /// Field and message in one line.
    pub(in crate::gateway) fn line(&self) -> String {
        format!("{}: {}", self.loc.join("."), self.msg)
    }
}

/// Reason why a request is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum ReadError {
    /// It is not valid.
    Invalid(ValidationError),
    /// It exceeds a bound.
    Rejected(Rejection),
}

impl ReadError {
    fn invalid(field: &[&'static str], kind: &'static str, msg: impl ToString) -> Self {
        Self::Invalid(ValidationError::new(field, kind, msg))
    }
}

/// Reads a request from the body `bytes`. `permit` holds the capacity for the body, and afterwards that for the
/// request. `endpoint` is that of the path, if the path names one; it overrides that of the body. The request id of the
/// body overrides that of the headers (`metadata`).
///
/// # Errors
/// When the body is not JSON, a field has the wrong type, or a bound is exceeded.
pub(in crate::gateway) fn read(
    bytes: Bytes,
    endpoint: Option<&str>,
    metadata: &CallMetadata,
    permit: &BytesPermit,
) -> Result<JsonMessage, ReadError> {
    let message = read_within(&bytes, endpoint, metadata, &decode_budget(bytes.len(), permit))?;
    drop(bytes);
    permit.shrink_to(message.memory_bytes());
    Ok(message)
}

fn read_within(
    bytes: &[u8],
    endpoint: Option<&str>,
    metadata: &CallMetadata,
    budget: &DecodeBudget<'_>,
) -> Result<JsonMessage, ReadError> {
    let body = without_byte_order_mark(bytes);
    let context = ReadContext::new(body, budget);
    let head = read_json(body, &context, ReadHead(&context)).map_err(Stop::into_error)?;
    let head = head.ok_or_else(|| ReadError::invalid(&[], "dict_type", "must be an object"))?;
    let Head { mut own, header, data } = head;
    let parameters = parameters(own.remove("parameters"))?;
    // The context of the reply has a copy.
    let parameters_bytes = 2 * budget.used();
    budget.take(budget.used()).map_err(|error| ReadError::Rejected(budget_rejection(error)))?;
    let first = match &data {
        Data::None => First::default(),
        Data::List(first) | Data::Docs(first) | Data::Single(first, _) => *first,
        Data::Invalid => {
            let message = "must be a document or a list of documents";
            return Err(ReadError::invalid(&["data"], "list_type", message));
        }
    };
    let client = is_client(&header);
    let form = infer_form(client, first);
    let documents = read_documents(body, &context, &data, form)?;
    let own_id = if let Data::Single(_, id) = data { id } else { None };
    let text = |names: [&str; 2]| -> Option<String> {
        let own = names.iter().find_map(|name| own.get(*name));
        let found = own.or_else(|| names.iter().find_map(|name| header.get(*name)));
        found.and_then(Value::as_str).map(str::to_owned)
    };
    let id = text(["request_id", "requestId"]).or(own_id);
    let body_endpoint = text(["exec_endpoint", "execEndpoint"]);
    let timeout = timeout_parameter(&parameters).and_then(|timeout| Instant::now().checked_add(timeout));
    let request = GatewayRequest {
        id: Some(metadata.request_id(&id.unwrap_or_default()))
            .filter(|id| !id.is_empty())
            .unwrap_or_else(new_id),
        endpoint: endpoint.map(str::to_owned).or(body_endpoint).unwrap_or_else(|| "/".to_owned()),
        is_routed: endpoint.is_some(),
        granted: metadata.granted,
        target: text(["target_executor", "targetExecutor"]).unwrap_or_default(),
        parameters,
        documents,
        schema: form.schema().filter(|_| first.exists),
        deadline: [metadata.deadline, timeout].into_iter().flatten().min(),
        parent: metadata.parent.clone(),
        sink: None,
    };
    Ok(JsonMessage::new(request, form, client && !first.exists, parameters_bytes))
}

/// Reads a body that is one document, and infers its form. A document without the keys that clients of docarray's first
/// schema always send counts as one of the second.
///
/// # Errors
/// When the body is not JSON or no document, or a bound is exceeded.
pub(in crate::gateway) fn read_single(
    body: &[u8],
    budget: &DecodeBudget<'_>,
) -> Result<(Document, DocumentForm), ReadError> {
    let context = ReadContext::new(body, budget);
    let first = read_json(body, &context, ReadFirst).map_err(Stop::into_error)?;
    let form = if first.has_all_keys { DocumentForm::AllKeys } else { DocumentForm::Schema2 };
    let read = |by_values| read_json(body, &context, ReadDocument::new(&context, form, by_values));
    Ok((directly_or_by_values(budget, read)?, form))
}

/// True for a request of `jina.Client`: only it repeats the endpoint in a header.
fn is_client(header: &Map<String, Value>) -> bool {
    ["request_id", "exec_endpoint"].iter().all(|key| header.get(*key).is_some_and(Value::is_string))
}

/// Infers the form of documents, and thereby of the reply, because no field of a request names its schema. The
/// documents of `jina.Client` have every key of docarray's first schema, or in the second schema the keys of their
/// class.
fn infer_form(client: bool, first: First) -> DocumentForm {
    match first {
        First { has_all_keys: true, .. } => DocumentForm::AllKeys,
        First { exists: true, .. } if client => DocumentForm::Schema2,
        _ => DocumentForm::SetKeys,
    }
}

fn parameters(value: Option<Value>) -> Result<RequestParameters, ReadError> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(parameters)) => Ok(parameters),
        Some(_) => Err(ReadError::invalid(&["parameters"], "dict_type", "must be an object")),
    }
}

/// Reads the documents, and generates missing ids.
fn read_documents(
    body: &[u8],
    context: &ReadContext<'_>,
    data: &Data,
    form: DocumentForm,
) -> Result<Documents, ReadError> {
    let read = |by_values| {
        let reader = ReadDocument::new(context, form, by_values);
        let list = |names| read_json(body, context, ReadUnder { names, reader: ReadDocuments(reader) });
        match data {
            Data::List(First { exists: true, .. }) => list(&["data"]),
            Data::Docs(First { exists: true, .. }) => list(&["data", "docs"]),
            Data::Single(..) => read_json(body, context, ReadUnder { names: &["data"], reader })
                .map(|document| document.map(|document| vec![document])),
            _ => Ok(None),
        }
    };
    let documents = directly_or_by_values(context.budget, read)?.unwrap_or_default();
    let missing = documents.iter().filter(|document| document.id.is_empty()).count();
    let taken = context.budget.take(missing * ID_BYTES);
    taken.map_err(|error| ReadError::Rejected(budget_rejection(error)))?;
    Ok(with_ids(documents.into()))
}

/// Calls `read(false)`, which reads documents directly. If one of them cannot be read like that, frees their memory and
/// calls `read(true)`, which reads all fields as JSON values first (see [`json_documents`](super::json_documents)).
fn directly_or_by_values<T>(
    budget: &DecodeBudget<'_>,
    read: impl Fn(bool) -> Result<T, Stop>,
) -> Result<T, ReadError> {
    let mark = budget.mark();
    match read(false) {
        Err(Stop::Failure(Failure::Irregular)) => {
            budget.rewind(mark);
            read(true).map_err(Stop::into_error)
        }
        read => read.map_err(Stop::into_error),
    }
}

/// Reason why reading stopped.
enum Stop {
    /// The body is not JSON, or has another structure than expected.
    Syntax(serde_json::Error),
    /// The JSON is valid, but not the request.
    Failure(Failure),
}

impl Stop {
    fn into_error(self) -> ReadError {
        match self {
            Self::Syntax(error) => ReadError::invalid(&[], "json_invalid", error),
            Self::Failure(Failure::Budget(error)) => ReadError::Rejected(budget_rejection(error)),
            Self::Failure(Failure::Document(error)) => ReadError::invalid(&["data"], "document_type", error),
            Self::Failure(Failure::Irregular) => {
                ReadError::invalid(&["data"], "document_type", "must be a document or a list of documents")
            }
        }
    }
}

fn read_json<'de, S: DeserializeSeed<'de>>(
    body: &'de [u8],
    context: &ReadContext<'_>,
    seed: S,
) -> Result<S::Value, Stop> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = seed.deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| context.take_failure().map_or(Stop::Syntax(error), Stop::Failure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::admission::Admission;
    use crate::limits::REQUEST_DOCUMENTS_MAX;

    fn try_request(text: &str, endpoint: Option<&str>) -> Result<GatewayRequest, ReadError> {
        let permit = Admission::new(1, 0).bytes_permit();
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        read(bytes, endpoint, &CallMetadata::default(), &permit).map(|message| message.split().0)
    }

    fn request(text: &str, endpoint: Option<&str>) -> GatewayRequest {
        try_request(text, endpoint).unwrap_or_else(|error| panic!("{error:?}"))
    }

    fn rejected(text: &str) -> String {
        match try_request(text, None) {
            Err(ReadError::Rejected(rejection @ Rejection::TooLarge(_))) => rejection.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_byte_order_mark_before_a_request_is_skipped() {
        let request = request("\u{feff}{\"data\":[{\"text\":\"a\"}],\"execEndpoint\":\"/x\"}", None);
        assert_eq!((request.endpoint.as_str(), request.documents[0].text.as_deref()), ("/x", Some("a")));
    }

    #[test]
    fn requests_are_read_in_every_shape_that_jina_accepts() {
        for text in [
            r#"{"data": [{"text": "a"}], "execEndpoint": "/x", "targetExecutor": "b"}"#,
            r#"{"data": {"docs": [{"text": "a"}]}, "exec_endpoint": "/x", "target_executor": "b"}"#,
            r#"{"data": {"text": "a"}, "header": {"exec_endpoint": "/x", "targetExecutor": "b"}}"#,
        ] {
            let request = request(text, None);
            assert_eq!(request.documents[0].text.as_deref(), Some("a"), "{text}");
            assert_eq!((request.endpoint.as_str(), request.target.as_str()), ("/x", "b"), "{text}");
            assert_eq!(request.id.len(), 32);
        }
        assert_eq!(request("{}", None).endpoint, "/");
        assert_eq!(request(r#"{"execEndpoint": "/x"}"#, Some("/index")).endpoint, "/index");
        assert_eq!(request(r#"{"data": {"id": "single"}}"#, None).id, "single");
        assert_eq!(request(r#"{"header": {"requestId": "mine"}, "data": null}"#, None).id, "mine");
        assert!(request(r#"{"parameters": {"__timeout__": 5}}"#, None).deadline.is_some());
    }

    #[test]
    fn errors_name_the_invalid_field() {
        for (text, line) in [
            ("{bad", "body: key must be a string at line 1 column 2"),
            ("[]", "body: must be an object"),
            (r#"{"data": "nope"}"#, "body.data: must be a document or a list of documents"),
            (r#"{"data": [{"text": 1}]}"#, "body.data: `text` must be a text"),
            (r#"{"data": [{"tensor": [[1], [1, 2]]}]}"#, "body.data: `tensor` must be an array of numbers"),
            (r#"{"data": [{"chunks": [{"embedding": [[]], "id": 1}]}]}"#, "body.data: `id` must be a text"),
            (r#"{"data": [{"chunks": [1]}]}"#, "body.data: `document` must be an object"),
            (r#"{"parameters": []}"#, "body.parameters: must be an object"),
        ] {
            match try_request(text, None) {
                Err(ReadError::Invalid(error)) => assert_eq!(error.line(), line),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn arrays_and_nested_documents_are_read_like_by_values() {
        let text = r#"{"data": [{"id": "a", "tensor": [[1, "2"], [3.5, -4]], "chunks": [{"embedding": [0.25]}, {"chunks": []}],
            "matches": [{"id": "m", "tensor": 3}], "embedding": [[], []], "price": 1}]}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        let direct = request(text, None).documents[0].clone();
        let by_values =
            super::super::json_document::read_one(&value["data"][0], DocumentForm::SetKeys).unwrap();
        assert_eq!(direct, by_values);
        assert_eq!((direct.chunks[0].parent_id.as_str(), direct.tensor.unwrap().shape()), ("a", &[2, 2][..]));
    }

    #[test]
    fn values_of_other_types_are_kept_in_documents_of_a_class() {
        let text = r#"{"header": {"request_id": "r", "exec_endpoint": "/x"},
            "data": [{"id": "a", "embedding": [1, "x"], "chunks": ["c"], "tensor": [[1], [2, 3]]}]}"#;
        let tags = request(text, None).documents[0].tags.clone();
        assert_eq!(tags["embedding"], serde_json::json!([1, "x"]));
        assert_eq!(
            (&tags["chunks"], &tags["tensor"]),
            (&serde_json::json!(["c"]), &serde_json::json!([[1], [2, 3]]))
        );
    }

    #[test]
    fn requests_beyond_a_bound_are_rejected_before_they_are_built() {
        let documents = |count| format!(r#"{{"data": [{}]}}"#, vec!["{}"; count].join(","));
        assert_eq!(request(&documents(REQUEST_DOCUMENTS_MAX), None).documents.len(), REQUEST_DOCUMENTS_MAX);
        assert!(rejected(&documents(REQUEST_DOCUMENTS_MAX + 1)).contains("10000 documents"));
        let zeros = vec!["0"; 100_000].join(",");
        let client = r#"{"request_id": "r", "exec_endpoint": "/x"}"#;
        for text in [
            format!(r#"{{"data": [{{"tags": {{"a": [{zeros}]}}}}]}}"#),
            format!(r#"{{"data": [{{"vector": [{zeros}]}}]}}"#),
            format!(r#"{{"parameters": {{"a": [{zeros}]}}}}"#),
            format!(r#"{{"header": {client}, "data": [{{"tags": {{"a": [{zeros}]}}}}]}}"#),
        ] {
            assert!(rejected(&text).contains("too many small values"), "{text:.40}");
        }
        assert_eq!(request(&format!(r#"{{"data": [{{"embedding": [{zeros}]}}]}}"#), None).documents.len(), 1);
    }

    #[test]
    fn a_read_request_holds_the_capacity_for_its_documents() {
        let admission = Admission::new(1, 0);
        let permit = admission.bytes_permit();
        let text = format!(r#"{{"data": [{{"text": "{}"}}]}}"#, "x".repeat(1 << 20));
        permit.try_grow_to(text.len()).unwrap();
        let message = read(text.clone().into(), None, &CallMetadata::default(), &permit).ok().unwrap();
        assert!(admission.bytes() >= 1 << 20 && admission.bytes() < (1 << 20) + (16 << 10));
        drop(message);
        permit.clear();
        let full = admission.bytes_permit();
        let _held = admission.capacity.fill(4096);
        let error = read(text.into(), None, &CallMetadata::default(), &full).err().unwrap();
        assert!(matches!(error, ReadError::Rejected(Rejection::Overloaded(_))));
    }
}
