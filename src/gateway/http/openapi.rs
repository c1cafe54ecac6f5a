//! `/openapi.json`: paths, requests and responses. `jina.Client` finds the paths of endpoints in it; `/docs` renders
//! it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use flowrun_sdk::{ContentKind, ParameterHelp};
use serde_json::{Map, Value, json};

use super::endpoint_paths::{EndpointPath, endpoint_paths};
use super::models;
use crate::gateway::flow_info::FlowInfo;
use crate::gateway::json_response::json_response;
use crate::gateway::service::Gateway;
use crate::routes::{BUILT_IN, Description, QueryField, Route, ignores_documents};

/// A picture of one pixel: the example document of flows that need pictures.
const EXAMPLE_PICTURE: &str = "data:image/gif;base64,R0lGODdhAQABAIAAAP///////ywAAAAAAQABAAACAkQBADs=";

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
        let example = json!({ "data": [document(&gateway.info)], "execEndpoint": "/search" });
        let operation = documents_operation(&gateway, "a request to any endpoint", &example, &[]);
        paths.insert(route.path.to_owned(), json!({ route.method: operation }));
    }
    for EndpointPath { path, method, endpoint } in endpoint_paths(config, &gateway.info.endpoints) {
        let mut operations = Map::from_iter([(method.to_owned(), endpoint_operation(&gateway, &endpoint))]);
        if !gateway.info.is_writing(&endpoint) {
            operations.insert("get".to_owned(), streaming_operation(&gateway, &endpoint));
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
        "security": if gateway.tokens.is_empty() { json!([]) } else { json!([{ "token": [] }]) },
    }))
}

fn security_schemes(gateway: &Gateway) -> Value {
    match gateway.tokens.is_empty() {
        true => json!({}),
        false => json!({ "token": { "type": "http", "scheme": "bearer" } }),
    }
}

