//! HTTP: requests as JSON, in the shapes of Jina's HTTP gateway.

mod ask;
pub(super) mod body;
mod models;
mod observe;
mod openapi;
mod stream;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use serde::Serialize;
use serde_json::json;
use tower_http::cors::CorsLayer;

use super::listen::is_grpc;
use super::service::Gateway;
use super::{grpc, pages, websocket};
use crate::spec::GatewaySpec;

/// The paths that tell those who watch over the process how it is.
const OPEN: [&str; 2] = ["/live", "/ready"];

/// Every path. `endpoints` are those that executors name: each has a path of its own.
pub(super) fn routes(look: &GatewaySpec, endpoints: &BTreeSet<String>) -> Router<Arc<Gateway>> {
    let mut router = Router::new()
        .route("/", get(websocket::requests))
        .route("/dry_run", get(websocket::dry_run))
        .route("/openapi.json", get(openapi::openapi))
        .route("/live", get(observe::live))
        .route("/ready", get(observe::ready))
        .route("/metrics", get(observe::metrics));
    router = router.merge(pages::routes(look.logserver));
    if !look.no_debug_endpoints {
        router = router.route("/status", get(observe::status)).route("/post", post(ask::post));
    }
    for (path, method, endpoint) in paths(look, endpoints) {
        let streamed = endpoint.clone();
        let handler = move |gateway, request| ask::endpoint(gateway, endpoint.clone(), request);
        let streaming = move |gateway, request| stream::endpoint(gateway, streamed.clone(), request);
        let method = match method {
            "put" => put(handler),
            "delete" => delete(handler),
            _ => post(handler),
        };
        router = router.route(&path, method.get(streaming));
    }
    router
}

/// The endpoints that have a path of their own: path, method, endpoint.
fn paths(look: &GatewaySpec, endpoints: &BTreeSet<String>) -> Vec<(String, &'static str, String)> {
    const CRUD: [(&str, &str); 4] =
        [("/index", "post"), ("/search", "post"), ("/update", "put"), ("/delete", "delete")];
    let mut taken: BTreeSet<String> = [
        "/",
        "/dry_run",
        "/openapi.json",
        "/live",
        "/ready",
        "/metrics",
        "/status",
        "/post",
        "/flow.json",
        "/docs",
        "/redoc",
        "/thumbnail",
        "/dashboard",
        "/dashboard.json",
    ]
    .map(str::to_owned)
    .into();
    let mut paths = Vec::new();
    let crud = CRUD.iter().filter(|_| !look.no_crud_endpoints);
    let crud = crud.map(|(path, method)| ((*path).to_owned(), *method, (*path).to_owned()));
    let exposed = look.exposed.iter().map(|(path, endpoint)| (path.clone(), "post", endpoint.clone()));
    let named = endpoints.iter().map(|endpoint| (endpoint.clone(), "post", endpoint.clone()));
    for (path, method, endpoint) in crud.chain(exposed).chain(named) {
        // What the router would take for a pattern has no path of its own; `/post` reaches it.
        let plain = path.starts_with('/') && !path.contains(['{', '}', '*', ':']);
        if plain && taken.insert(path.clone()) {
            paths.push((path, method, endpoint));
        }
    }
    paths
}

/// The same routes, open to pages from elsewhere if the flow says so.
pub(super) fn with_cors(router: Router<Arc<Gateway>>, look: &GatewaySpec) -> Router<Arc<Gateway>> {
    if look.cors { router.layer(CorsLayer::very_permissive()) } else { router }
}

/// Whether a path answers whoever asks.
pub(super) fn is_open(path: &str) -> bool {
    OPEN.contains(&path)
}

/// An error in FastAPI's form.
pub(super) fn detail(detail: impl Serialize) -> Response {
    as_json(&json!({ "detail": detail }))
}

/// A value as the body of a response.
pub(super) fn as_json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        // Documents and messages can always be written.
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The answer where there is nothing.
pub(super) async fn not_found(request: Request) -> Response {
    if is_grpc(&request) {
        return grpc::status_response(tonic::Status::unimplemented("Method not found!"));
    }
    (StatusCode::NOT_FOUND, detail("Not Found")).into_response()
}

/// The answer where there is something else.
pub(super) async fn method_not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, detail("Method Not Allowed")).into_response()
}
