//! Requests as messages, and the parameters that flowrun adds to them.

use flowrun_sdk::Documents;
use serde_json::{Map, Value};

use super::jina::data_request_proto::DataContentProto;
use super::jina::data_request_proto::data_content_proto::Documents as Content;
use super::jina::{DataRequestProto, HeaderProto};
use super::{Schema, encode_executor_documents, encode_object};

/// Parameter that carries the [`Origin`](flowrun_sdk::Origin)s of the documents to another process: a list of pairs of
/// an executor's name and a number of documents.
pub const ORIGINS: &str = "__origins__";

/// Parameter that requests documents before the call ends, in [messages](DataRequestProto) of their own.
pub const STREAM: &str = "__stream__";

/// Builds the message of a request that is addressed to all executors.
#[must_use]
pub fn request_message(
    id: String,
    endpoint: &str,
    parameters: &Map<String, Value>,
    documents: &Documents,
    schema: Schema,
) -> DataRequestProto {
    let header =
        HeaderProto { request_id: id, exec_endpoint: Some(endpoint.to_owned()), ..HeaderProto::default() };
    let documents = Some(Content::Docs(encode_executor_documents(documents, schema)));
    DataRequestProto {
        header: Some(header),
        parameters: Some(encode_object(parameters).into()),
        routes: Vec::new(),
        data: Some(DataContentProto { documents }),
    }
}
