//! Requests and replies as JSON, in the shapes of Jina's HTTP and WebSocket gateways.
//!
//! Documents are read and written in [`json_document`](super::json_document).

use std::time::{Instant, SystemTime};

use flowrun_sdk::guard::without_byte_order_mark;
use flowrun_sdk::{Document, Documents, RequestParameters};
use flowrun_wire::{FAILED_DOCUMENTS, RESULTS, Schema};
use prost_types::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::json_document::{DocumentForm, JsonDocument, read_documents};
use super::request::timeout_parameter;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::ids::{new_id, with_ids};
use crate::gateway::partial_failure::failed_documents;
use crate::gateway::request::{GatewayRequest, GatewayResponse, RouteEntry};

/// A request, with the context of its reply.
pub(in crate::gateway) struct JsonMessage {
    request: GatewayRequest,
    form: DocumentForm,
    form_unknown: bool,
    /// Documents as sent, for the reply to a failed request.
    documents: Documents,
}

/// Spelling of the keys of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Spelling {
    /// `requestId`, over HTTP.
    Camel,
    /// `request_id`, over WebSocket.
    Snake,
}

/// True for a request of `jina.Client`: only it repeats the endpoint in a header.
fn is_client(header: Option<&Map<String, Value>>) -> bool {
    header.is_some_and(|header| {
        ["request_id", "exec_endpoint"].iter().all(|key| header.get(*key).is_some_and(Value::is_string))
    })
}

/// Infers the form of documents, and thereby of the reply: no field of a request names its schema. The documents
/// of `jina.Client` have every key with the first schema, and those of their class with the second.
fn infer_form(client: bool, documents: &[Value]) -> DocumentForm {
    match DocumentForm::infer(documents) {
        DocumentForm::SetKeys if client && !documents.is_empty() => DocumentForm::Schema2,
        form => form,
    }
}

/// Error of an invalid request, in FastAPI's form.
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

/// Reads a request. The endpoint of the path overrides that of the body; the request id of the body overrides that of
/// the headers.
///
/// # Errors
/// When the body is not JSON, or a field has the wrong type.
pub(in crate::gateway) fn read(
    bytes: &[u8],
    endpoint: Option<&str>,
    metadata: &CallMetadata,
) -> Result<JsonMessage, ValidationError> {
    let value: Value = serde_json::from_slice(without_byte_order_mark(bytes))
        .map_err(|error| ValidationError::new(&[], "json_invalid", error))?;
    let object =
        value.as_object().ok_or_else(|| ValidationError::new(&[], "dict_type", "must be an object"))?;
    let header = object.get("header").and_then(Value::as_object);
    let text = |names: [&str; 2]| -> Option<String> {
        let own = names.iter().find_map(|name| object.get(*name));
        let found = own.or_else(|| names.iter().find_map(|name| header?.get(*name)));
        found.and_then(Value::as_str).map(str::to_owned)
    };
    let parameters = parameters(object.get("parameters"))?;
    let values = values(object.get("data"))?;
    let client = is_client(header);
    let form = infer_form(client, values);
    let documents = read_documents(values, form)
        .map_err(|error| ValidationError::new(&["data"], "document_type", error))?;
    let documents = with_ids(documents.into());
    let single = object.get("data").filter(|data| data.get("docs").is_none()).and_then(|data| data.get("id"));
    let id = text(["request_id", "requestId"]).or_else(|| single.and_then(Value::as_str).map(str::to_owned));
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
        documents: documents.clone(),
        schema: form.schema().filter(|_| !values.is_empty()),
        deadline: [metadata.deadline, timeout].into_iter().flatten().min(),
        parent: metadata.parent.clone(),
        sink: None,
    };
    Ok(JsonMessage { request, form, form_unknown: client && values.is_empty(), documents })
}

fn parameters(value: Option<&Value>) -> Result<RequestParameters, ValidationError> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(parameters)) => Ok(parameters.clone()),
        Some(_) => Err(ValidationError::new(&["parameters"], "dict_type", "must be an object")),
    }
}

/// Values of the documents: a list, a mapping with a list `docs`, or a single document.
fn values(data: Option<&Value>) -> Result<&[Value], ValidationError> {
    let invalid =
        || ValidationError::new(&["data"], "list_type", "must be a document or a list of documents");
    match data {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(values)) => Ok(values),
        Some(Value::Object(object)) => match object.get("docs") {
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(invalid()),
            None => Ok(data.map(std::slice::from_ref).unwrap_or_default()),
        },
        Some(_) => Err(invalid()),
    }
}

/// Fields of a request that its reply contains or depends on.
pub(in crate::gateway) struct ReplyContext {
    id: String,
    endpoint: String,
    parameters: RequestParameters,
    form: DocumentForm,
    /// True if `jina.Client` sent the request without documents, so that its form is unknown.
    form_unknown: bool,
    documents: Documents,
}

impl JsonMessage {
    /// Splits into the request and the context of its reply.
    pub(in crate::gateway) fn split(self) -> (GatewayRequest, ReplyContext) {
        let Self { request, form, form_unknown, documents } = self;
        let context = ReplyContext {
            id: request.id.clone(),
            endpoint: request.endpoint.clone(),
            parameters: request.parameters.clone(),
            form,
            form_unknown,
            documents,
        };
        (request, context)
    }
}

