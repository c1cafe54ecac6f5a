//! `stream_doc`: sends one document through the flow, and streams the resulting documents.
//!
//! Documents that the last executor yields one by one are sent immediately; all other documents of the reply follow at
//! its end, each as a message. A document for an endpoint that no executor handles is returned unchanged, like in Jina.

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use flowrun_sdk::{Document, RequestParameters};
use flowrun_wire::{ReceivedDocument, ReceivedHeader, Schema, decode_document_within, encode_document};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use prost::Message as _;
use tonic::Status;

use super::codec::{AdmittedCall, admit, rejection_status, streaming_response};
use crate::gateway::admission::Permit;
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::flow_info::FlowInfo;
use crate::gateway::offload::offload_large;
use crate::gateway::request::{GatewayRequest, Rejection};
use crate::gateway::response_body::{ReplyKind, charge};
use crate::gateway::service::Gateway;
use crate::gateway::streaming::{self, StreamEnd, StreamItem};
use crate::gateway::wire::jina::{HeaderProto, RouteProto, SingleDocumentRequestProto, StatusProto};
use crate::gateway::wire::{decode_budget, decode_parameters, decode_rejection};

/// Serves one call.
pub(in crate::gateway) async fn stream_doc(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Response {
    let AdmittedCall { permit, metadata, headers, mut messages } = match admit(&gateway, request).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    let replies = match messages.single().await {
        Ok(message) => replies(&gateway, &permit, message, metadata).await,
        Err(status) => Err(status),
    };
    let response = streaming_response(&gateway, headers, replies).await;
    charge(response, &permit.bytes, ReplyKind::Stream)
}

/// A decoded message: the document with its schema, and the parameters.
type Decoded = Result<(Document, Schema, RequestParameters), Rejection>;

/// Decodes a message, and its document and parameters.
fn decode(message: Bytes, permit: &BytesPermit) -> Result<(ReceivedDocument, Decoded), Rejection> {
    let budget = decode_budget(message.len(), permit);
    let message = ReceivedDocument::decode(message).map_err(|error| Rejection::Invalid(error.to_string()))?;
    let sent = message.document.clone().unwrap_or_default();
    let schema = Schema::of_document(&sent);
    let read = || {
        let document =
            decode_document_within(&sent, schema, &budget).map_err(|error| decode_rejection(&error))?;
        let parameters = decode_parameters(message.parameters.as_deref().unwrap_or_default(), &budget)?;
        Ok((document, schema, parameters))
    };
    let decoded = read();
    Ok((message, decoded))
}

type Replies = BoxStream<'static, Result<SingleDocumentRequestProto, Status>>;

/// Replies to a request.
///
/// # Errors
/// The status of a message that cannot be decoded, or exceeds a bound.
async fn replies(
    gateway: &Arc<Gateway>,
    permit: &Arc<Permit>,
    message: Bytes,
    metadata: CallMetadata,
) -> Result<Replies, Status> {
    let rejected = |rejection: Rejection| rejection_status(&rejection);
    let bytes = Arc::clone(&permit.bytes);
    let decoded = offload_large(message.len(), move || decode(message, &bytes)).await;
    let (message, decoded) = decoded.and_then(|decoded| decoded).map_err(rejected)?;
    let header = message.header.clone().unwrap_or_default();
    let only = |reply| stream::once(std::future::ready(Ok(reply))).boxed();
    if !gateway.info.handles(header.exec_endpoint.as_deref().unwrap_or_default()) {
        let routes = vec![FlowInfo::gateway_route(SystemTime::now(), false).to_proto(None)];
        return Ok(only(returned(message, None, routes)));
    }
    let (document, schema, parameters) = match decoded {
        Ok(decoded) => decoded,
        Err(rejection @ Rejection::Invalid(_)) => {
            return Ok(only(returned(message, Some(rejection.status().to_proto()), Vec::new())));
        }
        Err(rejection) => return Err(rejected(rejection)),
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
                Ok(returned(message.clone(), Some(failure.status.to_proto()), routes))
            }
        },
    };
    Ok(streaming::submit(gateway, permit, request).map(reply).boxed())
}

/// Reply with the document that was sent, and the status of a failed request.
fn returned(
    message: ReceivedDocument,
    status: Option<StatusProto>,
    routes: Vec<RouteProto>,
) -> SingleDocumentRequestProto {
    let ReceivedDocument { header, parameters, document } = message;
    let header = match (header, &status) {
        (None, None) => None,
        (header, _) => {
            let ReceivedHeader { request_id, exec_endpoint, target_executor, timeout } =
                header.unwrap_or_default();
            Some(HeaderProto { request_id, status, exec_endpoint, target_executor, timeout })
        }
    };
    SingleDocumentRequestProto { header, parameters, routes, document }
}
