//! `GET` at an endpoint: one document in, a stream of server-sent events out, one for each document that it becomes.
//!
//! Jina answers so where an executor generates documents one by one. Ours make all of theirs at once, so a request
//! that fails is told by its code, before anything is streamed. `jina.Client` cuts events by counting bytes and does not
//! put halves together: lines end in CR LF, and every event is written whole.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts as _, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde_json::Value;

use super::{ask, detail, method_not_allowed};
use crate::gateway::admission::patience;
use crate::gateway::departing::{Departures, departing};
use crate::gateway::exchange::Question;
use crate::gateway::service::{Gateway, new_id};
use crate::gateway::wire::{Caller, Form, JsonDocument, read_documents};

const EVENTS: &str = "text/event-stream";

/// Fields that are numbers, structures or pixels: what stands for them in a query is JSON. Others are texts.
const AS_JSON: [&str; 10] = [
    "granularity",
    "adjacency",
    "weight",
    "offset",
    "location",
    "tags",
    "scores",
    "tensor",
    "embedding",
    "chunks",
];

/// Streams what becomes of the document in the body, or in the query.
pub(super) async fn endpoint(
    State(gateway): State<Arc<Gateway>>,
    endpoint: String,
    request: Request,
) -> Response {
    let (mut head, body) = request.into_parts();
    let announced = ask::announced_length(&head.headers);
    let Ok(Query(fields)) = Query::<Vec<(String, String)>>::from_request_parts(&mut head, &gateway).await
    else {
        return (StatusCode::UNPROCESSABLE_ENTITY, detail("the query cannot be read")).into_response();
    };
    if !wants_events(&head.headers) && fields.is_empty() && announced.unwrap_or_default() == 0 {
        return method_not_allowed().await;
    }
    let caller = Caller::of(&head.headers);
    let ticket = match gateway.enter(announced.unwrap_or_default(), Some(patience(caller.deadline))) {
        Ok(ticket) => Arc::new(ticket),
        Err(refusal) => return ask::refused(&refusal, None),
    };
    let bytes = match ask::receive(&ticket, body).await {
        Ok(bytes) => bytes,
        Err(response) => return response,
    };
    let (question, form) = match question(endpoint, &bytes, fields) {
        Ok(question) => question,
        Err(wrong) => return (StatusCode::UNPROCESSABLE_ENTITY, detail(wrong)).into_response(),
    };
    let id = Some(caller.name("")).filter(|id| !id.is_empty()).unwrap_or_else(new_id);
    let question = Question { id, deadline: caller.deadline, parent: caller.parent, ..question };
    match gateway.ask(&ticket, question).await {
        Ok(answer) => match answer.result {
            Ok(response) => {
                let updates = response.documents.iter();
                let events = events(updates.map(|document| event(&JsonDocument::new(document, form))));
                departing(events, ticket, Departures::of(&head.extensions).as_deref())
            }
            Err(failed) => ask::failed(&failed),
        },
        Err(refusal) => ask::refused(&refusal, None),
    }
}

fn wants_events(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains(EVENTS))
}

/// The question that a document is.
fn question(
    endpoint: String,
    body: &[u8],
    fields: Vec<(String, String)>,
) -> Result<(Question, Form), String> {
    let value = match body.trim_ascii() {
        [] => Value::Object(fields.into_iter().map(field).collect()),
        body => serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?,
    };
    if !value.is_object() {
        return Err("the body must be a document".to_owned());
    }
    let (documents, form) = read_documents(&[value]).map_err(|error| error.to_string())?;
    Ok((Question { endpoint, documents: documents.into(), ..Question::default() }, form))
}

fn field((name, text): (String, String)) -> (String, Value) {
    let value = AS_JSON.contains(&name.as_str()).then(|| serde_json::from_str(&text).ok()).flatten();
    (name, value.unwrap_or(Value::String(text)))
}

fn event(document: &JsonDocument<'_>) -> Bytes {
    let document = serde_json::to_string(document).unwrap_or_default();
    format!("event: update\r\ndata: {document}\r\n\r\n").into()
}

fn events(updates: impl Iterator<Item = Bytes>) -> Response {
    let end = Bytes::from_static(b"event: end\r\n\r\n");
    let events: Vec<Result<Bytes, Infallible>> = updates.chain([end]).map(Ok).collect();
    let head = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (head, Body::from_stream(stream::iter(events))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_document_stands_in_the_query_or_in_the_body() {
        let query = fields(&[("text", "7"), ("weight", "0.5"), ("tags", r#"{"a": 1}"#)]);
        let (asked, _) = question("/x".to_owned(), b"", query).unwrap();
        let document = &asked.documents[0];
        assert_eq!((document.text.as_deref(), document.weight), (Some("7"), Some(0.5)));
        assert_eq!(document.tags["a"], 1);
        let (asked, _) = question("/x".to_owned(), br#"{"text": "b"}"#, fields(&[("text", "q")])).unwrap();
        assert_eq!(asked.documents[0].text.as_deref(), Some("b"));
        assert_eq!(
            question("/x".to_owned(), b"[]", Vec::new()).err().unwrap(),
            "the body must be a document"
        );
    }

    #[test]
    fn lines_of_events_end_as_the_client_cuts_them() {
        let document = flowrun_sdk::Document::new("a");
        let event = event(&JsonDocument::new(&document, Form::Set));
        assert_eq!(&event[..], b"event: update\r\ndata: {\"id\":\"a\"}\r\n\r\n");
        // The client drops so many bytes behind `event: `, and reads the rest as JSON.
        assert_eq!(&event["event: ".len()..][..14], b"update\r\ndata: ");
    }
}
