//! The unary methods: data requests, endpoint discovery, dry run and info.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use flowrun_wire::{ReceivedList, ReceivedRequest, WireError};
use prost::Message as _;
use tonic::Status;

use super::codec::{
    AdmittedCall, admit, control_codec, control_request, rejection_status, response, unary_response,
};
use super::discovery;
use crate::gateway::admission::Permit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::offload::offload_large;
use crate::gateway::request::Rejection;
use crate::gateway::response_body::{ReplyKind, charge};
use crate::gateway::service::Gateway;
use crate::gateway::version_info;
use crate::gateway::wire::jina::{DataRequestProto, EndpointsProto, JinaInfoProto, StatusProto};
use crate::gateway::wire::{
    Envelope, data_reply, decode_budget, decode_rejection, joined_request, rejected_reply,
};
use crate::limits::REPLY_BYTES_MIN;

/// Serves one data request.
pub(in crate::gateway) async fn process_single_data(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Response {
    unary(gateway, request, |message| Ok(vec![ReceivedRequest::decode(message.clone())?])).await
}

/// Serves several data requests in one message, joined into one request. Jina's gateway calls this for an executor with
/// several `needs`.
pub(in crate::gateway) async fn process_data(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Response {
    unary(gateway, request, |message| Ok(ReceivedList::decode(message)?.0)).await
}

/// Decodes the requests in a message.
type DecodeRequests = fn(&Bytes) -> Result<Vec<ReceivedRequest>, WireError>;

/// Serves a message that contains one or more data requests.
async fn unary(gateway: Arc<Gateway>, request: Request, decode: DecodeRequests) -> Response {
    let AdmittedCall { permit, metadata, headers, mut messages } = match admit(&gateway, request).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    let reply = match messages.single().await {
        Ok(message) => process(&gateway, &permit, message, metadata, decode).await,
        Err(status) => Err(status),
    };
    charge(unary_response(&gateway, headers, reply).await, &permit.bytes, ReplyKind::Single)
}

async fn process(
    gateway: &Gateway,
    permit: &Arc<Permit>,
    message: Bytes,
    metadata: CallMetadata,
    decode: DecodeRequests,
) -> Result<DataRequestProto, Status> {
    let bytes = Arc::clone(&permit.bytes);
    let decoded = offload_large(message.len(), move || {
        let requests = decode(&message).map_err(|error| decode_rejection(&error))?;
        let budget = decode_budget(message.len(), &bytes);
        let envelopes = requests.into_iter().map(Envelope::new).collect();
        Ok(joined_request(envelopes, &metadata, &budget))
    });
    let decoded = decoded.await.and_then(|decoded| decoded);
    let (envelope, request) = decoded.map_err(|rejection| rejection_status(&rejection))?;
    let response = match request {
        Ok(request) => gateway.submit(permit, request).await,
        Err(rejection) => Err(rejection),
    };
    match response {
        Ok(response) => match response.deadline_exceeded() {
            Some(message) => Err(Status::deadline_exceeded(message)),
            None => {
                let bytes = Arc::clone(&permit.bytes);
                let encoded =
                    offload_large(response.protobuf_bytes(), move || data_reply(envelope, response, &bytes));
                let reply = encoded.await.map_err(|rejection| rejection_status(&rejection))?;
                // The reply is encoded when the response is sent: then both forms are in memory.
                permit.bytes.shrink_to(2 * reply.encoded_len() + REPLY_BYTES_MIN);
                Ok(reply)
            }
        },
        Err(rejection @ Rejection::Invalid(_)) => Ok(rejected_reply(envelope, &rejection)),
        Err(rejection) => Err(rejection_status(&rejection)),
    }
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
