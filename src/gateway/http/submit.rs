//! Requests over HTTP: JSON in, JSON out.

use std::sync::Arc;
use std::time::Instant;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use flowrun_sdk::ErrorKind;
use http_body_util::BodyExt as _;

use crate::gateway::admission::{Permit, max_wait};
use crate::gateway::call_metadata::{CallMetadata, REQUEST_ID};
use crate::gateway::inflate::{Coding, OnFull, decompress};
use crate::gateway::json_response::{JSON, detail};
use crate::gateway::message_buffer::MessageBuffer;
use crate::gateway::offload::offload_large;
use crate::gateway::pages::shown_documents::PAGE_HEADER;
use crate::gateway::request::{GatewayRequest, Rejection, RequestFailure};
use crate::gateway::request_body::RequestBody;
use crate::gateway::response_body::{ReplyKind, charge};
use crate::gateway::service::Gateway;
use crate::gateway::wire::json_message::{ReplyContext, Spelling};
use crate::gateway::wire::json_request::{self, ReadError};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::runtime::sanitize;

/// Header that selects HTTP error codes for failed requests: `x-flowrun-errors: http`.
const ERRORS_HEADER: &str = "x-flowrun-errors";

/// Query field with the same meaning, for clients that cannot set headers.
const ERRORS_QUERY: &str = "errors=";

/// `POST /post`: a request whose body names the endpoint.
pub(in crate::gateway) async fn post(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    handle(&gateway, None, request).await
}

/// A request to the path of `endpoint`.
pub(in crate::gateway) async fn endpoint(
    State(gateway): State<Arc<Gateway>>,
    endpoint: String,
    request: Request,
) -> Response {
    handle(&gateway, Some(&endpoint), request).await
}

async fn handle(gateway: &Gateway, endpoint: Option<&str>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let metadata = CallMetadata::new(&head.headers, &head.extensions);
    let (permit, bytes) = match receive(gateway, &head.headers, metadata.deadline, body).await {
        Ok(received) => received,
        Err(response) => return response,
    };
    let (held, endpoint) = (Arc::clone(&permit.bytes), endpoint.map(str::to_owned));
    let read =
        offload_large(bytes.len(), move || json_request::read(bytes, endpoint.as_deref(), &metadata, &held));
    let message = match read.await.map_err(ReadError::Rejected).and_then(|message| message) {
        Ok(message) => message,
        Err(error) => return unreadable(&error),
    };
    let (request, context) = message.split();
    let id = HeaderValue::try_from(&*sanitize(context.request_id()));
    let mut response = submit(gateway, &permit, &head, request, context).await;
    // The id under which the request is logged.
    if let Ok(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    charge(response, &permit.bytes, ReplyKind::Single)
}

async fn submit(
    gateway: &Gateway,
    permit: &Permit,
    head: &Parts,
    request: GatewayRequest,
    context: ReplyContext,
) -> Response {
    let response = match gateway.submit(permit, request).await {
        Ok(response) => response,
        Err(rejection) => return rejected(&rejection, Some(&context)),
    };
    let mut context = context.with_schema(response.schema);
    if let (true, Ok(response)) = (head.headers.contains_key(PAGE_HEADER), &response.result) {
        gateway.pages.shown.lock().remember(&response.documents);
    }
    let late = response.deadline_exceeded().is_some();
    let code = match &response.result {
        // Clients of the second schema read the header of a late reply, and the detail of a failed one.
        Err(failure) if context.fails_as_http_error() && !late => return failed(failure),
        _ if late => StatusCode::GATEWAY_TIMEOUT,
        Err(failure) if wants_error_code(head) => error_code(failure.kind),
        _ => StatusCode::OK,
    };
    let bytes = Arc::clone(&permit.bytes);
    let encoded =
        offload_large(response.documents_bytes(), move || context.reply(&response, Spelling::Camel, &bytes));
    match encoded.await.and_then(|encoded| encoded) {
        Ok(reply) => (code, JSON, reply).into_response(),
        Err(rejection) => rejected(&rejection, None),
    }
}

/// True if the header or the query selects a status code of 4xx or 5xx for a failed request. Jina's clients expect 200,
/// and an error in the body.
fn wants_error_code(head: &Parts) -> bool {
    let is_http = |value: &[u8]| value.eq_ignore_ascii_case(b"http");
    let query = head.uri.query().unwrap_or_default();
    head.headers.get(ERRORS_HEADER).is_some_and(|value| is_http(value.as_bytes()))
        || query
            .split('&')
            .filter_map(|field| field.strip_prefix(ERRORS_QUERY))
            .any(|value| is_http(value.as_bytes()))
}

/// Error code of a failed request: 422 if its documents or parameters are the cause, 504 if its deadline passed, else
/// 500.
fn error_code(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Input | ErrorKind::Parameter => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Expired => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Response to a failed request as an HTTP error: 500, with the status as detail.
pub(super) fn failed(failure: &RequestFailure) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, detail(&failure.status.description)).into_response()
}

