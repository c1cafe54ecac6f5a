//! Requests as a receiver decodes them: the parts that it uses, with documents and parameters as bytes.
//!
//! A client may repeat any part of a message in two bytes. Everything else in [`DataRequestProto`](crate::jina::DataRequestProto),
//! such as the routes and the status of a request, is skipped without being built.

use bytes::Bytes;
use flowrun_sdk::DecodeBudgetError;
use flowrun_sdk::protobuf::{FieldReader, WireError};
use prost::Message as _;

/// Requests that [`ReceivedList`] may contain: one for each pod that an executor needs.
pub const REQUESTS_MAX: usize = 256;

/// Header of a request.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReceivedHeader {
    /// Id of the request.
    #[prost(string, tag = "1")]
    pub request_id: String,
    /// Endpoint.
    #[prost(string, optional, tag = "3")]
    pub exec_endpoint: Option<String>,
    /// Regular expression for the executors to call.
    #[prost(string, optional, tag = "4")]
    pub target_executor: Option<String>,
    /// Seconds until the client stops waiting.
    #[prost(uint32, optional, tag = "5")]
    pub timeout: Option<u32>,
}

/// A `DataRequestProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReceivedRequest {
    /// Header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ReceivedHeader>,
    /// Encoded parameters.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub parameters: Option<Bytes>,
    /// Documents.
    #[prost(message, optional, tag = "4")]
    pub data: Option<ReceivedContent>,
}

/// The content of a [`ReceivedRequest`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReceivedContent {
    /// The documents, or a pickle.
    #[prost(oneof = "received_content::Documents", tags = "1, 2")]
    pub documents: Option<received_content::Documents>,
}

/// Forms of documents.
pub mod received_content {
    use bytes::Bytes;

    /// The documents of a request.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Documents {
        /// An encoded list of documents.
        #[prost(bytes = "bytes", tag = "1")]
        Docs(Bytes),
        /// A Python pickle, which is never opened.
        #[prost(bytes = "bytes", tag = "2")]
        DocsBytes(Bytes),
    }
}

/// A `SingleDocumentRequestProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReceivedDocument {
    /// Header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ReceivedHeader>,
    /// Encoded parameters.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub parameters: Option<Bytes>,
    /// The encoded document.
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub document: Option<Bytes>,
}

/// A `DataRequestListProto`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReceivedList(pub Vec<ReceivedRequest>);

impl ReceivedList {
    /// Decodes a list.
    ///
    /// # Errors
    /// [`WireError`] if `message` is not such a list, or has more than [`REQUESTS_MAX`] requests.
    pub fn decode(message: &Bytes) -> Result<Self, WireError> {
        let fields = FieldReader::new(message);
        let count = fields.count_of(1);
        if count > REQUESTS_MAX {
            return Err(DecodeBudgetError::TooManyRequests { requests_max: REQUESTS_MAX }.into());
        }
        let mut requests = Vec::with_capacity(count);
        for field in fields {
            if let (1, request) = field? {
                requests.push(ReceivedRequest::decode(message.slice_ref(request.bytes()?))?);
            }
        }
        Ok(Self(requests))
    }
}
