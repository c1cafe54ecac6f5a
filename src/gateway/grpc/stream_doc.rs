//! `stream_doc`: one document in, a stream of what the flow makes of it.
//!
//! In Jina only executors that generate documents one by one answer here. Ours make all of theirs at once, and the
//! stream has a message for each. What no executor handles comes back as it was sent, as in Jina.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::response::Response;
use flowrun_sdk::wire::{Schema, decode_document, decode_object, encode_document};
use tonic::Status;

use super::metadata::Manners;
use super::{grpc, response, status_of};
use crate::gateway::exchange::{Question, Refusal};
use crate::gateway::facts::Facts;
use crate::gateway::service::Gateway;
use crate::gateway::wire::Status as Failure;
use crate::gateway::wire::jina::{HeaderProto, RouteProto, SingleDocumentRequestProto, StatusProto};

/// Serves one call.
pub(super) async fn stream_doc(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let manners = Manners::of(request.headers(), 1);
    let service = tower::service_fn(move |request: tonic::Request<SingleDocumentRequestProto>| {
        let gateway = Arc::clone(&gateway);
        async move {
            let replies = replies(&gateway, request.into_inner(), manners).await?;
            let replies = futures_util::stream::iter(replies.into_iter().map(Ok::<_, Status>));
            Ok::<_, Status>(tonic::Response::new(replies))
        }
    });
    let mut served = grpc::<SingleDocumentRequestProto, SingleDocumentRequestProto>();
    response(served.server_streaming(service, request).await)
}

async fn replies(
    gateway: &Gateway,
    message: SingleDocumentRequestProto,
    manners: Manners,
) -> Result<Vec<SingleDocumentRequestProto>, Status> {
    let header = message.header.clone().unwrap_or_default();
    if !gateway.facts.handles(header.exec_endpoint.as_deref().unwrap_or_default()) {
        let routes = vec![Facts::gateway(SystemTime::now(), false).to_proto(None)];
        return Ok(vec![SingleDocumentRequestProto { routes, ..message }]);
    }
    let sent = message.document.clone().unwrap_or_default();
    let (schema, bytes) = (Schema::of_document(&sent), sent.len());
    let parameters = decode_object(message.parameters.as_deref().unwrap_or_default());
    let parameters = parameters.map_err(|error| format!("the parameters: {error}"));
    let document = decode_document(sent, schema).map_err(|error| error.to_string());
    let (document, parameters) = match document.and_then(|document| Ok((document, parameters?))) {
        Ok(read) => read,
        Err(error) => {
            let refusal = Refusal::Invalid(error);
            let failure = Failure::new(refusal.kind(), &refusal.to_string(), None, "");
            return Ok(vec![failed(message, failure.to_proto(), Vec::new())]);
        }
    };
    let question = Question {
        id: header.request_id.clone(),
        endpoint: header.exec_endpoint.clone().unwrap_or_default(),
        target: header.target_executor.clone().unwrap_or_default(),
        parameters,
        documents: vec![document].into(),
        deadline: manners.deadline,
    };
    let refused = |refusal: Refusal| status_of(&refusal);
    let ticket = gateway.enter(bytes).map_err(refused)?;
    let answer = gateway.ask(&ticket, question).await.map_err(refused)?;
    let response = match answer.result {
        Ok(response) => response,
        Err(failure) => {
            let routes = answer.routes.iter().map(|route| route.to_proto(None)).collect();
            return Ok(vec![failed(message, failure.status.to_proto(), routes)]);
        }
    };
    let reply = |document| SingleDocumentRequestProto {
        header: Some(HeaderProto { request_id: header.request_id.clone(), ..HeaderProto::default() }),
        document: Some(encode_document(document, schema)),
        ..SingleDocumentRequestProto::default()
    };
    Ok(response.documents.iter().map(reply).collect())
}

/// The document as it came, and why nothing became of it.
fn failed(
    message: SingleDocumentRequestProto,
    status: StatusProto,
    routes: Vec<RouteProto>,
) -> SingleDocumentRequestProto {
    let header = HeaderProto { status: Some(status), ..message.header.unwrap_or_default() };
    SingleDocumentRequestProto { header: Some(header), routes, ..message }
}
