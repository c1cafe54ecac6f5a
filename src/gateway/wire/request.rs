//! Decodes protobuf requests.

use std::time::{Duration, Instant};

use bytes::Bytes;
use flowrun_sdk::protobuf::FieldReader;
use flowrun_sdk::{DecodeBudget, Document, Documents, RequestParameters};
use flowrun_wire::received_content::Documents as Content;
use flowrun_wire::{ReceivedHeader, ReceivedRequest, Schema, decode_documents_within, encode_documents};
use prost::Message as _;

use super::decoding::{
    budget_rejection, decode_budget, decode_parameters, decode_rejection, too_many_documents,
};
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::ids::{ID_BYTES, with_ids};
use crate::gateway::request::{GatewayRequest, Rejection};
use crate::limits::REQUEST_DOCUMENTS_MAX;
use crate::runtime;

/// Parameter with the timeout of a request, in seconds.
pub(super) const PARAMETER_TIMEOUT: &str = "__timeout__";

/// A received message whose documents are still encoded. Its reply is made from it.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct Envelope {
    /// Header.
    pub(super) header: ReceivedHeader,
    /// Encoded parameters.
    pub(super) parameters: Bytes,
    /// Schema of the documents; `None` if there are none.
    pub(super) schema: Option<Schema>,
    /// Encoded documents; the reply to a failed request contains them unchanged.
    pub(super) documents: Bytes,
    /// True if the message has a pickle instead of documents.
    pickled: bool,
}

impl Envelope {
    /// Takes a message apart.
    pub(in crate::gateway) fn new(message: ReceivedRequest) -> Self {
        let ReceivedRequest { header, parameters, data } = message;
        let (documents, pickled) = match data.and_then(|data| data.documents) {
            None => (Bytes::new(), false),
            Some(Content::Docs(documents)) => (documents, false),
            Some(Content::DocsBytes(_)) => (Bytes::new(), true),
        };
        Self {
            header: header.unwrap_or_default(),
            parameters: parameters.unwrap_or_default(),
            schema: (!documents.is_empty()).then(|| Schema::of_documents(&documents)),
            documents,
            pickled,
        }
    }

    /// Decodes a message with one request, and the request; `metadata` is that of the call.
    ///
    /// # Errors
    /// The rejection of a message that is no request. A request with invalid or too large parts is rejected with its
    /// envelope, so that the rejection can be its reply.
    pub(in crate::gateway) fn decode(
        message: Bytes,
        metadata: &CallMetadata,
        permit: &BytesPermit,
    ) -> Result<(Self, Result<GatewayRequest, Rejection>), Rejection> {
        let budget = decode_budget(message.len(), permit);
        let message = ReceivedRequest::decode(message)
            .map_err(|error| Rejection::Invalid(format!("not a request: {error}")))?;
        let envelope = Self::new(message);
        let request = envelope.request(metadata, &budget);
        Ok((envelope, request))
    }

    /// Decodes the request.
    fn request(
        &self,
        metadata: &CallMetadata,
        budget: &DecodeBudget<'_>,
    ) -> Result<GatewayRequest, Rejection> {
        let documents = self.read_documents(budget)?;
        let parameters = decode_parameters(&self.parameters, budget)?;
        let header = &self.header;
        let timeout =
            header.timeout.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into()));
        let deadline = timeout
            .or_else(|| timeout_parameter(&parameters))
            .and_then(|timeout| Instant::now().checked_add(timeout));
        Ok(GatewayRequest {
            id: metadata.request_id(&header.request_id),
            endpoint: header.exec_endpoint.clone().unwrap_or_default(),
            is_routed: false,
            granted: metadata.granted,
            target: header.target_executor.clone().unwrap_or_default(),
            parameters,
            documents,
            schema: self.schema,
            deadline: [metadata.deadline, deadline].into_iter().flatten().min(),
            parent: metadata.parent.clone(),
            sink: None,
        })
    }

    fn read_documents(&self, budget: &DecodeBudget<'_>) -> Result<Documents, Rejection> {
        if self.pickled {
            let reason = "`docs_bytes` is a Python pickle, which is never opened; send `docs`";
            return Err(Rejection::Invalid(reason.to_owned()));
        }
        if FieldReader::new(&self.documents).count_of(1) > REQUEST_DOCUMENTS_MAX {
            return Err(too_many_documents(REQUEST_DOCUMENTS_MAX));
        }
        let schema = self.schema.unwrap_or_default();
        let documents = decode_documents_within(self.documents.clone(), schema, budget);
        let documents = documents.map_err(|error| decode_rejection(&error))?;
        if !documents.all_have_ids() {
            budget.take(documents.len() * ID_BYTES).map_err(budget_rejection)?;
        }
        Ok(with_ids(documents))
    }
}

/// Decodes several messages as one request, joined like the inputs of a pod: documents are merged by id, and everything
/// else is that of the first message.
pub(in crate::gateway) fn joined_request(
    envelopes: Vec<Envelope>,
    metadata: &CallMetadata,
    budget: &DecodeBudget<'_>,
) -> (Envelope, Result<GatewayRequest, Rejection>) {
    let mut envelopes = envelopes.into_iter();
    let mut envelope = envelopes.next().unwrap_or_else(|| Envelope::new(ReceivedRequest::default()));
    let request = envelope.request(metadata, budget);
    if envelopes.len() == 0 {
        return (envelope, request);
    }
    let request = request.and_then(|request| {
        let mut parts = vec![request.documents];
        for other in envelopes {
            // The merged documents are encoded again.
            budget.take(other.documents.len()).map_err(budget_rejection)?;
            parts.push(other.read_documents(budget)?);
            envelope.schema = envelope.schema.or(other.schema);
        }
        // Each document of a part is found by its id, and moved or merged.
        let count: usize = parts.iter().map(Documents::len).sum();
        budget.take(2 * count * size_of::<Document>()).map_err(budget_rejection)?;
        let documents = runtime::merge_requests(parts);
        Ok(GatewayRequest { documents, schema: envelope.schema, ..request })
    });
    if let Ok(request) = &request {
        envelope.documents = encode_documents(&request.documents, envelope.schema.unwrap_or_default());
    }
    (envelope, request)
}

/// Timeout among the parameters of a request ([`PARAMETER_TIMEOUT`]); `None` if it is absent or invalid.
pub(super) fn timeout_parameter(parameters: &RequestParameters) -> Option<Duration> {
    let seconds = parameters.get(PARAMETER_TIMEOUT)?.as_f64()?;
    Duration::try_from_secs_f64(seconds).ok()
}
