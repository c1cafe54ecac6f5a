//! Replies as JSON, in the shapes of Jina's HTTP and WebSocket gateways.
//!
//! Requests are read in [`json_request`](super::json_request), documents written in
//! [`json_document`](super::json_document).

use std::io;
use std::time::SystemTime;

use flowrun_sdk::{Document, Documents, RequestParameters};
use flowrun_wire::{FAILED_DOCUMENTS, RESULTS, Schema};
use prost_types::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::charged_buffer::ChargedBuffer;
use super::json_document::{DocumentForm, JsonDocument, serialisation_bytes};
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::partial_failure::failed_documents;
use crate::gateway::request::{GatewayRequest, GatewayResponse, Rejection, RouteEntry};

/// A request that was read from JSON, with the context of its reply.
pub(in crate::gateway) struct JsonMessage {
    request: GatewayRequest,
    form: DocumentForm,
    /// True if `jina.Client` sent the request without documents, so that its form is unknown.
    form_unknown: bool,
    /// Documents as sent, for the reply to a failed request.
    documents: Documents,
    /// Bytes of memory that the parameters occupy in the request and in the context of its reply.
    parameters_bytes: usize,
}

/// Spelling of the keys of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Spelling {
    /// `requestId`, over HTTP.
    Camel,
    /// `request_id`, over WebSocket.
    Snake,
}

/// Fields of a request that its reply contains or depends on.
pub(in crate::gateway) struct ReplyContext {
    id: String,
    endpoint: String,
    parameters: RequestParameters,
    form: DocumentForm,
    /// True if `jina.Client` sent the request without documents, so that its form is unknown.
    form_unknown: bool,
    documents: Documents,
}

impl JsonMessage {
    /// A request with documents of the form `form`; `form_unknown` is true if `jina.Client` sent it without documents.
    /// `parameters_bytes` is the memory of the parameters in the request and in the context of its reply.
    pub(super) fn new(
        request: GatewayRequest,
        form: DocumentForm,
        form_unknown: bool,
        parameters_bytes: usize,
    ) -> Self {
        Self { documents: request.documents.clone(), request, form, form_unknown, parameters_bytes }
    }

    /// Bytes of memory that the documents and the parameters occupy.
    pub(super) fn memory_bytes(&self) -> usize {
        self.documents.memory_bytes() + self.parameters_bytes
    }

    /// Splits into the request and the context of its reply.
    pub(in crate::gateway) fn split(self) -> (GatewayRequest, ReplyContext) {
        let Self { request, form, form_unknown, documents, .. } = self;
        let context = ReplyContext {
            id: request.id.clone(),
            endpoint: request.endpoint.clone(),
            parameters: request.parameters.clone(),
            form,
            form_unknown,
            documents,
        };
        (request, context)
    }
}

impl ReplyContext {
    /// Sets the form of the reply to a request of `jina.Client` without documents. `schema` is the inferred schema of
    /// the client ([`client_schema`](crate::gateway::client_schema)).
    pub(in crate::gateway) fn with_schema(self, schema: Schema) -> Self {
        let form = match schema {
            Schema::V2 if self.form_unknown => DocumentForm::Schema2,
            _ => self.form,
        };
        Self { form, ..self }
    }

    /// True if the client expects an HTTP error for a failed request, as clients of docarray's second schema do.
    pub(in crate::gateway) fn fails_as_http_error(&self) -> bool {
        self.form == DocumentForm::Schema2
    }

    /// Id of the request.
    pub(in crate::gateway) fn request_id(&self) -> &str {
        &self.id
    }

    /// Encodes the reply to an admitted request. It is charged to `bytes` as it grows.
    ///
    /// # Errors
    /// [`Rejection::Unanswered`] if the gateway has no capacity for the reply.
    pub(in crate::gateway) fn reply(
        &mut self,
        response: &GatewayResponse,
        spelling: Spelling,
        bytes: &BytesPermit,
    ) -> Result<Vec<u8>, Rejection> {
        let (status, documents): (Option<Value>, &[Document]) = match &response.result {
            Ok(output) => {
                let failures = failed_documents(&output.failures);
                for (name, object) in [(RESULTS, &output.results), (FAILED_DOCUMENTS, &failures)] {
                    if !object.is_empty() {
                        self.parameters.insert(name.to_owned(), object.clone().into());
                    }
                }
                (None, &output.documents)
            }
            Err(failure) => (Some(failure.status.to_json()), &self.documents),
        };
        let routes =
            response.routes.iter().map(|route| self::route(route, status.as_ref(), spelling)).collect();
        if bytes.try_grow_to(bytes.bytes() + serialisation_bytes(documents)).is_err() {
            return Err(Rejection::Unanswered);
        }
        let mut buffer = ChargedBuffer::new(bytes);
        match self.write(status, routes, documents, spelling, &mut buffer) {
            Ok(()) => Ok(buffer.finish()),
            Err(_) => Err(Rejection::Unanswered),
        }
    }

