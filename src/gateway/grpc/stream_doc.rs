//! `stream_doc`: sends one document through the flow, and streams the resulting documents.
//!
//! In Jina this needs an executor that generates documents one by one. flowrun's executors return all documents at
//! once, and the stream has one message for each. A document for an endpoint that no executor handles is returned
//! unchanged, like in Jina.

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use flowrun_sdk::{Document, RequestParameters};
use flowrun_wire::{ReceivedDocument, ReceivedHeader, Schema, decode_document_within, encode_document};
use prost::Message as _;
use tonic::Status;

use super::codec::{AdmittedCall, admit, rejection_status, streaming_response};
use crate::gateway::admission::Permit;
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::flow_info::FlowInfo;
use crate::gateway::offload::offload_large;
use crate::gateway::request::{GatewayRequest, Rejection};
use crate::gateway::response_body::hold_permit;
use crate::gateway::service::Gateway;
use crate::gateway::wire::jina::{HeaderProto, RouteProto, SingleDocumentRequestProto, StatusProto};
use crate::gateway::wire::{decode_budget, decode_parameters, decode_rejection};

/// Serves one call.
pub(in crate::gateway) async fn stream_doc(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Response {
    let AdmittedCall { permit, metadata, headers, mut messages, unwritten } =
        match admit(&gateway, request).await {
            Ok(call) => call,
            Err(response) => return response,
        };
    let replies = match messages.single().await {
        Ok(message) => replies(&gateway, &permit, message, metadata).await,
        Err(status) => Err(status),
    };
    let replies = replies.map(|replies| futures_util::stream::iter(replies.into_iter().map(Ok::<_, Status>)));
    let response = streaming_response(&gateway, headers, replies).await;
    hold_permit(response, permit, unwritten.as_deref())
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

async fn replies(
    gateway: &Gateway,
    permit: &Permit,
    message: Bytes,
    metadata: CallMetadata,
) -> Result<Vec<SingleDocumentRequestProto>, Status> {
    let rejected = |rejection: Rejection| rejection_status(&rejection);
    let bytes = Arc::clone(&permit.bytes);
    let decoded = offload_large(message.len(), move || decode(message, &bytes)).await;
    let (message, decoded) = decoded.and_then(|decoded| decoded).map_err(rejected)?;
    let header = message.header.clone().unwrap_or_default();
    if !gateway.info.handles(header.exec_endpoint.as_deref().unwrap_or_default()) {
        let routes = vec![FlowInfo::gateway_route(SystemTime::now(), false).to_proto(None)];
        return Ok(vec![returned(message, None, routes)]);
    }
    let (document, schema, parameters) = match decoded {
        Ok(decoded) => decoded,
        Err(rejection @ Rejection::Invalid(_)) => {
            return Ok(vec![returned(message, Some(rejection.status().to_proto()), Vec::new())]);
        }
        Err(rejection) => return Err(rejected(rejection)),
    };
    let request = GatewayRequest {
        id: metadata.request_id(&header.request_id),
        endpoint: header.exec_endpoint.clone().unwrap_or_default(),
        target: header.target_executor.clone().unwrap_or_default(),
        parameters,
        documents: vec![document].into(),
        schema: Some(schema),
        deadline: metadata.deadline,
        parent: metadata.parent,
    };
    let response = gateway.submit(permit, request).await.map_err(rejected)?;
    let documents = match response.result {
        Ok(response) => response.documents,
        Err(failure) => {
            let routes = response.routes.iter().map(|route| route.to_proto(None)).collect();
            return Ok(vec![returned(message, Some(failure.status.to_proto()), routes)]);
        }
    };
    let reply = |document| SingleDocumentRequestProto {
        header: Some(HeaderProto { request_id: header.request_id.clone(), ..HeaderProto::default() }),
        document: Some(encode_document(document, schema)),
        ..SingleDocumentRequestProto::default()
    };
    Ok(documents.iter().map(reply).collect())
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
