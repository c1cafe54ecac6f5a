//! Requests as messages, and the parameters that flowrun adds to them.

use flowrun_sdk::Documents;
use serde_json::{Map, Value};

use super::jina::data_request_proto::DataContentProto;
use super::jina::data_request_proto::data_content_proto::Documents as Content;
use super::jina::{DataRequestProto, HeaderProto};
use super::{Schema, encode_executor_documents, encode_object};

/// Parameter that requests documents before the call ends, in [messages](DataRequestProto) of their own.
pub const STREAM: &str = "__stream__";

/// gRPC metadata with which a gateway names the worker that it calls: the version of flowrun, the fingerprint of the flow,
/// the pod, the shard and the replica, separated by spaces.
pub const WORKER: &str = "flowrun-worker";

/// Key of a worker's identity in its `JinaInfoProto`.
pub const WORKER_INFO: &str = "worker";

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
