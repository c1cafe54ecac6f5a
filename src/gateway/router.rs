//! The router: built-in routes, endpoint paths, compression, CORS and authentication.
//!
//! Built-in routes come from the table in [`crate::routes`]: a row without a handler does not compile. Endpoints are
//! routed by [`endpoint_paths`]. Connections are served in [`listen`](super::listen).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, post, put};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _, SizeAbove};
use tower_http::cors::CorsLayer;

use super::http::endpoint_paths::{EndpointPath, endpoint_paths};
use super::json_response::{detail, method_not_allowed};
use super::security::Token;
use super::service::Gateway;
use super::{grpc, http, pages, websocket};
use crate::limits::HTTP_COMPRESS_BYTES_MIN;
use crate::routes::{Access, Enabled, built_in_routes, find};
use crate::spec::GatewaySpec;

/// Builds the router of a gateway. Layers apply from the last line to the first.
pub(super) fn router(gateway: &Arc<Gateway>) -> Router {
    let endpoints = endpoint_paths(&gateway.config, &gateway.info.endpoints);
    let routes = built_in(&gateway.config).merge(endpoint_routes(endpoints));
    let routes = if gateway.config.cors { routes.layer(CorsLayer::very_permissive()) } else { routes };
    let routes = routes.fallback(not_found).method_not_allowed_fallback(method_not_allowed);
    let routes = match &gateway.token {
        Some(token) => routes.layer(from_fn_with_state(token.clone(), authenticate)),
        None => routes,
    };
    routes.with_state(Arc::clone(gateway))
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

/// The endpoints of the flow: a request with its documents, or `GET` for one document and a stream of events.
fn endpoint_routes(paths: Vec<EndpointPath>) -> Router<Arc<Gateway>> {
    let mut router = Router::new();
    for EndpointPath { path, method, endpoint } in paths {
        let streamed = endpoint.clone();
        let handler = move |gateway, request| http::submit::endpoint(gateway, endpoint.clone(), request);
        let streaming =
            move |gateway, request| http::event_stream::endpoint(gateway, streamed.clone(), request);
        let method = match method {
            "put" => put(handler),
            "delete" => delete(handler),
            _ => post(handler),
        };
        router = router.route(&path, method.get(streaming));
    }
    compressed(router)
}

/// Compresses long responses for clients that accept it, except images, which are compressed already, and events, which
/// must not be buffered.
fn compressed(router: Router<Arc<Gateway>>) -> Router<Arc<Gateway>> {
    let long = SizeAbove::new(HTTP_COMPRESS_BYTES_MIN).and(DefaultPredicate::new());
    router.layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(long))
}

/// Rejects requests without the token, unless their route is public.
async fn authenticate(State(token): State<Token>, request: Request, next: Next) -> Response {
    if token.is_sent(request.headers()) || is_public(&request) {
        return next.run(request).await;
    }
    let message = "send the token: `authorization: Bearer TOKEN`";
    if is_grpc(&request) {
        return grpc::codec::status_response(tonic::Status::unauthenticated(message));
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, challenge, detail(message)).into_response()
}

/// True if the route of a request answers it without a token.
fn is_public(request: &Request) -> bool {
    let get = request.method() == Method::GET;
    match find(request.uri().path()).map(|route| route.access) {
        None | Some(Access::Token) => false,
        Some(Access::Public) => true,
        Some(Access::PublicGet) => get,
        Some(Access::PublicHtml) => get && is_page_load(request.headers()),
    }
}

/// True if a browser loads a page; a WebSocket handshake is a `GET` too.
fn is_page_load(headers: &HeaderMap) -> bool {
    pages::assets::accepts_html(headers) && !headers.contains_key(header::UPGRADE)
}

/// True for a gRPC call.
fn is_grpc(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/grpc"))
}

/// Answers a request whose path has no route.
async fn not_found(request: Request) -> Response {
    if is_grpc(&request) {
        return grpc::codec::status_response(tonic::Status::unimplemented("Method not found!"));
    }
    (StatusCode::NOT_FOUND, detail("Not Found")).into_response()
}
