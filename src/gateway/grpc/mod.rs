//! gRPC: the services that Jina's gateway offers, and the standard ones for health and reflection.
//!
//! The methods are routes like any other, so that one port speaks everything. tonic does what is gRPC about them:
//! framing, compression, trailers.

mod call;
mod discovery;
mod health;
mod metadata;
mod reflection;
mod stream_doc;
mod unary;

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use axum::routing::post;
use axum::{BoxError, Router};
use http_body_util::BodyExt as _;
use http_body_util::combinators::MapErr;
use tonic::codec::CompressionEncoding;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;

use super::admission::{Ticket, patience};
use super::arriving::Arriving;
use super::exchange::Refusal;
use super::service::Gateway;
use super::wire::Caller;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::spec::Compression;

/// Jina's services; reflection lists them, health vouches for them.
const SERVICES: [&str; 7] = [
    "jina.JinaDataRequestRPC",
    "jina.JinaDiscoverEndpointsRPC",
    "jina.JinaGatewayDryRunRPC",
    "jina.JinaInfoRPC",
    "jina.JinaRPC",
    "jina.JinaSingleDataRequestRPC",
    "jina.JinaSingleDocumentRequestRPC",
];

/// The service that clients find the others by.
const REFLECTION: &str = "grpc.reflection.v1alpha.ServerReflection";

/// Every method.
pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/jina.JinaRPC/Call", post(call::call))
        .route("/jina.JinaSingleDataRequestRPC/process_single_data", post(unary::process_single_data))
        .route("/jina.JinaDataRequestRPC/process_data", post(unary::process_data))
        .route("/jina.JinaSingleDocumentRequestRPC/stream_doc", post(stream_doc::stream_doc))
        .route("/jina.JinaDiscoverEndpointsRPC/endpoint_discovery", post(unary::endpoint_discovery))
        .route("/jina.JinaGatewayDryRunRPC/dry_run", post(unary::dry_run))
        .route("/jina.JinaInfoRPC/_status", post(unary::status))
        .route(health::CHECK, post(health::check))
        .route("/grpc.health.v1.Health/Watch", post(health::watch))
        .route("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", post(reflection::info))
}

/// Whether a path is one of the methods that answer whoever asks: an orchestrator has no token.
pub(super) fn is_open(path: &str) -> bool {
    path == health::CHECK
}

/// What reads messages of one type and writes those of another.
fn grpc<I, O>() -> Grpc<ProstCodec<O, I>>
where
    I: prost::Message + Default + Send + 'static,
    O: prost::Message + Send + 'static,
{
    Grpc::new(ProstCodec::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Deflate)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(usize::MAX)
}

/// The same for requests, whose replies are compressed as the flow says, if the client accepts it.
fn data<I, O>(gateway: &Gateway) -> Grpc<ProstCodec<O, I>>
where
    I: prost::Message + Default + Send + 'static,
    O: prost::Message + Send + 'static,
{
    match gateway.look.compression {
        None => grpc(),
        Some(Compression::Gzip) => grpc().send_compressed(CompressionEncoding::Gzip),
        Some(Compression::Deflate) => grpc().send_compressed(CompressionEncoding::Deflate),
    }
}

/// A body whose refusals tonic understands.
type Message = MapErr<Arriving, fn(BoxError) -> BoxError>;

/// Lets a call in by its head, and counts its one message as it comes.
fn admitted(
    gateway: &Gateway,
    request: Request,
    caller: &Caller,
) -> Result<(Arc<Ticket>, axum::http::Request<Message>), Refusal> {
    let ticket = Arc::new(gateway.enter(0, Some(patience(caller.deadline)))?);
    let hold = Arc::clone(&ticket.hold);
    Ok((ticket, request.map(|body| message(Arriving::whole(body, hold)))))
}

fn message(body: Arriving) -> Message {
    body.map_err(|error| match error.downcast::<Refusal>() {
        Ok(refusal) => status_of(&refusal).into(),
        Err(error) => error,
    })
}

/// A response of tonic's as one of the router's.
fn response(response: axum::http::Response<tonic::body::Body>) -> Response {
    response.map(axum::body::Body::new)
}

/// The answer to a call that ends before it began.
pub(super) fn status_response(status: tonic::Status) -> Response {
    response(status.into_http())
}

/// The answer to a call that is refused, when it is its turn.
async fn turned_away(gateway: &Gateway, refusal: &Refusal) -> Response {
    gateway.refusals.turn(refusal).await;
    status_response(status_of(refusal))
}

/// The status by which a refusal is told.
pub(super) fn status_of(refusal: &Refusal) -> tonic::Status {
    let message = refusal.to_string();
    match refusal {
        Refusal::Overloaded(_) => {
            let mut status = tonic::Status::resource_exhausted(message);
            let seconds = Refusal::RETRY_AFTER.as_secs().into();
            status.metadata_mut().insert("retry-after", seconds);
            status
        }
        Refusal::Ending => tonic::Status::unavailable(message),
        Refusal::Expired | Refusal::Slow => tonic::Status::deadline_exceeded(message),
        Refusal::Invalid(_) => tonic::Status::invalid_argument(message),
        Refusal::TooLarge(_) => tonic::Status::resource_exhausted(message),
    }
}
