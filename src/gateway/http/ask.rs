//! Questions over HTTP.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::body::{self, Asked, Spelling};
use super::detail;
use crate::gateway::admission::{Ticket, patience};
use crate::gateway::arriving::Arriving;
use crate::gateway::departing::{Departures, departing};
use crate::gateway::exchange::{Failed, Question, Refusal};
use crate::gateway::pages::PAGE_HEADER;
use crate::gateway::service::Gateway;
use crate::gateway::wire::{Caller, REQUEST_ID, Status};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::runtime::sanitize;

/// `/post`: the endpoint stands in the body.
pub(super) async fn post(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    ask(&gateway, None, request).await
}

/// A path that is an endpoint.
pub(super) async fn endpoint(
    State(gateway): State<Arc<Gateway>>,
    endpoint: String,
    request: Request,
) -> Response {
    ask(&gateway, Some(&endpoint), request).await
}

async fn ask(gateway: &Gateway, endpoint: Option<&str>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    // Refused before it is read, where the head says how long it is.
    let announced = announced_length(&head.headers);
    if announced.is_some_and(|length| length > MESSAGE_BYTES_MAX) {
        return too_large();
    }
    let caller = Caller::of(&head.headers);
    let ticket = match gateway.enter(announced.unwrap_or_default(), Some(patience(caller.deadline))) {
        Ok(ticket) => Arc::new(ticket),
        Err(refusal) => {
            drop(body);
            gateway.refusals.turn(&refusal).await;
            return refused(&refusal, None);
        }
    };
    let departures = Departures::of(&head.extensions);
    let bytes = match receive(&ticket, body).await {
        Ok(bytes) => bytes,
        Err(response) => return response,
    };
    let body = match body::read(&bytes, endpoint, &caller) {
        Ok(body) => body,
        Err(wrong) => return (StatusCode::UNPROCESSABLE_ENTITY, detail([wrong])).into_response(),
    };
    drop(bytes);
    let (question, asked) = body.split();
    let id = HeaderValue::try_from(&*sanitize(asked.id()));
    let mut response = answer(gateway, &ticket, &head.headers, question, asked).await;
    // For those who look for it in the log.
    if let Ok(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    departing(response, ticket, departures.as_deref())
}

async fn answer(
    gateway: &Gateway,
    ticket: &Ticket,
    headers: &HeaderMap,
    question: Question,
    asked: Asked,
) -> Response {
    match gateway.ask(ticket, question).await {
        Ok(answer) => {
            if let (true, Ok(response)) = (headers.contains_key(PAGE_HEADER), &answer.result) {
                gateway.pages.shown.lock().remember(&response.documents);
            }
            match &answer.result {
                // A client of the second schema reads the header of what was late, and the detail of what failed.
                Err(failed) if asked.fails_loudly() && answer.late().is_none() => self::failed(failed),
                _ => {
                    let code =
                        if answer.late().is_some() { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::OK };
                    (code, JSON, asked.reply(&answer, Spelling::Camel)).into_response()
                }
            }
        }
        Err(refusal) => refused(&refusal, Some(&asked)),
    }
}

/// A failure as an error of HTTP.
pub(super) fn failed(failed: &Failed) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, detail(&failed.status.description)).into_response()
}

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// How long the body is, if the head says so.
pub(super) fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The body, unless it is too large, takes too long to come or finds no room.
pub(super) async fn receive(ticket: &Ticket, body: axum::body::Body) -> Result<Bytes, Response> {
    let arriving = Arriving::whole(body, Arc::clone(&ticket.hold));
    match Limited::new(arriving, MESSAGE_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(match error.downcast::<Refusal>() {
            Ok(refusal) => refused(&refusal, None),
            Err(error) => (StatusCode::BAD_REQUEST, detail(error.to_string())).into_response(),
        }),
    }
}

fn too_large() -> Response {
    let message =
        format!("a request may have {} MiB; send fewer documents at a time", MESSAGE_BYTES_MAX >> 20);
    (StatusCode::PAYLOAD_TOO_LARGE, detail(message)).into_response()
}

/// How a refusal is told: as a failed request, which clients know how to read.
pub(super) fn refused(refusal: &Refusal, asked: Option<&Asked>) -> Response {
    let code = match refusal {
        Refusal::Overloaded(_) => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Ending => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Slow => StatusCode::REQUEST_TIMEOUT,
        Refusal::Expired => StatusCode::GATEWAY_TIMEOUT,
        Refusal::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
    };
    let status = Status::new(refusal.kind(), &refusal.to_string(), None, "").to_json();
    let body = match asked {
        Some(asked) => asked.refused(status, Spelling::Camel),
        None => serde_json::json!({ "header": { "status": status } }).to_string().into_bytes(),
    };
    let mut response = (code, JSON, body).into_response();
    if matches!(refusal, Refusal::Overloaded(_)) {
        let seconds = Refusal::RETRY_AFTER.as_secs().into();
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}
