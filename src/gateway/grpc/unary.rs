//! The methods that take one message and give one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use tonic::Status;

use super::metadata::Manners;
use super::{grpc, response, status_of};
use crate::gateway::exchange::Refusal;
use crate::gateway::info;
use crate::gateway::service::{DRY_RUN, Gateway};
use crate::gateway::wire::jina::{DataRequestProto, EndpointsProto, JinaInfoProto, StatusProto};
use crate::gateway::wire::{data_reply, open, refused};

/// Answers one data request.
pub(super) async fn process_single_data(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let manners = Manners::of(request.headers(), 1);
    let service = tower::service_fn(move |request: tonic::Request<DataRequestProto>| {
        let gateway = Arc::clone(&gateway);
        async move {
            let (envelope, question) = open(request.into_inner(), manners.deadline);
            let reply = match question {
                Ok(question) => {
                    let ticket =
                        gateway.enter(envelope.documents.len()).map_err(|refusal| status_of(&refusal))?;
                    match gateway.ask(&ticket, question).await {
                        Ok(answer) => match answer.late() {
                            Some(message) => return Err(Status::deadline_exceeded(message)),
                            None => data_reply(envelope, answer),
                        },
                        Err(refusal @ Refusal::Invalid(_)) => refused(envelope, &refusal),
                        Err(refusal) => return Err(status_of(&refusal)),
                    }
                }
                Err(refusal) => refused(envelope, &refusal),
            };
            Ok::<_, Status>(tonic::Response::new(reply))
        }
    });
    response(grpc::<DataRequestProto, DataRequestProto>().unary(service, request).await)
}

/// Lists the endpoints that executors name.
pub(super) async fn endpoint_discovery(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let service = tower::service_fn(move |_: tonic::Request<()>| {
        let mut endpoints: Vec<String> = gateway.facts.endpoints.iter().cloned().collect();
        if gateway.facts.any_endpoint {
            endpoints.push("/default".to_owned());
        }
        endpoints.push(DRY_RUN.to_owned());
        let reply = EndpointsProto { endpoints, ..EndpointsProto::default() };
        async { Ok::<_, Status>(tonic::Response::new(reply)) }
    });
    response(grpc::<(), EndpointsProto>().unary(service, request).await)
}

/// Says whether everything answers.
pub(super) async fn dry_run(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let service = tower::service_fn(move |_: tonic::Request<()>| {
        let gateway = Arc::clone(&gateway);
        async move {
            let failure = gateway.dry_run().await;
            let status = failure.map_or_else(StatusProto::default, |failure| failure.to_proto());
            Ok::<_, Status>(tonic::Response::new(status))
        }
    });
    response(grpc::<(), StatusProto>().unary(service, request).await)
}

/// Says who is there.
pub(super) async fn status(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let service = tower::service_fn(move |_: tonic::Request<()>| {
        let reply = JinaInfoProto { jina: info::versions(&gateway), ..JinaInfoProto::default() };
        async { Ok::<_, Status>(tonic::Response::new(reply)) }
    });
    response(grpc::<(), JinaInfoProto>().unary(service, request).await)
}
