//! `GET` of an endpoint: sends one document through the flow, and streams the results as server-sent events.
//!
//! Documents that the last executor yields one by one are sent at once. A request that fails before its first document has
//! an error code instead of a stream; after it, the connection ends without the last event. `jina.Client` splits events
//! at fixed byte offsets and does not reassemble them: lines end with CR LF, and every event is one chunk.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts as _, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use flowrun_sdk::guard::without_byte_order_mark;
use futures_util::stream::{self, Stream, StreamExt as _};
use serde_json::Value;

use super::submit::{content_length, failed, receive, rejected, unsupported_encoding};
use crate::gateway::admission::max_wait;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::ids::new_id;
use crate::gateway::json_response::{detail, method_not_allowed};
use crate::gateway::request::GatewayRequest;
use crate::gateway::response_body::{UnwrittenReplies, hold_permit_of_stream};
use crate::gateway::service::Gateway;
use crate::gateway::streaming::{self, StreamEnd, StreamItem};
use crate::gateway::wire::json_document::{DocumentForm, JsonDocument, read_documents};

/// Media type of server-sent events.
const EVENTS: &str = "text/event-stream";

/// Fields whose value in a query is JSON: numbers, objects and arrays. Other fields are texts.
const JSON_FIELDS: [&str; 10] = [
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

/// Sends the document in the body, or else in the query, to `endpoint`.
pub(in crate::gateway) async fn endpoint(
    State(gateway): State<Arc<Gateway>>,
    endpoint: String,
    request: Request,
) -> Response {
    let (mut head, body) = request.into_parts();
    if let Some(response) = unsupported_encoding(&head.headers) {
        return response;
    }
    let length = content_length(&head.headers);
    let Ok(Query(fields)) = Query::<Vec<(String, String)>>::from_request_parts(&mut head, &gateway).await
    else {
        return (StatusCode::UNPROCESSABLE_ENTITY, detail("the query cannot be read")).into_response();
    };
    if !accepts_events(&head.headers) && fields.is_empty() && length.unwrap_or_default() == 0 {
        return method_not_allowed().await;
    }
    let metadata = CallMetadata::new(&head.headers, &head.extensions);
    let permit = match gateway.admit(length.unwrap_or_default(), Some(max_wait(metadata.deadline))) {
        Ok(permit) => Arc::new(permit),
        Err(rejection) => return rejected(&rejection, None),
    };
    let bytes = match receive(&permit, body).await {
        Ok(bytes) => bytes,
        Err(response) => return response,
    };
    let (request, form) = match read_request(endpoint, &bytes, fields) {
        Ok(request) => request,
        Err(error) => return (StatusCode::UNPROCESSABLE_ENTITY, detail(error)).into_response(),
    };
    let id = Some(metadata.request_id("")).filter(|id| !id.is_empty()).unwrap_or_else(new_id);
    let request = GatewayRequest {
        id,
        is_routed: true,
        granted: metadata.granted,
        deadline: metadata.deadline,
        parent: metadata.parent,
        ..request
    };
    let mut items = streaming::submit(&gateway, &permit, request).boxed();
    let first = match items.next().await {
        Some(StreamItem::Failed(end)) => {
            return match *end {
                StreamEnd::Failure(failure, _) => failed(&failure),
                StreamEnd::Rejection(rejection) => rejected(&rejection, None),
            };
        }
        first => first,
    };
    let unwritten = UnwrittenReplies::from_extensions(&head.extensions);
    let events = events(stream::iter(first).chain(items).map(move |item| update(&item, form)));
    hold_permit_of_stream(events, permit, unwritten)
}

/// The event of a document.
///
/// # Errors
/// The end of a request that failed; it ends the connection, so that the client does not take the stream for complete.
fn update(item: &StreamItem, form: DocumentForm) -> io::Result<Bytes> {
    match item {
        StreamItem::Document(document) => Ok(event(&JsonDocument::new(document, form))),
        StreamItem::Failed(_) => Err(io::Error::other("the request failed after its first document")),
    }
}

fn accepts_events(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains(EVENTS))
}

/// Reads the document, and infers its form, which results have too. A body without every key of the first schema has the
/// second, because only its clients send a body with `GET`.
fn read_request(
    endpoint: String,
    body: &[u8],
    fields: Vec<(String, String)>,
) -> Result<(GatewayRequest, DocumentForm), String> {
    let body = without_byte_order_mark(body).trim_ascii();
    let value = match body {
        [] => Value::Object(fields.into_iter().map(field).collect()),
        body => serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?,
    };
    if !value.is_object() {
        return Err("the body must be a document".to_owned());
    }
    let values = [value];
    let form = match DocumentForm::infer(&values) {
        DocumentForm::SetKeys if !body.is_empty() => DocumentForm::Schema2,
        form => form,
    };
    let documents = read_documents(&values, form).map_err(|error| error.to_string())?.into();
    let schema = form.schema();
    Ok((GatewayRequest { endpoint, documents, schema, ..GatewayRequest::default() }, form))
}

fn field((name, text): (String, String)) -> (String, Value) {
    let value = JSON_FIELDS.contains(&name.as_str()).then(|| serde_json::from_str(&text).ok()).flatten();
    (name, value.unwrap_or(Value::String(text)))
}

fn event(document: &JsonDocument<'_>) -> Bytes {
    let document = serde_json::to_string(document).unwrap_or_default();
    format!("event: update\r\ndata: {document}\r\n\r\n").into()
}

/// Response with the events of a stream. The last event follows only if all of them have been sent.
fn events(updates: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response {
    let end = stream::once(std::future::ready(Ok(Bytes::from_static(b"event: end\r\n\r\n"))));
    let head = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    // The body ends at its first error.
    (head, Body::from_stream(updates.chain(end))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_document_is_read_from_the_body_or_else_from_the_query() {
        let query = fields(&[("text", "7"), ("weight", "0.5"), ("tags", r#"{"a": 1}"#)]);
        let (read, _) = read_request("/x".to_owned(), b"", query).unwrap();
        let document = &read.documents[0];
        assert_eq!((document.text.as_deref(), document.weight), (Some("7"), Some(0.5)));
        assert_eq!(document.tags["a"], 1);
        let (read, _) = read_request("/x".to_owned(), br#"{"text": "b"}"#, fields(&[("text", "q")])).unwrap();
        assert_eq!(read.documents[0].text.as_deref(), Some("b"));
        assert_eq!(
            read_request("/x".to_owned(), b"[]", Vec::new()).err().unwrap(),
            "the body must be a document"
        );
    }

    #[test]
    fn events_are_split_at_the_offsets_of_the_client() {
        let document = flowrun_sdk::Document::new("a");
        let event = event(&JsonDocument::new(&document, DocumentForm::SetKeys));
        assert_eq!(&event[..], b"event: update\r\ndata: {\"id\":\"a\"}\r\n\r\n");
        // The client skips 14 bytes after `event: `, and parses the rest as JSON.
        assert_eq!(&event["event: ".len()..][..14], b"update\r\ndata: ");
    }
}