    /// Encodes the reply to a rejected request. `status` is the rejection in JSON. The reply is not charged to a
    /// permit.
    pub(in crate::gateway) fn rejected_reply(&self, status: Value, spelling: Spelling) -> Vec<u8> {
        let mut reply = Vec::new();
        // Writing to memory does not fail.
        let _ = self.write(Some(status), Vec::new(), &self.documents, spelling, &mut reply);
        reply
    }

    fn write(
        &self,
        status: Option<Value>,
        routes: Vec<Value>,
        documents: &[Document],
        spelling: Spelling,
        output: &mut impl io::Write,
    ) -> serde_json::Result<()> {
        let data = documents.iter().map(|document| JsonDocument::new(document, self.form)).collect();
        if self.form == DocumentForm::Schema2 && spelling == Spelling::Camel && status.is_none() {
            let header = ShortHeader { request_id: &self.id, target_executor: "" };
            let reply = ShortReply { data, parameters: &self.parameters, header };
            return serde_json::to_writer(output, &reply);
        }
        let mut header = Map::new();
        let mut put = |camel: &str, snake: &str, value: Value| {
            header.insert(if spelling == Spelling::Camel { camel } else { snake }.to_owned(), value);
        };
        put("requestId", "request_id", self.id.as_str().into());
        if status.is_some() || spelling == Spelling::Camel {
            put("status", "status", status.into());
        }
        put("execEndpoint", "exec_endpoint", self.endpoint.as_str().into());
        put("targetExecutor", "target_executor", "".into());
        let reply = Reply { header, parameters: &self.parameters, routes, data };
        serde_json::to_writer(output, &reply)
    }
}

#[derive(Serialize)]
struct Reply<'a> {
    header: Map<String, Value>,
    parameters: &'a RequestParameters,
    routes: Vec<Value>,
    data: Vec<JsonDocument<'a>>,
}

/// A reply for docarray's second schema.
#[derive(Serialize)]
struct ShortReply<'a> {
    data: Vec<JsonDocument<'a>>,
    parameters: &'a RequestParameters,
    header: ShortHeader<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShortHeader<'a> {
    request_id: &'a str,
    target_executor: &'a str,
}

fn route(route: &RouteEntry, status: Option<&Value>, spelling: Spelling) -> Value {
    let status = status.filter(|_| route.failed);
    let (start, end) = (time(route.start), route.end.map(time));
    let mut entry = match spelling {
        Spelling::Camel => json!({
            "executor": &*route.executor, "startTime": start, "endTime": end, "status": status,
        }),
        Spelling::Snake => json!({ "executor": &*route.executor, "start_time": start, "end_time": end }),
    };
    if let (Spelling::Snake, Some(status), Some(entry)) = (spelling, status, entry.as_object_mut()) {
        entry.insert("status".to_owned(), status.clone());
    }
    entry
}

/// Formats a time as RFC 3339 in UTC, with six digits after the second: Jina's clients reject times without a zone, and
/// Python's `strptime` reads neither more digits nor none.
fn time(time: SystemTime) -> String {
    let Timestamp { seconds, nanos } = Timestamp::from(time);
    let second = Timestamp { seconds, nanos: 0 }.to_string();
    format!("{}.{:06}Z", second.trim_end_matches('Z'), nanos / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_zone_and_six_digits_after_the_second() {
        for (nanoseconds, text) in [
            (1_500_000_000, "1970-01-01T00:00:01.500000Z"),
            (2_000_000_000, "1970-01-01T00:00:02.000000Z"),
            (2_000_000_999, "1970-01-01T00:00:02.000000Z"),
            (34_186_800_284, "1970-01-01T00:00:34.186800Z"),
        ] {
            assert_eq!(time(SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(nanoseconds)), text);
        }
    }
}
