//! From an answer to a message.

use bytes::Bytes;
use flowrun_wire::{FAILED_DOCUMENTS, RESULTS, encode_documents, encode_object};
use serde_json::{Map, Value};

use super::jina::data_request_proto::DataContentProto;
use super::jina::data_request_proto::data_content_proto::Documents as Content;
use super::jina::{DataRequestProto, HeaderProto, RouteProto, StatusProto};
use super::{Envelope, Status};
use crate::gateway::exchange::{Answer, Refusal, Route};
use crate::gateway::partial;

/// The reply to a data request.
pub(crate) fn data_reply(envelope: Envelope, answer: Answer) -> DataRequestProto {
    let Envelope { header, mut parameters, schema, documents, .. } = envelope;
    let (status, documents) = match answer.result {
        Ok(response) => {
            let failures = partial::failures(&response.failures);
            parameters = with(parameters, [(RESULTS, response.results), (FAILED_DOCUMENTS, failures)]);
            (None, encode_documents(&response.documents, schema))
        }
        Err(failed) => (Some(failed.status.to_proto()), documents),
    };
    let routes = answer.routes.iter().map(|stay| stay.to_proto(status.as_ref())).collect();
    reply(header, status, parameters, routes, documents)
}

/// The reply to a data request that was not let in.
pub(crate) fn refused(envelope: Envelope, refusal: &Refusal) -> DataRequestProto {
    let status = Status::new(refusal.kind(), &refusal.to_string(), None, "").to_proto();
    reply(envelope.header, Some(status), envelope.parameters, Vec::new(), envelope.documents)
}

fn reply(
    header: HeaderProto,
    status: Option<StatusProto>,
    parameters: Bytes,
    routes: Vec<RouteProto>,
    documents: Bytes,
) -> DataRequestProto {
    // Jina clears the target on the way.
    let header = HeaderProto { status, target_executor: Some(String::new()), ..header };
    let data = DataContentProto { documents: Some(Content::Docs(documents)) };
    DataRequestProto { header: Some(header), parameters: Some(parameters), routes, data: Some(data) }
}

/// The parameters with these objects among them, but for empty ones. What stands later in a message counts.
fn with<const N: usize>(parameters: Bytes, objects: [(&str, Map<String, Value>); N]) -> Bytes {
    let objects = objects.into_iter().filter(|(_, object)| !object.is_empty());
    let added: Map<_, _> = objects.map(|(name, object)| (name.to_owned(), object.into())).collect();
    if added.is_empty() { parameters } else { [&*parameters, &encode_object(&added)].concat().into() }
}

impl Route {
    /// The message for it; `status` is the request's.
    pub(crate) fn to_proto(&self, status: Option<&StatusProto>) -> RouteProto {
        RouteProto {
            executor: self.executor.to_string(),
            start_time: Some(self.start.into()),
            end_time: self.end.map(Into::into),
            status: status.filter(|_| self.failed).cloned(),
        }
    }
}
