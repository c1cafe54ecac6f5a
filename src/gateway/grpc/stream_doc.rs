//! `stream_doc`: sends one document through the flow, and streams the resulting documents.
//!
//! Documents that the last executor yields one by one are sent at once; of other executors the stream has a message for
//! each document of the reply. A document for an endpoint that no executor handles is returned unchanged, like in Jina.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::response::Response;
use flowrun_wire::{Schema, decode_document, decode_object, encode_document};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tonic::Status;

use super::codec::{AdmittedCall, admit, data_codec, rejection_status, response};
use crate::gateway::admission::Permit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::flow_info::FlowInfo;
use crate::gateway::request::{GatewayRequest, Rejection};
use crate::gateway::response_body::hold_permit_of_stream;
use crate::gateway::service::Gateway;
use crate::gateway::streaming::{self, StreamEnd, StreamItem};
use crate::gateway::wire::jina::{HeaderProto, RouteProto, SingleDocumentRequestProto, StatusProto};

/// Serves one call.
pub(in crate::gateway) async fn stream_doc(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Response {
    let AdmittedCall { permit, metadata, request, unwritten } = match admit(&gateway, request).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    let reply_permit = Arc::clone(&permit);
    let mut grpc = data_codec::<SingleDocumentRequestProto, SingleDocumentRequestProto>(&gateway);
    let service = tower::service_fn(move |request: tonic::Request<SingleDocumentRequestProto>| {
        let (gateway, permit, metadata) = (Arc::clone(&gateway), Arc::clone(&permit), metadata.clone());
        async move {
            let replies =
                replies(&gateway, &permit, request.into_inner(), metadata).map_err(|error| *error)?;
            Ok::<_, Status>(tonic::Response::new(replies))
        }
    });
    let response = response(grpc.server_streaming(service, request).await);
    hold_permit_of_stream(response, reply_permit, unwritten)
}

type Replies = BoxStream<'static, Result<SingleDocumentRequestProto, Status>>;

/// Replies to a request.
///
/// # Errors
/// The status of a request that exceeds the capacity of the gateway.
fn replies(
    gateway: &Arc<Gateway>,
    permit: &Arc<Permit>,
    message: SingleDocumentRequestProto,
    metadata: CallMetadata,
) -> Result<Replies, Box<Status>> {
    let header = message.header.clone().unwrap_or_default();
    let only = |reply| stream::once(std::future::ready(Ok(reply))).boxed();
    if !gateway.info.handles(header.exec_endpoint.as_deref().unwrap_or_default()) {
        let routes = vec![FlowInfo::gateway_route(SystemTime::now(), false).to_proto(None)];
        return Ok(only(SingleDocumentRequestProto { routes, ..message }));
    }
    let sent = message.document.clone().unwrap_or_default();
    permit.bytes.try_grow_to(sent.len()).map_err(|rejection| Box::new(rejection_status(&rejection)))?;
    let schema = Schema::of_document(&sent);
    let parameters = decode_object(message.parameters.as_deref().unwrap_or_default());
    let parameters = parameters.map_err(|error| format!("the parameters cannot be read: {error}"));
    let document = decode_document(sent, schema).map_err(|error| error.to_string());
    let (document, parameters) = match document.and_then(|document| Ok((document, parameters?))) {
        Ok(read) => read,
        Err(error) => {
            let status = Rejection::Invalid(error).status();
            return Ok(only(failed(message, status.to_proto(), Vec::new())));
        }
    };
    let request = GatewayRequest {
        id: metadata.request_id(&header.request_id),
        endpoint: header.exec_endpoint.clone().unwrap_or_default(),
        is_routed: false,
        granted: metadata.granted,
        target: header.target_executor.clone().unwrap_or_default(),
        parameters,
        documents: vec![document].into(),
        schema: Some(schema),
        deadline: metadata.deadline,
        parent: metadata.parent,
        sink: None,
    };
    let reply = move |item| match item {
        StreamItem::Document(document) => Ok(SingleDocumentRequestProto {
            header: Some(HeaderProto { request_id: header.request_id.clone(), ..HeaderProto::default() }),
            document: Some(encode_document(&document, schema)),
            ..SingleDocumentRequestProto::default()
        }),
        StreamItem::Failed(end) => match *end {
            StreamEnd::Rejection(rejection) => Err(rejection_status(&rejection)),
            StreamEnd::Failure(failure, routes) => {
                let routes = routes.iter().map(|route| route.to_proto(None)).collect();
                Ok(failed(message.clone(), failure.status.to_proto(), routes))
            }
        },
    };
    Ok(streaming::submit(gateway, permit, request).map(reply).boxed())
}

/// Reply to a failed request: its document, with the error status.
fn failed(
    message: SingleDocumentRequestProto,
    status: StatusProto,
    routes: Vec<RouteProto>,
) -> SingleDocumentRequestProto {
    let header = HeaderProto { status: Some(status), ..message.header.unwrap_or_default() };
    SingleDocumentRequestProto { header: Some(header), routes, ..message }
}
