//! Encodes responses as protobuf.

use bytes::Bytes;
use flowrun_wire::jina::data_request_proto::DataContentProto;
use flowrun_wire::jina::data_request_proto::data_content_proto::Documents as Content;
use flowrun_wire::jina::{DataRequestProto, HeaderProto, RouteProto, StatusProto};
use flowrun_wire::{FAILED_DOCUMENTS, RESULTS, ReceivedHeader, Schema, encode_documents, encode_object};
use serde_json::{Map, Value};

use super::request::Envelope;
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::partial_failure::failed_documents;
use crate::gateway::request::{GatewayResponse, Rejection, RouteEntry};

/// Reply to an admitted request. `bytes`, which holds the capacity for the documents of the response, first grows by
/// that for the encoded documents. Without capacity, the reply is [`Rejection::Unanswered`].
pub(in crate::gateway) fn data_reply(
    envelope: Envelope,
    response: GatewayResponse,
    bytes: &BytesPermit,
) -> DataRequestProto {
    if let Ok(output) = &response.result {
        let encoded = match response.schema {
            schema if output.documents.source_message(schema).is_some() => 0,
            Schema::V1 => output.documents.memory_bytes(),
            // Its length is not known in advance, so that it is moved as it grows.
            Schema::V2 => 2 * output.documents.memory_bytes(),
        };
        if bytes.try_grow_to(bytes.bytes() + encoded).is_err() {
            return rejected_reply(envelope, &Rejection::Unanswered);
        }
    }
    let Envelope { header, mut parameters, documents, .. } = envelope;
    let (status, documents) = match response.result {
        Ok(output) => {
            let failures = failed_documents(&output.failures);
            parameters = with(parameters, [(RESULTS, output.results), (FAILED_DOCUMENTS, failures)]);
            (None, encode_documents(&output.documents, response.schema))
        }
        Err(failure) => (Some(failure.status.to_proto()), documents),
    };
    let routes = response.routes.iter().map(|route| route.to_proto(status.as_ref())).collect();
    reply(header, status, parameters, routes, documents)
}

/// Reply to a rejected request.
pub(in crate::gateway) fn rejected_reply(envelope: Envelope, rejection: &Rejection) -> DataRequestProto {
    let status = rejection.status().to_proto();
    reply(envelope.header, Some(status), envelope.parameters, Vec::new(), envelope.documents)
}

fn reply(
    header: ReceivedHeader,
    status: Option<StatusProto>,
    parameters: Bytes,
    routes: Vec<RouteProto>,
    documents: Bytes,
) -> DataRequestProto {
    let ReceivedHeader { request_id, exec_endpoint, timeout, .. } = header;
    // Jina clears the target executor in replies.
    let header =
        HeaderProto { request_id, status, exec_endpoint, target_executor: Some(String::new()), timeout };
    let data = DataContentProto { documents: Some(Content::Docs(documents)) };
    DataRequestProto { header: Some(header), parameters: Some(parameters), routes, data: Some(data) }
}

/// Adds objects to encoded parameters, except empty ones. Appending is enough: a later field of a protobuf message
/// overrides an earlier one.
fn with<const N: usize>(parameters: Bytes, objects: [(&str, Map<String, Value>); N]) -> Bytes {
    let objects = objects.into_iter().filter(|(_, object)| !object.is_empty());
    let added: Map<_, _> = objects.map(|(name, object)| (name.to_owned(), object.into())).collect();
    if added.is_empty() { parameters } else { [&*parameters, &encode_object(&added)].concat().into() }
}

impl RouteEntry {
    /// Protobuf form; `status` is that of the request.
    pub(in crate::gateway) fn to_proto(&self, status: Option<&StatusProto>) -> RouteProto {
        RouteProto {
            executor: self.executor.to_string(),
            start_time: Some(self.start.into()),
            end_time: self.end.map(Into::into),
            status: status.filter(|_| self.failed).cloned(),
        }
    }
}