impl ReplyContext {
    /// Sets the form of the reply to a request of `jina.Client` without documents by the likely schema of the client.
    pub(in crate::gateway) fn with_schema(self, schema: Schema) -> Self {
        let form = match schema {
            Schema::V2 if self.form_unknown => DocumentForm::Schema2,
            _ => self.form,
        };
        Self { form, ..self }
    }

    /// True if the client expects a failed request as an HTTP error.
    pub(in crate::gateway) fn fails_as_http_error(&self) -> bool {
        self.form == DocumentForm::Schema2
    }

    /// Id of the request.
    pub(in crate::gateway) fn request_id(&self) -> &str {
        &self.id
    }

    /// Encodes the reply to an admitted request.
    pub(in crate::gateway) fn reply(mut self, response: &GatewayResponse, spelling: Spelling) -> Vec<u8> {
        let (status, documents): (Option<Value>, &[Document]) = match &response.result {
            Ok(output) => {
                let failures = failed_documents(&output.failures);
                for (name, object) in [(RESULTS, &output.results), (FAILED_DOCUMENTS, &failures)] {
                    if !object.is_empty() {
                        self.parameters.insert(name.to_owned(), object.clone().into());
                    }
                }
                (None, &output.documents)
            }
            Err(failure) => (Some(failure.status.to_json()), &self.documents),
        };
        let routes =
            response.routes.iter().map(|route| self::route(route, status.as_ref(), spelling)).collect();
        self.write(status, routes, documents, spelling)
    }

    /// Encodes the reply to a rejected request.
    pub(in crate::gateway) fn rejected_reply(&self, status: Value, spelling: Spelling) -> Vec<u8> {
        self.write(Some(status), Vec::new(), &self.documents, spelling)
    }

    fn write(
        &self,
        status: Option<Value>,
        routes: Vec<Value>,
        documents: &[Document],
        spelling: Spelling,
    ) -> Vec<u8> {
        let data = documents.iter().map(|document| JsonDocument::new(document, self.form)).collect();
        if self.form == DocumentForm::Schema2 && spelling == Spelling::Camel && status.is_none() {
            let header = ShortHeader { request_id: &self.id, target_executor: "" };
            let reply = ShortReply { data, parameters: &self.parameters, header };
            return serde_json::to_vec(&reply).unwrap_or_default();
        }
        let mut header = Map::new();
        let mut put = |camel: &str, snake: &str, value: Value| {
            header.insert(if spelling == Spelling::Camel { camel } else { snake }.to_owned(), value);
        };
        put("requestId", "request_id", self.id.as_str().into());
        if status.is_some() || spelling == Spelling::Camel {
            put("status", "status", status.into());
        }
        put("execEndpoint", "exec_endpoint", self.endpoint.as_str().into());
        put("targetExecutor", "target_executor", "".into());
        let reply = Reply { header, parameters: &self.parameters, routes, data };
        serde_json::to_vec(&reply).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Reply<'a> {
    header: Map<String, Value>,
    parameters: &'a RequestParameters,
    routes: Vec<Value>,
    data: Vec<JsonDocument<'a>>,
}

/// A reply for docarray's second schema.
#[derive(Serialize)]
struct ShortReply<'a> {
    data: Vec<JsonDocument<'a>>,
    parameters: &'a RequestParameters,
    header: ShortHeader<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShortHeader<'a> {
    request_id: &'a str,
    target_executor: &'a str,
}

fn route(route: &RouteEntry, status: Option<&Value>, spelling: Spelling) -> Value {
    let status = status.filter(|_| route.failed);
    let (start, end) = (time(route.start), route.end.map(time));
    let mut entry = match spelling {
        Spelling::Camel => json!({
            "executor": &*route.executor, "startTime": start, "endTime": end, "status": status,
        }),
        Spelling::Snake => json!({ "executor": &*route.executor, "start_time": start, "end_time": end }),
    };
    if let (Spelling::Snake, Some(status), Some(entry)) = (spelling, status, entry.as_object_mut()) {
        entry.insert("status".to_owned(), status.clone());
    }
    entry
}

/// Formats a time as RFC 3339 in UTC, with six digits after the second: Jina's clients reject times without a zone, and
/// Python's `strptime` reads neither more digits nor none.
fn time(time: SystemTime) -> String {
    let Timestamp { seconds, nanos } = Timestamp::from(time);
    let second = Timestamp { seconds, nanos: 0 }.to_string();
    format!("{}.{:06}Z", second.trim_end_matches('Z'), nanos / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str, endpoint: Option<&str>) -> GatewayRequest {
        read(text.as_bytes(), endpoint, &CallMetadata::default())
            .unwrap_or_else(|error| panic!("{}", error.line()))
            .request
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
            (r#"{"parameters": []}"#, "body.parameters: must be an object"),
        ] {
            assert_eq!(read(text.as_bytes(), None, &CallMetadata::default()).err().unwrap().line(), line);
        }
    }

    #[test]
    fn times_have_a_zone_and_six_digits_after_the_second() {
        for (nanoseconds, text) in [
            (1_500_000_000, "1970-01-01T00:00:01.500000Z"),
            (2_000_000_000, "1970-01-01T00:00:02.000000Z"),
            (2_000_000_999, "1970-01-01T00:00:02.000000Z"),
            (34_186_800_284, "1970-01-01T00:00:34.186800Z"),
        ] {
            assert_eq!(time(SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(nanoseconds)), text);
        }
    }
}
