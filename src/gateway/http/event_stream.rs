//! `GET` of an endpoint: sends one document through the flow, and streams the results as server-sent events.
//!
//! Documents that the last executor yields one by one are sent immediately. A request that fails before its first
//! document has an HTTP error code instead of a stream. A later failure ends the connection without the event `end`.
//! `jina.Client` splits events at fixed byte offsets and does not reassemble them: lines end with CR LF, and every
//! event is one chunk.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts as _, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use flowrun_sdk::Document;
use flowrun_sdk::guard::without_byte_order_mark;
use futures_util::stream::{self, Stream, StreamExt as _};
use serde_json::Value;

use super::submit::{content_length, failed, receive, rejected};
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::ids::new_id;
use crate::gateway::json_response::{detail, method_not_allowed};
use crate::gateway::offload::offload_large;
use crate::gateway::request::{GatewayRequest, Rejection};
use crate::gateway::response_body::{ReplyKind, charge};
use crate::gateway::service::Gateway;
use crate::gateway::streaming::{self, StreamEnd, StreamItem};
use crate::gateway::wire::decode_budget;
use crate::gateway::wire::json_document::{DocumentForm, encode_between, read_one};
use crate::gateway::wire::json_request::{self, ReadError};

/// Media type of server-sent events.
const EVENTS: &str = "text/event-stream";

/// Fields whose value in a query is JSON: numbers, objects and arrays. Other fields are texts.
const JSON_FIELDS: [&str; 11] = [
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
    "matches",
];

/// Sends the document in the body, or else in the query, to `endpoint`.
pub(in crate::gateway) async fn endpoint(
    State(gateway): State<Arc<Gateway>>,
    endpoint: String,
    request: Request,
) -> Response {
    let (mut head, body) = request.into_parts();
    let Ok(Query(fields)) = Query::<Vec<(String, String)>>::from_request_parts(&mut head, &gateway).await
    else {
        return (StatusCode::UNPROCESSABLE_ENTITY, detail("the query cannot be read")).into_response();
    };
    let has_body = content_length(&head.headers).is_some_and(|length| length > 0);
    if !accepts_events(&head.headers) && fields.is_empty() && !has_body {
        return method_not_allowed().await;
    }
    let metadata = CallMetadata::new(&head.headers, &head.extensions);
    let (permit, bytes) = match receive(&gateway, &head.headers, metadata.deadline, body).await {
        Ok(received) => received,
        Err(response) => return response,
    };
    let held = Arc::clone(&permit.bytes);
    let read = offload_large(bytes.len(), move || read_request(endpoint, &bytes, fields, &held));
    let (request, form) = match read.await.and_then(|read| read) {
        Ok(request) => request,
        Err(Rejection::Invalid(error)) => {
            return (StatusCode::UNPROCESSABLE_ENTITY, detail(error)).into_response();
        }
        Err(rejection) => return rejected(&rejection, None),
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
    let encoding = Arc::new(permit.bytes.another());
    let events = events(stream::iter(first).chain(items).then(move |item| {
        let encoding = Arc::clone(&encoding);
        async move {
            let bytes = match &item {
                StreamItem::Document(document) => document.memory_bytes(),
                StreamItem::Failed(_) => 0,
            };
            let encoded = offload_large(bytes, move || update(&item, form, &encoding)).await;
            encoded.map_err(io::Error::other)?
        }
    }));
    charge(events, &permit.bytes, ReplyKind::Stream)
}

/// Encodes the event of a document. Its memory is charged to `encoding` while it is made, and then to the response.
///
/// # Errors
/// For a request that has failed, and without capacity: the error ends the connection, so that the client does not take
/// the stream for complete.
fn update(item: &StreamItem, form: DocumentForm, encoding: &BytesPermit) -> io::Result<Bytes> {
    match item {
        StreamItem::Document(document) => event(document, form, encoding),
        StreamItem::Failed(_) => Err(io::Error::other("the request failed after its first document")),
    }
}

fn accepts_events(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains(EVENTS))
}

