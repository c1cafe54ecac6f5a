//! `/openapi.json`: the paths there are, what is sent to them and what they answer. `jina.Client` reads it to learn
//! which endpoints have a path; `/docs` shows it to people.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{as_json, models, paths};
use crate::gateway::service::Gateway;

/// The description.
pub(super) async fn openapi(State(gateway): State<Arc<Gateway>>) -> Response {
    let look = &gateway.look;
    let title = look.title.clone().unwrap_or_else(|| gateway.facts.name.clone());
    let mut described = Map::new();
    if !look.no_debug_endpoints {
        let summary = "a request to any endpoint";
        let operation =
            operation(summary, &json!({ "data": [{ "text": "a text" }], "execEndpoint": "/search" }));
        described.insert("/post".to_owned(), json!({ "post": operation }));
    }
    for (path, method, endpoint) in paths(look, &gateway.facts.endpoints) {
        let example = json!({ "data": [{ "text": "a text" }], "parameters": {} });
        let operation = operation(&format!("a request to `{endpoint}`"), &example);
        described.insert(path, json!({ method: operation, "get": streaming(&endpoint) }));
    }
    described.extend(looks(look.no_debug_endpoints, look.logserver));
    as_json(&json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "description": look.description.clone().unwrap_or_default(),
            "version": env!("CARGO_PKG_VERSION"),
        },
        "paths": described,
        "components": { "schemas": models::all(), "securitySchemes": security(&gateway) },
        "security": if gateway.token.is_some() { json!([{ "token": [] }]) } else { json!([]) },
    }))
}

fn security(gateway: &Gateway) -> Value {
    if gateway.token.is_some() {
        json!({ "token": { "type": "http", "scheme": "bearer" } })
    } else {
        json!({})
    }
}

/// A response whose body is that model.
fn answered(description: &str, model: &str) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{model}") });
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

/// A request of documents to an endpoint.
fn operation(summary: &str, example: &Value) -> Value {
    let either =
        ["Reply", "ShortReply"].map(|name| json!({ "$ref": format!("#/components/schemas/{name}") }));
    json!({
        "summary": summary,
        "requestBody": {
            "required": true,
            "content": {
                "application/json": { "schema": { "$ref": "#/components/schemas/Request" }, "example": example },
            },
        },
        "responses": {
            "200": {
                "description": "the reply; `header.status` is set when the request failed",
                "content": { "application/json": { "schema": { "anyOf": either } } },
            },
            "413": answered("more than a request may hold", "Reply"),
            "422": answered("not a request", "Wrong"),
            "429": answered("no room now; `Retry-After` says when to try again", "Reply"),
            "500": answered("the request failed, told to clients of docarray's second schema", "Detail"),
            "503": answered("the flow is ending", "Reply"),
            "504": answered("the deadline passed", "Reply"),
        },
    })
}

/// A request of one document, answered as a stream.
fn streaming(endpoint: &str) -> Value {
    let field = |name: &str, example: &str| {
        json!({
            "name": name,
            "in": "query",
            "required": false,
            "schema": { "type": "string" },
            "example": example,
            "description": format!("the document's `{name}`; any of its fields may be given, or the document as body"),
        })
    };
    json!({
        "summary": format!("one document to `{endpoint}`, what becomes of it as server-sent events"),
        "parameters": [field("text", "a text"), field("uri", "")],
        "responses": {
            "200": {
                "description": "an event `update` for each document, and one `end`",
                "content": { "text/event-stream": { "schema": { "type": "string" } } },
            },
            "422": answered("not a document", "Detail"),
            "500": answered("the request failed", "Detail"),
        },
    })
}

/// The paths by which the flow is looked at.
fn looks(no_debug_endpoints: bool, logserver: bool) -> Map<String, Value> {
    let get = |path: &str, summary: &str, kind: &str, schema: Value| {
        let content = json!({ kind: { "schema": schema } });
        let responses = json!({ "200": { "description": summary, "content": content } });
        (path.to_owned(), json!({ "get": { "summary": summary, "responses": responses } }))
    };
    let model = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let object = || json!({ "type": "object" });
    let json = "application/json";
    let mut paths = vec![
        get("/", "whether the gateway is there; for browsers, the page to search with", json, object()),
        get("/dry_run", "whether every executor answers", json, model("Status")),
        get("/live", "whether the process lives", json, object()),
        get("/ready", "whether it takes requests; if not, 503 and why, by pod", json, object()),
        get(
            "/metrics",
            "everything that is counted, for Prometheus",
            "text/plain",
            json!({ "type": "string" }),
        ),
        get("/flow.json", "what the flow is made of", json, object()),
    ];
    if !no_debug_endpoints {
        paths.push(get("/status", "who is there", json, model("Info")));
    }
    if logserver {
        paths.push(get("/dashboard.json", "the counts of this moment", json, object()));
    }
    paths.into_iter().collect()
}