/// Reference to a model in `components`.
fn model_reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A response with a JSON body that `model` describes.
fn response(description: &str, model: &str) -> Value {
    let schema = model_reference(model);
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

/// A response with a JSON body that one of `models` describes.
fn either_response(description: &str, models: [&str; 2]) -> Value {
    let schemas = models.map(model_reference);
    json!({ "description": description, "content": { "application/json": { "schema": { "anyOf": schemas } } } })
}

/// A document that the flow can process, as an example.
fn document(info: &FlowInfo) -> Value {
    match info.needed_content {
        Some(ContentKind::Picture) => json!({ "uri": EXAMPLE_PICTURE }),
        Some(ContentKind::Text) | None => json!({ "text": "a text" }),
    }
}

/// OpenAPI operation of a request to `endpoint`: its effect, its parameters and the role that its token needs.
fn endpoint_operation(gateway: &Gateway, endpoint: &str) -> Value {
    let info = &gateway.info;
    let (summary, parameters) = match info.help(endpoint) {
        Some(help) => (help.summary.to_string(), help.parameters.as_slice()),
        None if info.handles(endpoint) => (format!("a request to `{endpoint}`"), &[][..]),
        None => ("no executor of this flow handles this endpoint".to_owned(), &[][..]),
    };
    let data = if ignores_documents(endpoint) { json!([]) } else { json!([document(info)]) };
    let example = json!({ "data": data, "parameters": {} });
    let mut operation = documents_operation(gateway, &summary, &example, parameters);
    add_role(&mut operation, gateway, endpoint);
    operation
}

/// Adds the role that the client's token needs, if the gateway has tokens.
fn add_role(operation: &mut Value, gateway: &Gateway, endpoint: &str) {
    if let Some(fields) = operation.as_object_mut().filter(|_| !gateway.tokens.is_empty()) {
        let role = gateway.info.needed_role(endpoint);
        fields.insert("description".to_owned(), format!("Needs a token with the role `{role}`.").into());
    }
}

/// Responses to a request with documents: `own`, and those to one that is not admitted.
fn responses(gateway: &Gateway, own: &[(&str, Value)]) -> Value {
    let mut responses: Map<_, _> = own.iter().map(|(code, own)| ((*code).to_owned(), own.clone())).collect();
    let rejections = [
        ("408", "the body arrived too slowly", "Reply"),
        ("413", "the request exceeds a limit on bytes or documents", "Reply"),
        ("415", "the encoding of the body is not supported", "Detail"),
        ("429", "the flow is busy; retry after `Retry-After` seconds", "Reply"),
        ("503", "the flow is draining, or the gateway has no capacity for the reply", "Reply"),
        ("504", "the deadline passed", "Reply"),
    ];
    let of_tokens = [
        ("401", "the token is missing or unknown", "Detail"),
        ("403", "the token has a lower role", "Reply"),
    ];
    let of_tokens = of_tokens.into_iter().filter(|_| !gateway.tokens.is_empty());
    let listed = rejections.into_iter().chain(of_tokens);
    responses
        .extend(listed.map(|(code, description, model)| (code.to_owned(), response(description, model))));
    responses.sort_keys();
    responses.into()
}

/// Schema of a request, with the parameters of its endpoint.
fn request_schema(parameters: &[ParameterHelp]) -> Value {
    if parameters.is_empty() {
        return model_reference("Request");
    }
    let properties = parameters.iter().map(|parameter| {
        let schema = json!({ "type": parameter.json_type, "description": parameter.summary });
        (parameter.name.to_string(), schema)
    });
    let parameters = json!({ "type": "object", "properties": properties.collect::<Map<_, _>>() });
    json!({ "allOf": [model_reference("Request"), { "properties": { "parameters": parameters } }] })
}

/// OpenAPI operation of a request with documents. `example` is an example of its body.
fn documents_operation(
    gateway: &Gateway,
    summary: &str,
    example: &Value,
    parameters: &[ParameterHelp],
) -> Value {
    let errors = json!({
        "name": "errors",
        "in": "query",
        "required": false,
        "schema": { "type": "string", "enum": ["http"] },
        "description": "`http`: a failed request has the status 422, 500 or 504 instead of 200",
    });
    json!({
        "summary": summary,
        "parameters": [errors],
        "requestBody": {
            "required": true,
            "content": {
                "application/json": { "schema": request_schema(parameters), "example": example },
            },
        },
        "responses": responses(gateway, &[
            ("200", either_response(
                "the reply; `header.status` is set if the request failed", ["Reply", "ShortReply"],
            )),
            ("422", either_response(
                "`ValidationError` for a body that is not a valid request; `Reply` for one that does not fit the flow, and with \
                 `errors=http` for a failed document",
                ["ValidationError", "Reply"],
            )),
            ("500", either_response(
                "the request failed: `Detail` for clients of docarray's second schema, `Reply` with `errors=http`",
                ["Detail", "Reply"],
            )),
        ]),
    })
}

/// OpenAPI operation of a request with one document, whose results are streamed as server-sent events.
fn streaming_operation(gateway: &Gateway, endpoint: &str) -> Value {
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
    let mut operation = json!({
        "summary": format!("one document to `{endpoint}`, with the results as server-sent events"),
        "parameters": [field("text", "a text"), field("uri", "")],
        "responses": responses(gateway, &[
            ("200", json!({
                "description": "an event `update` for each document, then one event `end`",
                "content": { "text/event-stream": { "schema": { "type": "string" } } },
            })),
            ("422", response("the query or body is not a document", "Detail")),
            ("500", response("the request failed", "Detail")),
        ]),
    });
    add_role(&mut operation, gateway, endpoint);
    operation
}

/// OpenAPI operation of a request without a body; `None` for a route that is described elsewhere or not at all.
fn plain_operation(description: Description) -> Option<Value> {
    let (summary, media_type, schema) = match description {
        Description::Hidden | Description::Documents => return None,
        Description::Object(summary) => (summary, "application/json", json!({ "type": "object" })),
        Description::Text(summary) => (summary, "text/plain", json!({ "type": "string" })),
        Description::Model(summary, model) => (summary, "application/json", model_reference(model)),
        Description::Media(summary, media_type, query) => {
            return Some(media_operation(summary, media_type, query));
        }
    };
    let content = json!({ media_type: { "schema": schema } });
    Some(json!({
        "summary": summary,
        "responses": { "200": { "description": summary, "content": content } },
    }))
}

/// OpenAPI operation of a route that returns a picture or video.
fn media_operation(summary: &str, media_type: &str, query: &[QueryField]) -> Value {
    let parameters = query.iter().map(|(name, json_type, required, description)| {
        json!({
            "name": name,
            "in": "query",
            "required": required,
            "schema": { "type": json_type },
            "description": description,
        })
    });
    let content = json!({ media_type: { "schema": { "type": "string", "format": "binary" } } });
    let mut responses =
        Map::from_iter([("200".to_owned(), json!({ "description": summary, "content": content }))]);
    let errors = [
        ("404", "no search has returned a document with this id, or its file does not exist"),
        ("413", "the file is too large"),
        ("422", "a time is not valid, or the file cannot be decoded"),
        ("501", "`ffmpeg` is not installed"),
        ("503", "too many are being made; retry after `Retry-After` seconds"),
        ("504", "making it took too long"),
    ];
    let text = json!({ "text/plain": { "schema": { "type": "string" } } });
    responses.extend(errors.map(|(code, description)| {
        (code.to_owned(), json!({ "description": description, "content": text }))
    }));
    json!({ "summary": summary, "parameters": parameters.collect::<Value>(), "responses": responses })
}
