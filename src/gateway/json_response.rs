//! JSON responses over HTTP, and errors in FastAPI's form.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;

/// Header of a response with a JSON body.
pub(super) const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// A response whose body is `value` as JSON.
pub(super) fn json_response(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (JSON, body).into_response(),
        // Unreachable for documents and messages: their keys are strings.
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// A response with an error in the form of FastAPI (the framework of Jina's HTTP gateway): `{"detail": …}`. The caller
/// sets the status code.
pub(super) fn detail(detail: impl Serialize) -> Response {
    json_response(&json!({ "detail": detail }))
}

/// Answers a request whose path has no route for its method.
pub(super) async fn method_not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, detail("Method Not Allowed")).into_response()
}
