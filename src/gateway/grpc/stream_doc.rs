//! `stream_doc`: one document in, a stream of what the flow makes of it.
//!
//! In Jina only executors that generate documents one by one answer here. Ours make all of theirs at once, and the
//! stream has a message for each. What no executor handles comes back as it was sent, as in Jina.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::response::Response;
use flowrun_wire::{Schema, decode_document, decode_object, encode_document};
use tonic::Status;

use super::{admitted, data, response, status_of, turned_away};
use crate::gateway::admission::Ticket;
use crate::gateway::departing::{Departures, departing};
use crate::gateway::exchange::{Question, Refusal};
use crate::gateway::facts::Facts;
use crate::gateway::service::Gateway;
use crate::gateway::wire::jina::{HeaderProto, RouteProto, SingleDocumentRequestProto, StatusProto};
use crate::gateway::wire::{Caller, Status as Failure};

/// Serves one call.
pub(super) async fn stream_doc(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let caller = Caller::of(request.headers());
    let departures = Departures::of(request.extensions());
    let (ticket, request) = match admitted(&gateway, request, &caller) {
        Ok(admitted) => admitted,
        Err(refusal) => return turned_away(&gateway, &refusal).await,
    };
    let held = Arc::clone(&ticket);
    let mut served = data::<SingleDocumentRequestProto, SingleDocumentRequestProto>(&gateway);
    let service = tower::service_fn(move |request: tonic::Request<SingleDocumentRequestProto>| {
        let (gateway, ticket, caller) = (Arc::clone(&gateway), Arc::clone(&ticket), caller.clone());
        async move {
            let replies = replies(&gateway, &ticket, request.into_inner(), caller).await?;
            let replies = futures_util::stream::iter(replies.into_iter().map(Ok::<_, Status>));
            Ok::<_, Status>(tonic::Response::new(replies))
        }
    });
    departing(response(served.server_streaming(service, request).await), held, departures.as_deref())
}

async fn replies(
    gateway: &Gateway,
    ticket: &Ticket,
    message: SingleDocumentRequestProto,
    caller: Caller,
) -> Result<Vec<SingleDocumentRequestProto>, Status> {
    let header = message.header.clone().unwrap_or_default();
    if !gateway.facts.handles(header.exec_endpoint.as_deref().unwrap_or_default()) {
        let routes = vec![Facts::gateway(SystemTime::now(), false).to_proto(None)];
        return Ok(vec![SingleDocumentRequestProto { routes, ..message }]);
    }
    let sent = message.document.clone().unwrap_or_default();
    let refused = |refusal: Refusal| status_of(&refusal);
    ticket.hold.at_least(sent.len()).map_err(refused)?;
    let schema = Schema::of_document(&sent);
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
        id: caller.name(&header.request_id),
        endpoint: header.exec_endpoint.clone().unwrap_or_default(),
        target: header.target_executor.clone().unwrap_or_default(),
        parameters,
        documents: vec![document].into(),
        deadline: caller.deadline,
        parent: caller.parent,
    };
    let answer = gateway.ask(ticket, question).await.map_err(refused)?;
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
