//! Requests and replies as JSON, in the shape of Jina's HTTP gateway.

use std::time::{Instant, SystemTime};

use flowrun_sdk::{Document, Documents, RequestParameters};
use flowrun_wire::{FAILED_DOCUMENTS, RESULTS};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::gateway::exchange::{Answer, Question, Route};
use crate::gateway::partial;
use crate::gateway::service::{new_id, with_ids};
use crate::gateway::wire::{Caller, Form, JsonDocument, read_documents, timeout_of};

/// A request that was read, and how to write its reply.
pub(crate) struct Body {
    pub(crate) question: Question,
    pub(crate) form: Form,
    shape: Shape,
    /// What was sent; a failed request is answered with it.
    documents: Documents,
}

/// Which keys a reply spells how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// HTTP.
    Camel,
    /// WebSocket.
    Snake,
}

/// Whose reply a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// That of docarray's first schema: header with a status, parameters, routes, data. Also what people get who write
    /// requests by hand, because it says more.
    First,
    /// That of the second: data, parameters, header. A request that failed is told as an error of HTTP.
    Second,
}

impl Shape {
    /// Nothing in a request names its schema. `jina.Client` repeats the endpoint in a header, which nobody does by
    /// hand; with the first schema its documents have every key, with the second those of their class.
    fn of(header: Option<&Map<String, Value>>, documents: &[Value], form: Form) -> Self {
        let client = header.is_some_and(|header| {
            ["request_id", "exec_endpoint"].iter().all(|key| header.get(*key).is_some_and(Value::is_string))
        });
        match client && !documents.is_empty() && form == Form::Set {
            true => Self::Second,
            false => Self::First,
        }
    }
}

/// Why JSON is not a request, in FastAPI's form: where, and what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Wrong {
    #[serde(rename = "type")]
    kind: &'static str,
    loc: Vec<&'static str>,
    msg: String,
}

impl Wrong {
    fn new(place: &[&'static str], kind: &'static str, msg: impl ToString) -> Self {
        let loc = std::iter::once("body").chain(place.iter().copied()).collect();
        Self { kind, loc, msg: msg.to_string() }
    }

    /// The same in a line.
    pub(crate) fn line(&self) -> String {
        format!("{}: {}", self.loc.join("."), self.msg)
    }
}

/// Reads a request. `endpoint` is the path's, which wins over what the body says; the body's own name for the request
/// wins over that of its head.
pub(crate) fn read(bytes: &[u8], endpoint: Option<&str>, caller: &Caller) -> Result<Body, Wrong> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| Wrong::new(&[], "json_invalid", error))?;
    let object = value.as_object().ok_or_else(|| Wrong::new(&[], "dict_type", "must be an object"))?;
    let header = object.get("header").and_then(Value::as_object);
    let text = |names: [&str; 2]| -> Option<String> {
        let own = names.iter().find_map(|name| object.get(*name));
        let found = own.or_else(|| names.iter().find_map(|name| header?.get(*name)));
        found.and_then(Value::as_str).map(str::to_owned)
    };
    let parameters = parameters(object.get("parameters"))?;
    let values = values(object.get("data"))?;
    let (documents, form) =
        read_documents(values).map_err(|error| Wrong::new(&["data"], "document_type", error))?;
    let shape = Shape::of(header, values, form);
    let documents = with_ids(documents.into());
    let single = object.get("data").filter(|data| data.get("docs").is_none()).and_then(|data| data.get("id"));
    let id = text(["request_id", "requestId"]).or_else(|| single.and_then(Value::as_str).map(str::to_owned));
    let said = text(["exec_endpoint", "execEndpoint"]);
    let timeout = timeout_of(&parameters).and_then(|timeout| Instant::now().checked_add(timeout));
    let question = Question {
        id: Some(caller.name(&id.unwrap_or_default())).filter(|id| !id.is_empty()).unwrap_or_else(new_id),
        endpoint: endpoint.map(str::to_owned).or(said).unwrap_or_else(|| "/".to_owned()),
        target: text(["target_executor", "targetExecutor"]).unwrap_or_default(),
        parameters,
        documents: documents.clone(),
        deadline: [caller.deadline, timeout].into_iter().flatten().min(),
        parent: caller.parent.clone(),
    };
    Ok(Body { question, form, shape, documents })
}

fn parameters(value: Option<&Value>) -> Result<RequestParameters, Wrong> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(parameters)) => Ok(parameters.clone()),
        Some(_) => Err(Wrong::new(&["parameters"], "dict_type", "must be an object")),
    }
}

