//! Fuzzers of the messages of clients: gRPC requests and HTTP bodies.

use axum::http::{Extensions, HeaderMap};
use bytes::Bytes;
use flowrun_fuzz::words::DOCUMENT_KEYS;
use flowrun_fuzz::{Target, generate};
use flowrun_sdk::protobuf::{Field, FieldReader};
use flowrun_sdk::{Document, Documents};
use flowrun_wire::encode_documents;
use flowrun_wire::jina::data_request_proto::DataContentProto;
use flowrun_wire::jina::data_request_proto::data_content_proto::Documents as Content;
use flowrun_wire::jina::{DataRequestProto, HeaderProto};
use prost::Message as _;
use serde::de::IgnoredAny;

use super::Envelope;
use super::json_message::Spelling;
use super::json_request::{self, ReadError};
use crate::gateway::admission::Admission;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::request::{GatewayRequest, Rejection};
use crate::limits::{DECODED_BYTES_FREE, DECODED_DOCUMENT_BYTES, DECODED_RATIO_MAX};

/// Keys of requests.
const REQUEST_KEYS: [&str; 10] = [
    "data",
    "docs",
    "execEndpoint",
    "exec_endpoint",
    "parameters",
    "header",
    "requestId",
    "request_id",
    "targetExecutor",
    "__timeout__",
];

/// Depth of nested fields up to which documents are counted.
const DEPTH_MAX: usize = 64;

/// A fuzzing target with the stated bound on the memory of a decoded message. `documents` returns an upper bound of the
/// number of documents in an input.
fn target(name: &'static str, documents: fn(&[u8]) -> usize) -> Target {
    Target::new(name)
        .memory(DECODED_RATIO_MAX, DECODED_BYTES_FREE)
        .memory_per_part(DECODED_DOCUMENT_BYTES, documents)
}

/// Upper bound of the number of documents in a protobuf message: its fields that may be documents, down to `depth`
/// levels.
fn messages(message: &[u8], depth: usize) -> usize {
    let fields = FieldReader::new(message).map_while(Result::ok);
    let nested = fields.filter_map(|field| match field {
        (number, Field::Bytes(content)) if depth > 0 => {
            // Field numbers: 1 for documents of a list, 14 for chunks, 15 for matches, and in docarray's second schema 7
            // for a document as a value.
            let is_document = matches!(number, 1 | 7 | 14 | 15);
            Some(usize::from(is_document) + messages(content, depth - 1))
        }
        _ => None,
    });
    nested.sum()
}

/// Upper bound of the number of documents in a JSON text: its objects.
fn objects(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'{').count()
}

fn metadata() -> CallMetadata {
    CallMetadata::new(&HeaderMap::new(), &Extensions::new())
}

/// Reads all documents of a request, and describes the outcome.
fn read(request: Result<GatewayRequest, Rejection>) -> String {
    match request {
        Ok(request) => format!("{:?} {}", request.schema, count(&request.documents)),
        Err(rejection) => rejection.to_string(),
    }
}

fn count(documents: &Documents) -> usize {
    documents.iter().map(|document| 1 + count(&document.chunks) + count(&document.matches)).sum()
}

/// The same request in each of docarray's schemas.
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
    target("grpc-requests", |input| messages(input, DEPTH_MAX))
        .seeds(requests())
        .generator(|random| generate::protobuf(random, 20, 6))
        .run(|input| {
            let permit = Admission::new(1, 0).bytes_permit();
            match Envelope::decode(Bytes::copy_from_slice(input), &metadata(), &permit) {
                Ok((_, request)) => read(request),
                Err(_) => "not a request".to_owned(),
            }
        });
}

#[test]
fn any_http_body_is_a_request_or_refused_within_its_budget() {
    let seeds = [
        r#"{"data":[{"id":"a","text":"some words","tags":{"n":1},"embedding":[0.5,1]}],"execEndpoint":"/index"}"#,
        r#"{"data":{"docs":[{"id":"a","blob":"AP8=","chunks":[{"uri":"a.gif"}]}]},"parameters":{"limit":3}}"#,
        r#"{"header":{"request_id":"r","exec_endpoint":"/search","target_executor":"a.*"},"data":[{"Text":"x"}]}"#,
    ];
    let keys = [&REQUEST_KEYS[..], &DOCUMENT_KEYS].concat();
    target("http-bodies", objects)
        .seeds(seeds)
        .words(keys.clone())
        .generator(move |random| generate::json(random, &keys, 6).to_string().into_bytes())
        .run(|input| {
            let permit = Admission::new(1, 0).bytes_permit();
            match json_request::read(Bytes::copy_from_slice(input), None, &metadata(), &permit) {
                Ok(message) => {
                    let (request, context) = message.split();
                    let outcome = read(Ok(request));
                    let rejected =
                        context.rejected_reply(Rejection::Draining.status().to_json(), Spelling::Camel);
                    assert!(serde_json::from_slice::<IgnoredAny>(&rejected).is_ok(), "the reply is JSON");
                    outcome
                }
                Err(ReadError::Invalid(error)) => error.line(),
                Err(ReadError::Rejected(rejection)) => rejection.to_string(),
            }
        });
}
