//! `/openapi.json`: paths, requests and responses. `jina.Client` finds the paths of endpoints in it; `/docs` renders it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::endpoint_paths::{EndpointPath, endpoint_paths};
use super::models;
use crate::gateway::json_response::json_response;
use crate::gateway::service::Gateway;
use crate::routes::{BUILT_IN, Description, Route, is_writing};

/// `GET /openapi.json`.
pub(in crate::gateway) async fn openapi(State(gateway): State<Arc<Gateway>>) -> Response {
    let config = &gateway.config;
    let title = config.title.clone().unwrap_or_else(|| gateway.info.name.clone());
    let enabled: Vec<&Route> = BUILT_IN
        .iter()
        .filter(|route| route.enabled.by(config.no_debug_endpoints, config.logserver))
        .collect();
    let mut paths = Map::new();
    for route in enabled.iter().filter(|route| route.description == Description::Documents) {
        let example = json!({ "data": [{ "text": "a text" }], "execEndpoint": "/search" });
        let operation = documents_operation("a request to any endpoint", &example);
        paths.insert(route.path.to_owned(), json!({ route.method: operation }));
    }
    for EndpointPath { path, method, endpoint } in endpoint_paths(config, &gateway.info.endpoints) {
        let example = json!({ "data": [{ "text": "a text" }], "parameters": {} });
        let operation = documents_operation(&format!("a request to `{endpoint}`"), &example);
        let mut operations = Map::from_iter([(method.to_owned(), operation)]);
        if !is_writing(&endpoint) {
            operations.insert("get".to_owned(), streaming_operation(&endpoint));
        }
        paths.insert(path, operations.into());
    }
    paths.extend(enabled.iter().filter_map(|route| {
        Some((route.path.to_owned(), json!({ route.method: plain_operation(route.description)? })))
    }));
    json_response(&json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "description": config.description.clone().unwrap_or_default(),
            "version": env!("CARGO_PKG_VERSION"),
        },
        "paths": paths,
        "components": { "schemas": models::all(), "securitySchemes": security_schemes(&gateway) },
        "security": if gateway.token.is_some() { json!([{ "token": [] }]) } else { json!([]) },
    }))
}

fn security_schemes(gateway: &Gateway) -> Value {
    if gateway.token.is_some() {
        json!({ "token": { "type": "http", "scheme": "bearer" } })
    } else {
        json!({})
    }
}

/// Reference to a model in `components`.
fn model_reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A JSON response with a model.
fn response(description: &str, model: &str) -> Value {
    let schema = model_reference(model);
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

/// A request with documents.
fn documents_operation(summary: &str, example: &Value) -> Value {
    let either = ["Reply", "ShortReply"].map(model_reference);
    json!({
        "summary": summary,
        "requestBody": {
            "required": true,
            "content": {
                "application/json": { "schema": model_reference("Request"), "example": example },
            },
        },
        "responses": {
            "200": {
                "description": "the reply; `header.status` is set if the request failed",
                "content": { "application/json": { "schema": { "anyOf": either } } },
            },
            "413": response("the request exceeds a limit on bytes or documents", "Reply"),
            "422": response("the body is not a valid request", "ValidationError"),
            "429": response("the flow is busy; retry after `Retry-After` seconds", "Reply"),
            "500": response("the request failed; only for clients of docarray's second schema", "Detail"),
            "503": response("the flow is draining", "Reply"),
            "504": response("the deadline passed", "Reply"),
        },
    })
}

/// A request with one document, whose results are streamed as events.
fn streaming_operation(endpoint: &str) -> Value {
    let field = |name: &str, example: &str| {
        json!({
            "name": name,
            "in": "query",
            "required": false,
            "schema": { "type": "string" },
            "example": example,
            "description": format!(
                "the document's `{name}`; every field of a document can be given like this, or the document as body"
            ),
        })
    };
    json!({
        "summary": format!("one document to `{endpoint}`, with the results as server-sent events"),
        "parameters": [field("text", "a text"), field("uri", "")],
        "responses": {
            "200": {
                "description": "an event `update` for each document, then one event `end`",
                "content": { "text/event-stream": { "schema": { "type": "string" } } },
            },
            "422": response("the query or body is not a document", "Detail"),
            "500": response("the request failed", "Detail"),
        },
    })
}

/// A request without documents; `None` for a route that is described elsewhere or not at all.
fn plain_operation(description: Description) -> Option<Value> {
    let (summary, media_type, schema) = match description {
        Description::Hidden | Description::Documents => return None,
        Description::Object(summary) => (summary, "application/json", json!({ "type": "object" })),
        Description::Text(summary) => (summary, "text/plain", json!({ "type": "string" })),
        Description::Model(summary, model) => (summary, "application/json", model_reference(model)),
    };
    let content = json!({ media_type: { "schema": schema } });
    Some(json!({
        "summary": summary,
        "responses": { "200": { "description": summary, "content": content } },
    }))
}