/// The documents: a list of them, a mapping with such a list, or a single one.
fn values(data: Option<&Value>) -> Result<&[Value], Wrong> {
    let wrong = || Wrong::new(&["data"], "list_type", "must be a document or a list of documents");
    match data {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(values)) => Ok(values),
        Some(Value::Object(object)) => match object.get("docs") {
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(wrong()),
            None => Ok(data.map(std::slice::from_ref).unwrap_or_default()),
        },
        Some(_) => Err(wrong()),
    }
}

/// What of a request its reply needs.
pub(crate) struct Asked {
    id: String,
    endpoint: String,
    parameters: RequestParameters,
    form: Form,
    shape: Shape,
    documents: Documents,
}

impl Body {
    /// The question, and what is kept for the reply.
    pub(crate) fn split(self) -> (Question, Asked) {
        let Self { question, form, shape, documents } = self;
        let asked = Asked {
            id: question.id.clone(),
            endpoint: question.endpoint.clone(),
            parameters: question.parameters.clone(),
            form,
            shape,
            documents,
        };
        (question, asked)
    }
}

impl Asked {
    /// Whether a failure is an error of HTTP to whoever asked.
    pub(crate) fn fails_loudly(&self) -> bool {
        self.shape == Shape::Second
    }

    /// What the request is called.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The reply that an answer makes.
    pub(crate) fn reply(mut self, answer: &Answer, spelling: Spelling) -> Vec<u8> {
        let (status, documents): (Option<Value>, &[Document]) = match &answer.result {
            Ok(response) => {
                let failures = partial::failures(&response.failures);
                for (name, object) in [(RESULTS, &response.results), (FAILED_DOCUMENTS, &failures)] {
                    if !object.is_empty() {
                        self.parameters.insert(name.to_owned(), object.clone().into());
                    }
                }
                (None, &response.documents)
            }
            Err(failed) => (Some(failed.status.to_json()), &self.documents),
        };
        let routes =
            answer.routes.iter().map(|route| self::route(route, status.as_ref(), spelling)).collect();
        self.write(status, routes, documents, spelling)
    }

    /// The reply to a request that was not let in.
    pub(crate) fn refused(&self, status: Value, spelling: Spelling) -> Vec<u8> {
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
        if self.shape == Shape::Second && spelling == Spelling::Camel && status.is_none() {
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

/// A reply in the shape of the second schema.
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

fn route(route: &Route, status: Option<&Value>, spelling: Spelling) -> Value {
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

/// A time as RFC 3339 writes it, in UTC. Clients refuse times without a zone.
fn time(time: SystemTime) -> String {
    prost_types::Timestamp::from(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(text: &str, endpoint: Option<&str>) -> Question {
        read(text.as_bytes(), endpoint, &Caller::default())
            .unwrap_or_else(|wrong| panic!("{}", wrong.line()))
            .question
    }

    #[test]
    fn requests_are_read_in_every_shape_that_jina_takes() {
        for text in [
            r#"{"data": [{"text": "a"}], "execEndpoint": "/x", "targetExecutor": "b"}"#,
            r#"{"data": {"docs": [{"text": "a"}]}, "exec_endpoint": "/x", "target_executor": "b"}"#,
            r#"{"data": {"text": "a"}, "header": {"exec_endpoint": "/x", "targetExecutor": "b"}}"#,
        ] {
            let question = question(text, None);
            assert_eq!(question.documents[0].text.as_deref(), Some("a"), "{text}");
            assert_eq!((question.endpoint.as_str(), question.target.as_str()), ("/x", "b"), "{text}");
            assert_eq!(question.id.len(), 32);
        }
        assert_eq!(question("{}", None).endpoint, "/");
        assert_eq!(question(r#"{"execEndpoint": "/x"}"#, Some("/index")).endpoint, "/index");
        assert_eq!(question(r#"{"data": {"id": "single"}}"#, None).id, "single");
        assert_eq!(question(r#"{"header": {"requestId": "mine"}, "data": null}"#, None).id, "mine");
        assert!(question(r#"{"parameters": {"__timeout__": 5}}"#, None).deadline.is_some());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, line) in [
            ("{bad", "body: key must be a string at line 1 column 2"),
            ("[]", "body: must be an object"),
            (r#"{"data": "nope"}"#, "body.data: must be a document or a list of documents"),
            (r#"{"data": [{"text": 1}]}"#, "body.data: `text` must be a text"),
            (r#"{"parameters": []}"#, "body.parameters: must be an object"),
        ] {
            assert_eq!(read(text.as_bytes(), None, &Caller::default()).err().unwrap().line(), line);
        }
    }

    #[test]
    fn times_have_a_zone() {
        let moment = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_500);
        assert_eq!(time(moment), "1970-01-01T00:00:01.500Z");
    }
}
