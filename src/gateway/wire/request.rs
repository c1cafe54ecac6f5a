//! Decodes protobuf requests.

use std::time::{Duration, Instant};

use bytes::Bytes;
use flowrun_sdk::{Documents, RequestParameters};
use flowrun_wire::jina::data_request_proto::data_content_proto::Documents as Content;
use flowrun_wire::jina::{DataRequestProto, HeaderProto};
use flowrun_wire::{Schema, decode_documents, decode_object, encode_documents};

use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::request::{GatewayRequest, Rejection};
use crate::runtime;

/// Parameter with the timeout of a request, in seconds.
pub(super) const PARAMETER_TIMEOUT: &str = "__timeout__";

/// A received message whose documents are still encoded. Its reply is made from it.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct Envelope {
    /// Header.
    pub(super) header: HeaderProto,
    /// Encoded parameters.
    pub(super) parameters: Bytes,
    /// Schema of the documents; `None` if there are none.
    pub(super) schema: Option<Schema>,
    /// Encoded documents; the reply to a failed request contains them unchanged.
    pub(in crate::gateway) documents: Bytes,
    /// True if the message has a pickle instead of documents.
    pickled: bool,
}

impl Envelope {
    /// Takes a message apart. Its documents are decoded once the request is admitted.
    pub(in crate::gateway) fn new(message: DataRequestProto) -> Self {
        let DataRequestProto { header, parameters, data, .. } = message;
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

    /// Decodes the request; `metadata` is that of the call.
    ///
    /// # Errors
    /// [`Rejection::Invalid`].
    pub(in crate::gateway) fn request(&self, metadata: &CallMetadata) -> Result<GatewayRequest, Rejection> {
        let documents = self.read_documents().map_err(Rejection::Invalid)?;
        let parameters = decode_object(&self.parameters)
            .map_err(|error| Rejection::Invalid(format!("the parameters cannot be read: {error}")))?;
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

    fn read_documents(&self) -> Result<Documents, String> {
        if self.pickled {
            return Err("`docs_bytes` is a Python pickle, which is never opened; send `docs`".to_owned());
        }
        let schema = self.schema.unwrap_or_default();
        decode_documents(self.documents.clone(), schema).map_err(|error| error.to_string())
    }
}

/// Decodes several messages as one request, joined like the inputs of a pod: documents are merged by id, and everything
/// else is that of the first message.
pub(in crate::gateway) fn joined_request(
    envelopes: Vec<Envelope>,
    metadata: &CallMetadata,
) -> (Envelope, Result<GatewayRequest, Rejection>) {
    let mut envelopes = envelopes.into_iter();
    let mut envelope = envelopes.next().unwrap_or_else(|| Envelope::new(DataRequestProto::default()));
    let request = envelope.request(metadata);
    if envelopes.len() == 0 {
        return (envelope, request);
    }
    let request = request.and_then(|request| {
        let mut parts = vec![request.documents];
        for other in envelopes {
            parts.push(other.read_documents().map_err(Rejection::Invalid)?);
            envelope.schema = envelope.schema.or(other.schema);
        }
        let documents = runtime::merge_requests(parts);
        Ok(GatewayRequest { documents, schema: envelope.schema, ..request })
    });
    if let Ok(request) = &request {
        envelope.documents = encode_documents(&request.documents, envelope.schema.unwrap_or_default());
    }
    (envelope, request)
}

/// Timeout among the parameters.
pub(super) fn timeout_parameter(parameters: &RequestParameters) -> Option<Duration> {
    let seconds = parameters.get(PARAMETER_TIMEOUT)?.as_f64()?;
    Duration::try_from_secs_f64(seconds).ok()
}
