//! `grpc.health.v1.Health`: whether the gateway lets requests in.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use tonic::Status;

use super::{REFLECTION, SERVICES, grpc, response};
use crate::gateway::service::Gateway;

#[expect(unreachable_pub, reason = "written by prost from the .proto file")]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/grpc.health.v1.rs"));
}
use messages::health_check_response::ServingStatus;
use messages::{HealthCheckRequest, HealthCheckResponse};

/// The path of the method that orchestrators ask.
pub(super) const CHECK: &str = "/grpc.health.v1.Health/Check";

/// Says it once.
pub(super) async fn check(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let service = tower::service_fn(move |request: tonic::Request<HealthCheckRequest>| {
        let known = is_known(&request.get_ref().service);
        let reply = known.then(|| tonic::Response::new(now(&gateway)));
        async { reply.ok_or_else(|| Status::not_found("")) }
    });
    response(grpc::<HealthCheckRequest, HealthCheckResponse>().unary(service, request).await)
}

/// Says it at once and again when it changes, which it does at the end.
pub(super) async fn watch(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let service = tower::service_fn(move |request: tonic::Request<HealthCheckRequest>| {
        let gateway = Arc::clone(&gateway);
        let known = is_known(&request.get_ref().service);
        async move {
            let first = if known { now(&gateway) } else { status(ServingStatus::ServiceUnknown) };
            let later = stream::once(async move {
                gateway.admission.ended().await;
                if known { status(ServingStatus::NotServing) } else { status(ServingStatus::ServiceUnknown) }
            });
            let replies = stream::iter([first]).chain(later).map(Ok::<_, Status>);
            Ok::<_, Status>(tonic::Response::new(replies))
        }
    });
    response(grpc::<HealthCheckRequest, HealthCheckResponse>().server_streaming(service, request).await)
}

/// The empty name stands for the whole.
fn is_known(service: &str) -> bool {
    service.is_empty() || service == REFLECTION || SERVICES.contains(&service)
}

fn now(gateway: &Gateway) -> HealthCheckResponse {
    status(if gateway.admission.is_ending() { ServingStatus::NotServing } else { ServingStatus::Serving })
}

fn status(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
