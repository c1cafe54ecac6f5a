//! Fuzzers of the messages of clients: gRPC requests and HTTP bodies.

use axum::http::{Extensions, HeaderMap};
use bytes::Bytes;
use flowrun_fuzz::{Target, generate};
use flowrun_sdk::{Document, Documents};
use flowrun_wire::encode_documents;
use flowrun_wire::jina::data_request_proto::DataContentProto;
use flowrun_wire::jina::data_request_proto::data_content_proto::Documents as Content;
use flowrun_wire::jina::{DataRequestProto, HeaderProto};
use prost::Message as _;

use super::Envelope;
use super::json_message::{self, Spelling};
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::request::{GatewayRequest, Rejection};

/// Keys of requests and documents.
const KEYS: [&str; 24] = [
    "data",
    "docs",
    "execEndpoint",
    "exec_endpoint",
    "parameters",
    "header",
    "requestId",
    "request_id",
    "targetExecutor",
    "id",
    "text",
    "blob",
    "tensor",
    "embedding",
    "tags",
    "scores",
    "chunks",
    "matches",
    "location",
    "weight",
    "mimeType",
    "uri",
    "__timeout__",
    "a",
];

/// An empty document is a few bytes, and decoded one of the largest structures; a reply is made of it as well.
const MEMORY_FACTOR: usize = 3 * size_of::<Document>();

fn metadata() -> CallMetadata {
    CallMetadata::new(&HeaderMap::new(), &Extensions::new())
}

/// Reads all documents of a request.
fn read(request: Result<GatewayRequest, Rejection>) -> String {
    match request {
        Ok(request) => format!("{:?} {}", request.schema, count(&request.documents)),
        Err(rejection) => rejection.to_string(),
    }
}

fn count(documents: &Documents) -> usize {
    documents.iter().map(|document| 1 + count(&document.chunks) + count(&document.matches)).sum()
}

/// A request with a document in each schema.
fn requests() -> Vec<Vec<u8>> {
    let mut document =
        Document::new("a").with_text("some words").with_tag("n", 1).with_embedding(vec![0.5, 1.0]);
    document.chunks = [document.new_chunk(0)].into_iter().collect();
    let documents: Documents = [document, Document::new("b")].into_iter().collect();
    let request = |schema| DataRequestProto {
        header: Some(HeaderProto {
            request_id: "r".to_owned(),
            exec_endpoint: Some("/index".to_owned()),
            ..HeaderProto::default()
        }),
        data: Some(DataContentProto { documents: Some(Content::Docs(encode_documents(&documents, schema))) }),
        ..DataRequestProto::default()
    };
    [flowrun_wire::Schema::V1, flowrun_wire::Schema::V2].map(|schema| request(schema).encode_to_vec()).into()
}

#[test]
fn any_grpc_message_is_a_request_or_refused_within_its_budget() {
    Target::new("grpc-requests")
        .seeds(requests())
        .generator(|random| generate::protobuf(random, 20, 6))
        .memory(MEMORY_FACTOR, 64 << 10)
        .run(|input| match DataRequestProto::decode(Bytes::copy_from_slice(input)) {
            Ok(message) => read(Envelope::new(message).request(&metadata())),
            Err(_) => "not a request".to_owned(),
        });
}

#[test]
fn any_http_body_is_a_request_or_refused_within_its_budget() {
    let seeds = [
        r#"{"data":[{"id":"a","text":"some words","tags":{"n":1},"embedding":[0.5,1]}],"execEndpoint":"/index"}"#,
        r#"{"data":{"docs":[{"id":"a","blob":"AP8=","chunks":[{"uri":"a.gif"}]}]},"parameters":{"limit":3}}"#,
        r#"{"header":{"request_id":"r","exec_endpoint":"/search","target_executor":"a.*"},"data":[{"Text":"x"}]}"#,
    ];
    Target::new("http-bodies")
        .seeds(seeds)
        .words(KEYS)
        .generator(|random| generate::json(random, &KEYS, 6).to_string().into_bytes())
        .memory(MEMORY_FACTOR, 64 << 10)
        .run(|input| match json_message::read(input, None, &metadata()) {
            Ok(message) => {
                let (request, context) = message.split();
                let rejected =
                    context.rejected_reply(Rejection::Draining.status().to_json(), Spelling::Camel);
                assert!(serde_json::from_slice::<serde_json::Value>(&rejected).is_ok(), "the reply is JSON");
                read(Ok(request))
            }
            Err(error) => error.line(),
        });
}
