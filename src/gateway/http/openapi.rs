//! `/openapi.json`: the paths there are. `jina.Client` reads it to learn which endpoints have one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{as_json, paths};
use crate::gateway::service::Gateway;

/// The description.
pub(super) async fn openapi(State(gateway): State<Arc<Gateway>>) -> Response {
    let look = &gateway.look;
    let title = look.title.clone().unwrap_or_else(|| gateway.facts.name.clone());
    let mut described = Map::new();
    let mut gets =
        vec![("/", "whether the gateway is there"), ("/dry_run", "whether every executor answers")];
    if !look.no_debug_endpoints {
        described.insert("/post".to_owned(), json!({ "post": operation("a request to any endpoint") }));
        gets.push(("/status", "who is there"));
    }
    for (path, summary) in gets {
        let responses = json!({ "200": { "description": summary } });
        described.insert(path.to_owned(), json!({ "get": { "summary": summary, "responses": responses } }));
    }
    for (path, method, endpoint) in paths(look, &gateway.facts.endpoints) {
        described.insert(path, json!({ method: operation(&format!("a request to `{endpoint}`")) }));
    }
    as_json(&json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "description": look.description.clone().unwrap_or_default(),
            "version": env!("CARGO_PKG_VERSION"),
        },
        "paths": described,
        "components": { "schemas": { "Request": schema() } },
    }))
}

fn operation(summary: &str) -> Value {
    json!({
        "summary": summary,
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Request" } } },
        },
        "responses": {
            "200": { "description": "the reply; `header.status` is set when the request failed" },
            "422": { "description": "not a request" },
            "429": { "description": "no room now; `Retry-After` says when to try again" },
            "503": { "description": "the flow is ending" },
            "504": { "description": "the deadline passed" },
        },
    })
}

/// The shape of a request.
fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "data": { "type": "array", "items": { "type": "object" } },
            "parameters": { "type": "object" },
            "execEndpoint": { "type": "string" },
            "targetExecutor": { "type": "string" },
            "header": { "type": "object" },
        },
    })
}
