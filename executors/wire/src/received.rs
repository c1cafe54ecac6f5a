//! Requests as a receiver decodes them: the parts that it uses, with documents and parameters as bytes.
//!
//! Everything else in [`DataRequestProto`](crate::jina::DataRequestProto), such as the routes and the status of a request, is
//! skipped without being built: an empty part takes two bytes, and a client could repeat it to occupy far more memory than
//! it sent.

use bytes::Bytes;
use flowrun_sdk::DecodeBudgetError;
use flowrun_sdk::protobuf::{FieldReader, WireError};
use prost::Message as _;

/// Maximum number of requests in a [`ReceivedList`]: one for each pod that an executor needs.
pub const REQUESTS_MAX: usize = 256;

/// Header of a request.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReceivedHeader {
    /// Id of the request.
    #[prost(string, tag = "1")]
    pub request_id: String,
    /// Endpoint, for example `/index`.
    #[prost(string, optional, tag = "3")]
    pub exec_endpoint: Option<String>,
    /// Regular expression that selects executors by name.
    #[prost(string, optional, tag = "4")]
    pub target_executor: Option<String>,
    /// Seconds until the client stops waiting.
    #[prost(uint32, optional, tag = "5")]
    pub timeout: Option<u32>,
}

/// A `DataRequestProto`: a request with a list of documents.
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

/// A `SingleDocumentRequestProto`: a request with one document.
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

/// A `DataRequestListProto`: the requests that an executor receives together, one from each pod that it needs.
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
