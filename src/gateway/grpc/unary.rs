//! The methods that take one message and give one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use tonic::Status;

use super::{admitted, data, discovery, grpc, response, status_of, turned_away};
use crate::gateway::admission::Ticket;
use crate::gateway::departing::{Departures, departing};
use crate::gateway::exchange::Refusal;
use crate::gateway::info;
use crate::gateway::service::Gateway;
use crate::gateway::wire::jina::{
    DataRequestListProto, DataRequestProto, EndpointsProto, JinaInfoProto, StatusProto,
};
use crate::gateway::wire::{Caller, Envelope, data_reply, joined, refused};

/// Answers one data request.
pub(super) async fn process_single_data(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    one::<DataRequestProto>(gateway, request, |message| vec![message]).await
}

/// Answers several data requests as the one that a join would make of them. Jina's gateways send it to an executor
/// that stands where branches meet.
pub(super) async fn process_data(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    one::<DataRequestListProto>(gateway, request, |list| list.requests).await
}

/// Answers a message that is so many data requests.
async fn one<I: prost::Message + Default + 'static>(
    gateway: Arc<Gateway>,
    request: Request,
    requests: fn(I) -> Vec<DataRequestProto>,
) -> Response {
    let caller = Caller::of(request.headers());
    let departures = Departures::of(request.extensions());
    let (ticket, request) = match admitted(&gateway, request, &caller) {
        Ok(admitted) => admitted,
        Err(refusal) => return turned_away(&gateway, &refusal).await,
    };
    let mut served = data::<I, DataRequestProto>(&gateway);
    let held = Arc::clone(&ticket);
    let service = tower::service_fn(move |request: tonic::Request<I>| {
        let (gateway, ticket, caller) = (Arc::clone(&gateway), Arc::clone(&ticket), caller.clone());
        async move { process(&gateway, &ticket, requests(request.into_inner()), &caller).await }
    });
    departing(response(served.unary(service, request).await), held, departures.as_deref())
}

async fn process(
    gateway: &Gateway,
    ticket: &Ticket,
    messages: Vec<DataRequestProto>,
    caller: &Caller,
) -> Result<tonic::Response<DataRequestProto>, Status> {
    let envelopes: Vec<Envelope> = messages.into_iter().map(Envelope::of).collect();
    // More than has come, if it was compressed.
    let bytes = envelopes.iter().map(|envelope| envelope.documents.len()).sum();
    ticket.hold.at_least(bytes).map_err(|refusal| status_of(&refusal))?;
    let (envelope, question) = joined(envelopes, caller);
    let answer = match question {
        Ok(question) => gateway.ask(ticket, question).await,
        Err(refusal) => Err(refusal),
    };
    let reply = match answer {
        Ok(answer) => match answer.late() {
            Some(message) => return Err(Status::deadline_exceeded(message)),
            None => data_reply(envelope, answer),
        },
        Err(refusal @ Refusal::Invalid(_)) => refused(envelope, &refusal),
        Err(refusal) => return Err(status_of(&refusal)),
    };
    Ok(tonic::Response::new(reply))
}

/// Lists the endpoints that executors name, and what documents look like there.
pub(super) async fn endpoint_discovery(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let service = tower::service_fn(move |_: tonic::Request<()>| {
        let reply = discovery::endpoints(&gateway.facts);
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