/// Response to a request that cannot be read.
fn unreadable(error: &ReadError) -> Response {
    match error {
        ReadError::Invalid(invalid) => (StatusCode::UNPROCESSABLE_ENTITY, detail([invalid])).into_response(),
        ReadError::Rejected(rejection) => rejected(rejection, None),
    }
}

/// Coding of the body.
///
/// # Errors
/// The response to a request with a coding that is not supported (RFC 9110, 15.5.16).
fn content_coding(headers: &HeaderMap) -> Result<Option<Coding>, Box<Response>> {
    let name = headers.get(header::CONTENT_ENCODING).map_or("", |name| name.to_str().unwrap_or("binary"));
    Coding::from_name(name).map_err(|name| {
        let (name, names) = (sanitize(name), Coding::NAMES);
        let message = format!("the content encoding `{name}` is not supported; supported are {names}");
        let accepted = [(header::ACCEPT_ENCODING, names)];
        Box::new((StatusCode::UNSUPPORTED_MEDIA_TYPE, accepted, detail(message)).into_response())
    })
}

/// Length of the body, if it is declared.
pub(in crate::gateway) fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Admits a request by its headers, then reads its body and decompresses it. A request with a declared length is rejected
/// before its body is read.
///
/// # Errors
/// The response to a request that is not admitted, or whose body is too large, damaged, stalls, or exceeds the capacity of
/// the gateway.
pub(super) async fn receive(
    gateway: &Gateway,
    headers: &HeaderMap,
    deadline: Option<Instant>,
    body: Body,
) -> Result<(Arc<Permit>, Bytes), Response> {
    let coding = content_coding(headers).map_err(|response| *response)?;
    let length = content_length(headers);
    if length.is_some_and(|length| length > MESSAGE_BYTES_MAX) {
        return Err(rejected(&Rejection::message_too_large(), None));
    }
    let permit = match gateway.admit(length.unwrap_or_default(), Some(max_wait(deadline))) {
        Ok(permit) => Arc::new(permit),
        Err(rejection) => {
            drop(body);
            gateway.rejections.wait(&rejection).await;
            return Err(rejected(&rejection, None));
        }
    };
    let body = receive_body(&permit, body, coding).await?;
    Ok((permit, body))
}

async fn receive_body(permit: &Arc<Permit>, body: Body, coding: Option<Coding>) -> Result<Bytes, Response> {
    let body = match read_body(RequestBody::single(body, permit)).await {
        Ok(body) => body,
        Err(error) => {
            return Err(match error.downcast::<Rejection>() {
                Ok(rejection) => rejected(&rejection, None),
                Err(error) => (StatusCode::BAD_REQUEST, detail(error.to_string())).into_response(),
            });
        }
    };
    let Some(coding) = coding else { return Ok(body) };
    let decompressed = decompress(coding, body, &permit.bytes, OnFull::Reject).await;
    decompressed.map_err(|rejection| rejected(&rejection, None))
}

async fn read_body(mut body: RequestBody) -> Result<Bytes, BoxError> {
    let mut buffer = MessageBuffer::default();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if buffer.len() == 0 && body.is_end_stream() {
            return Ok(data);
        }
        let rest = body.size_hint().exact().map_or(0, |rest| usize::try_from(rest).unwrap_or(usize::MAX));
        if buffer.len() + data.len() > MESSAGE_BYTES_MAX {
            return Err(Rejection::message_too_large().into());
        }
        buffer.push(&data, rest.saturating_add(data.len()));
    }
    Ok(buffer.take())
}

/// Response to a rejected request, in the form of a failed one, which clients can parse. `context` is absent before
/// the body is read.
pub(super) fn rejected(rejection: &Rejection, context: Option<&ReplyContext>) -> Response {
    let code = match rejection {
        Rejection::Overloaded(_) => StatusCode::TOO_MANY_REQUESTS,
        Rejection::Draining | Rejection::Unanswered => StatusCode::SERVICE_UNAVAILABLE,
        Rejection::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
        Rejection::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Rejection::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Rejection::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Rejection::Forbidden(_) => StatusCode::FORBIDDEN,
    };
    let status = rejection.status().to_json();
    let body = match context {
        Some(context) => context.rejected_reply(status, Spelling::Camel),
        None => serde_json::json!({ "header": { "status": status } }).to_string().into_bytes(),
    };
    let mut response = (code, JSON, body).into_response();
    if matches!(rejection, Rejection::Overloaded(_)) {
        let seconds = Rejection::RETRY_AFTER.as_secs().into();
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}
