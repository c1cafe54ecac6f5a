//! The unary methods: data requests, endpoint discovery, dry run and info.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use tonic::Status;

use super::codec::{
    AdmittedCall, admit, control_codec, control_request, data_codec, rejection_status, response,
};
use super::discovery;
use crate::gateway::admission::Permit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::request::Rejection;
use crate::gateway::response_body::hold_permit;
use crate::gateway::service::Gateway;
use crate::gateway::version_info;
use crate::gateway::wire::jina::{
    DataRequestListProto, DataRequestProto, EndpointsProto, JinaInfoProto, StatusProto,
};
use crate::gateway::wire::{Envelope, data_reply, joined_request, rejected_reply};

/// Serves one data request.
pub(in crate::gateway) async fn process_single_data(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Response {
    unary::<DataRequestProto>(gateway, request, |message| vec![message]).await
}

/// Serves several data requests, joined into one. Jina's gateway calls this for an executor with several `needs`.
pub(in crate::gateway) async fn process_data(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Response {
    unary::<DataRequestListProto>(gateway, request, |list| list.requests).await
}

/// Serves a message that contains one or more data requests.
async fn unary<I: prost::Message + Default + 'static>(
    gateway: Arc<Gateway>,
    request: Request,
    requests: fn(I) -> Vec<DataRequestProto>,
) -> Response {
    let AdmittedCall { permit, metadata, request, unwritten } = match admit(&gateway, request).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    let mut grpc = data_codec::<I, DataRequestProto>(&gateway);
    let reply_permit = Arc::clone(&permit);
    let service = tower::service_fn(move |request: tonic::Request<I>| {
        let (gateway, permit, metadata) = (Arc::clone(&gateway), Arc::clone(&permit), metadata.clone());
        async move { process(&gateway, &permit, requests(request.into_inner()), &metadata).await }
    });
    hold_permit(response(grpc.unary(service, request).await), reply_permit, unwritten.as_deref())
}

async fn process(
    gateway: &Gateway,
    permit: &Permit,
    messages: Vec<DataRequestProto>,
    metadata: &CallMetadata,
) -> Result<tonic::Response<DataRequestProto>, Status> {
    let envelopes: Vec<Envelope> = messages.into_iter().map(Envelope::new).collect();
    // The decoded size: a compressed message has received fewer bytes, and only those are reserved so far.
    let bytes = envelopes.iter().map(|envelope| envelope.documents.len()).sum();
    permit.bytes.try_grow_to(bytes).map_err(|rejection| rejection_status(&rejection))?;
    let (envelope, request) = joined_request(envelopes, metadata);
    let response = match request {
        Ok(request) => gateway.submit(permit, request).await,
        Err(rejection) => Err(rejection),
    };
    let reply = match response {
        Ok(response) => match response.deadline_exceeded() {
            Some(message) => return Err(Status::deadline_exceeded(message)),
            None => data_reply(envelope, response),
        },
        Err(rejection @ Rejection::Invalid(_)) => rejected_reply(envelope, &rejection),
        Err(rejection) => return Err(rejection_status(&rejection)),
    };
    Ok(tonic::Response::new(reply))
}

/// Lists the endpoints of the flow, with the schema of their documents.
pub(in crate::gateway) async fn endpoint_discovery(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Response {
    let request = control_request(&gateway, request);
    let service = tower::service_fn(move |_: tonic::Request<()>| {
        let reply = discovery::endpoints(&gateway.info);
        async { Ok::<_, Status>(tonic::Response::new(reply)) }
    });
    response(control_codec::<(), EndpointsProto>().unary(service, request).await)
}

/// Checks that every executor answers.
pub(in crate::gateway) async fn dry_run(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let request = control_request(&gateway, request);
    let service = tower::service_fn(move |_: tonic::Request<()>| {
        let gateway = Arc::clone(&gateway);
        async move {
            let failure = gateway.dry_run().await;
            let status = failure.map_or_else(StatusProto::default, |failure| failure.to_proto());
            Ok::<_, Status>(tonic::Response::new(status))
        }
    });
    response(control_codec::<(), StatusProto>().unary(service, request).await)
}

/// Reports names and versions of the service.
pub(in crate::gateway) async fn status(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let request = control_request(&gateway, request);
    let service = tower::service_fn(move |_: tonic::Request<()>| {
        let reply = JinaInfoProto { jina: version_info::versions(&gateway), ..JinaInfoProto::default() };
        async { Ok::<_, Status>(tonic::Response::new(reply)) }
    });
    response(control_codec::<(), JinaInfoProto>().unary(service, request).await)
}