/// Reads the document, and infers its form, which is also that of the results. A body without every key of docarray's
/// first schema counts as the second, because only clients of the second send a body with `GET`.
fn read_request(
    endpoint: String,
    body: &[u8],
    fields: Vec<(String, String)>,
    permit: &BytesPermit,
) -> Result<(GatewayRequest, DocumentForm), Rejection> {
    let body = without_byte_order_mark(body).trim_ascii();
    let (document, form) =
        match body {
            [] => read_query(fields)?,
            [first, ..] if *first != b'{' => {
                return Err(Rejection::Invalid("the body must be a document".to_owned()));
            }
            body => json_request::read_single(body, &decode_budget(body.len(), permit)).map_err(|error| {
                match error {
                    ReadError::Invalid(error) => Rejection::Invalid(error.line()),
                    ReadError::Rejected(rejection) => rejection,
                }
            })?,
        };
    let (documents, schema) = (vec![document].into(), form.schema());
    Ok((GatewayRequest { endpoint, documents, schema, ..GatewayRequest::default() }, form))
}

/// Reads the document in a query, which is as long as the head of a request at most.
fn read_query(fields: Vec<(String, String)>) -> Result<(Document, DocumentForm), Rejection> {
    let value = Value::Object(fields.into_iter().map(field).collect());
    let form = DocumentForm::infer(&value);
    let document = read_one(&value, form).map_err(|error| Rejection::Invalid(error.to_string()))?;
    Ok((document, form))
}

fn field((name, text): (String, String)) -> (String, Value) {
    let value = JSON_FIELDS.contains(&name.as_str()).then(|| serde_json::from_str(&text).ok()).flatten();
    (name, value.unwrap_or(Value::String(text)))
}

fn event(document: &Document, form: DocumentForm, encoding: &BytesPermit) -> io::Result<Bytes> {
    let event = encode_between(document, form, (b"event: update\r\ndata: ", b"\r\n\r\n"), encoding)?;
    encoding.shrink_to(0);
    Ok(event.into())
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
    use crate::gateway::admission::Admission;

    fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn read_request(
        endpoint: String,
        body: &[u8],
        fields: Vec<(String, String)>,
    ) -> Result<(GatewayRequest, DocumentForm), Rejection> {
        super::read_request(endpoint, body, fields, &Admission::new(1, 0).bytes_permit())
    }

    #[test]
    fn a_document_is_read_from_the_body_or_else_from_the_query() {
        let query = fields(&[
            ("text", "7"),
            ("weight", "0.5"),
            ("tags", r#"{"a": 1}"#),
            ("matches", r#"[{"id": "m"}]"#),
        ]);
        let (read, _) = read_request("/x".to_owned(), b"", query).unwrap();
        let document = &read.documents[0];
        assert_eq!((document.text.as_deref(), document.weight), (Some("7"), Some(0.5)));
        assert_eq!((&document.tags["a"], document.matches[0].id.as_str()), (&1.into(), "m"));
        let (read, _) = read_request("/x".to_owned(), br#"{"text": "b"}"#, fields(&[("text", "q")])).unwrap();
        assert_eq!(read.documents[0].text.as_deref(), Some("b"));
        let error = read_request("/x".to_owned(), b"[]", Vec::new()).err().unwrap();
        assert_eq!(error.to_string(), "the body must be a document");
    }

    #[test]
    fn events_are_split_at_the_offsets_of_the_client() {
        let document = Document::new("a");
        let permit = Admission::new(1, 1 << 20).bytes_permit();
        let event = event(&document, DocumentForm::SetKeys, &permit).unwrap();
        assert_eq!(&event[..], b"event: update\r\ndata: {\"id\":\"a\"}\r\n\r\n");
        // The client skips 14 bytes after `event: `, and parses the rest as JSON.
        assert_eq!(&event["event: ".len()..][..14], b"update\r\ndata: ");
    }
}
