//! The router: built-in routes, endpoint paths, compression, authentication, CORS, and the protection of
//! [`browsers`](super::browsers).
//!
//! Built-in routes come from the table in [`crate::routes`]: a row without a handler does not compile. Endpoints are
//! routed by [`endpoint_paths`]. Connections are served in [`listen`](super::listen).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _, SizeAbove};

use super::browsers::{BrowserPolicy, cors_layer, refuse_foreign_pages};
use super::http::endpoint_paths::{EndpointPath, endpoint_paths};
use super::json_response::{detail, method_not_allowed};
use super::security::{authenticate, check_worker};
use super::service::Gateway;
use super::unread_body::announce_close;
use super::{grpc, http, pages, websocket};
use crate::limits::HTTP_COMPRESS_BYTES_MIN;
use crate::routes::{Enabled, built_in_routes, find};
use crate::spec::GatewaySpec;

/// Builds the router of a gateway for its listener at `address`.
pub(super) fn router(gateway: &Arc<Gateway>, address: SocketAddr) -> Router {
    let endpoints = endpoint_paths(&gateway.config, &gateway.info.endpoints);
    let routes = built_in(&gateway.config).merge(endpoint_routes(endpoints, gateway));
    let routes = routes.fallback(not_found).method_not_allowed_fallback(method_not_allowed);
    protected(routes, gateway, address)
}

/// Builds the router of the port for health and metrics alone.
pub(super) fn health_router(gateway: &Arc<Gateway>, address: SocketAddr) -> Router {
    let routes = probes().route("/metrics", get(http::health::metrics));
    protected(routes.fallback(not_found).method_not_allowed_fallback(method_not_allowed), gateway, address)
}

/// Builds the router of connections that are reserved for probes (see [`connection_limit`](super::connection_limit)).
pub(super) fn probe_router(gateway: &Arc<Gateway>) -> Router {
    let busy = || async {
        let message = "too many connections: only `/live` and `/ready` are answered at present";
        (StatusCode::SERVICE_UNAVAILABLE, detail(message))
    };
    probes().fallback(busy).with_state(Arc::clone(gateway))
}

/// Routes of probes, which are public.
fn probes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/live", get(http::health::live))
        .route("/ready", get(http::health::ready))
        .route("/grpc.health.v1.Health/Check", post(grpc::health::check))
}

/// Adds authentication, CORS and the protection against foreign pages. Layers apply from the last line to the first.
fn protected(routes: Router<Arc<Gateway>>, gateway: &Arc<Gateway>, address: SocketAddr) -> Router {
    let routes = match &gateway.worker {
        Some(worker) => routes.layer(from_fn_with_state(Arc::clone(worker), check_worker)),
        None => routes,
    };
    let routes = routes.layer(from_fn_with_state(gateway.tokens.clone(), authenticate));
    let routes = match BrowserPolicy::new(&gateway.config, address, !gateway.tokens.is_empty()) {
        Some(policy) => routes.layer(from_fn_with_state(Arc::new(policy), refuse_foreign_pages)),
        None => routes,
    };
    let routes = match cors_layer(&gateway.config.cors) {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes.layer(from_fn(announce_close)).with_state(Arc::clone(gateway))
}

macro_rules! attach_handlers {
    ($($path:literal $method:ident $access:ident $enabled:ident $description:expr => $($handler:ident)::+;)+) => {
        /// The built-in routes that the flow enables. gRPC compresses its messages itself.
        fn built_in(config: &GatewaySpec) -> Router<Arc<Gateway>> {
            let (mut calls, mut routes) = (Router::new(), Router::new());
            $(
                if Enabled::$enabled.by(config.no_debug_endpoints, config.logserver) {
                    let handler = axum::routing::$method($($handler)::+);
                    match is_grpc_path($path) {
                        true => calls = calls.route($path, handler),
                        false => routes = routes.route($path, handler),
                    }
                }
            )+
            calls.merge(compressed(routes))
        }
    };
}
built_in_routes!(attach_handlers);

/// True for the path of a gRPC method, `/PACKAGE.Service/Method`.
fn is_grpc_path(path: &str) -> bool {
    path.starts_with("/jina.") || path.starts_with("/grpc.")
}

/// The endpoints of the flow: a request with its documents, or `GET` for one document and a stream of events, except at
/// endpoints that write.
fn endpoint_routes(paths: Vec<EndpointPath>, gateway: &Gateway) -> Router<Arc<Gateway>> {
    let mut router = Router::new();
    for EndpointPath { path, method, endpoint } in paths {
        let (streamed, is_writing) = (endpoint.clone(), gateway.info.is_writing(&endpoint));
        let handler = move |gateway, request| http::submit::endpoint(gateway, endpoint.clone(), request);
        let streaming =
            move |gateway, request| http::event_stream::endpoint(gateway, streamed.clone(), request);
        let method = match method {
            "put" => put(handler),
            "delete" => delete(handler),
            _ => post(handler),
        };
        let method = if is_writing { method } else { method.get(streaming) };
        router = router.route(&path, method);
    }
    compressed(router)
}

/// Compresses long responses for clients that accept it, except images and videos, which are compressed already, and events,
/// which must not be buffered.
fn compressed(router: Router<Arc<Gateway>>) -> Router<Arc<Gateway>> {
    let long = SizeAbove::new(HTTP_COMPRESS_BYTES_MIN).and(DefaultPredicate::new());
    let long = long.and(NotForContentType::const_new("video/"));
    router.layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(long))
}

/// Answers a request whose path has no route.
async fn not_found(request: Request) -> Response {
    if grpc::codec::is_grpc(&request) {
        return grpc::codec::status_response(tonic::Status::unimplemented("Method not found!"));
    }
    let reason = match find(request.uri().path()).map(|route| route.enabled) {
        Some(Enabled::Dashboard) => "this page needs `logserver: true` in the flow",
        Some(Enabled::Debug) => "this route is removed by `no_debug_endpoints` in the flow",
        Some(Enabled::Always) | None => "Not Found",
    };
    (StatusCode::NOT_FOUND, detail(reason)).into_response()
}
