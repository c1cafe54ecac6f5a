//! Tests of the bound on the memory of decoded messages, with generated messages of every type.
//!
//! The generators know the structure of messages and repeat every part, because small parts that are repeated occupy
//! the most memory in relation to their encoding. Each type is tested with 200 messages, or for as long as the
//! environment variable `FLOWRUN_FUZZ_SECONDS` demands.

mod json;
mod protobuf;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flowrun_fuzz::peak_of;
use flowrun_sdk::Document;
use flowrun_wire::{ReceivedList, encode_documents};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};

use super::{Envelope, decode_budget, joined_request, json_request};
use crate::gateway::admission::Admission;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::request::GatewayRequest;
use crate::limits::{DECODED_BYTES_FREE, DECODED_DOCUMENT_BYTES, DECODED_RATIO_MAX, REQUEST_DOCUMENTS_MAX};

/// Bytes of memory that a message of `message` bytes with `documents` documents may occupy, while it is decoded and
/// when an executor reads it.
fn bound(message: usize, documents: usize) -> usize {
    DECODED_RATIO_MAX * message
        + DECODED_BYTES_FREE
        + DECODED_DOCUMENT_BYTES * documents.min(REQUEST_DOCUMENTS_MAX)
}

/// A generated message, and an upper bound of the number of documents in it at all levels.
#[derive(Clone)]
struct Message {
    bytes: Vec<u8>,
    documents: usize,
}

impl Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = String::from_utf8_lossy(self.bytes.get(..self.bytes.len().min(300)).unwrap());
        write!(f, "{} bytes, {} documents: {text:?}", self.bytes.len(), self.documents)
    }
}

/// Decodes a message with `decode`, reads its documents, and compares the memory with the bound. Returns whether it is
/// accepted.
fn check(message: &Message, decode: impl FnOnce(Bytes) -> Option<GatewayRequest>) -> bool {
    let bytes = Bytes::from(message.bytes.clone());
    let (accepted, peak) = peak_of(|| {
        let request = decode(bytes.clone());
        let read: usize =
            request.iter().flat_map(|request| &request.documents).map(Document::memory_bytes).sum();
        std::hint::black_box(read);
        request.is_some()
    });
    let bound = bound(message.bytes.len(), message.documents);
    assert!(peak <= bound, "{message:?} occupies {peak} bytes, more than {bound}; accepted: {accepted}");
    accepted
}

/// Checks generated messages: 200, repeatedly until `FLOWRUN_FUZZ_SECONDS` have passed.
fn check_all(messages: impl Strategy<Value = Message>, decode: impl Fn(Bytes) -> Option<GatewayRequest>) {
    let seconds = std::env::var("FLOWRUN_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or_default());
    let config = Config { failure_persistence: None, max_shrink_iters: 200, ..Config::with_cases(200) };
    loop {
        let run = TestRunner::new(config.clone()).run(&messages, |message| {
            check(&message, &decode);
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{error}"));
        if Instant::now() >= end {
            return;
        }
    }
}

fn decode_request(message: Bytes) -> Option<GatewayRequest> {
    let permit = Admission::new(1, 0).bytes_permit();
    Envelope::decode(message, &CallMetadata::default(), &permit).ok()?.1.ok()
}

fn decode_list(message: Bytes) -> Option<GatewayRequest> {
    let permit = Admission::new(1, 0).bytes_permit();
    let requests = ReceivedList::decode(&message).ok()?.0;
    let budget = decode_budget(message.len(), &permit);
    let envelopes = requests.into_iter().map(Envelope::new).collect();
    joined_request(envelopes, &CallMetadata::default(), &budget).1.ok()
}

fn decode_json(message: Bytes) -> Option<GatewayRequest> {
    let permit = Admission::new(1, 0).bytes_permit();
    Some(json_request::read(message, None, &CallMetadata::default(), &permit).ok()?.split().0)
}

#[test]
fn requests_of_the_first_schema_are_bounded() {
    check_all(protobuf::request(protobuf::document1()), decode_request);
}

#[test]
fn requests_of_the_second_schema_are_bounded() {
    check_all(protobuf::request(protobuf::document2()), decode_request);
}

#[test]
fn joined_requests_are_bounded() {
    check_all(protobuf::list(), decode_list);
}

#[test]
fn requests_as_json_are_bounded() {
    check_all(json::request(), decode_json);
}

#[test]
fn arrays_in_fields_of_a_class_are_accepted_within_the_bound() {
    for (item, count) in [
        ("0", 500_000),
        ("0.0", 300_000),
        ("-1", 500_000),
        ("1e9", 300_000),
        ("-0.5", 300_000),
        ("true", 200_000),
        ("[0]", 300_000),
        ("[0.0]", 300_000),
        (r#"{"":-1}"#, 100_000),
    ] {
        for separator in [",", ", "] {
            let array = format!("[{}]", vec![item; count].join(separator));
            let documents = json::class_with(&array);
            assert!(check(&documents, decode_json), "{item}{separator}");
        }
    }
}

#[test]
fn documents_whose_tags_fill_their_map_are_bounded() {
    for keys in [3, 7, 14, 28, 56, 112, 224, 448, 896] {
        let entries: Vec<String> = (0..keys).map(|number| format!("\"{number:x}\":0")).collect();
        let documents = vec![format!("{{{}}}", entries.join(",")); 25];
        for header in ["", json::CLIENT_HEADER] {
            let bytes = format!(r#"{{{header}"data":[{}]}}"#, documents.join(",")).into_bytes();
            check(&Message { bytes, documents: documents.len() }, decode_json);
        }
    }
}

#[test]
fn ordinary_requests_of_small_documents_are_accepted() {
    // Short texts without ids, as written by hand, and documents of a class with ten fields.
    let texts = vec![r#"{"text":"a"}"#; REQUEST_DOCUMENTS_MAX].join(",");
    let fields: Vec<String> = (0..10).map(|field| format!(r#""field{field}":{field}"#)).collect();
    let class = format!("{{{}}}", fields.join(","));
    for documents in [texts, vec![class.as_str(); 1_000].join(",")] {
        let text = format!(r#"{{"data":[{documents}]}}"#);
        let request = decode_json(text.into()).unwrap();
        for schema in [flowrun_wire::Schema::V1, flowrun_wire::Schema::V2] {
            let list = encode_documents(&request.documents, schema);
            let message = protobuf::field(4, &protobuf::field(1, &list));
            assert_eq!(decode_request(message.into()).unwrap().documents.len(), request.documents.len());
        }
    }
}

#[test]
fn parts_that_are_not_used_are_skipped() {
    for part in [&b"\x1a\x00"[..], b"\x0a\x02\x12\x00", b"\x2a\x00"] {
        let message = Message { bytes: part.repeat(1_000_000), documents: 0 };
        let (request, peak) = peak_of(|| decode_request(message.bytes.clone().into()));
        assert!(request.is_some() && peak < message.bytes.len() + 10_000, "{peak}");
    }
    let mut documents = b"\x0a\x03\x0a\x01a".to_vec();
    documents.extend(b"\x98\x06\x01".repeat(1_000_000));
    let message = protobuf::field(4, &protobuf::field(1, &documents));
    let (request, peak) = peak_of(|| {
        let request = decode_request(message.clone().into()).unwrap();
        request.documents.first().map(|document| document.id.clone())
    });
    assert_eq!(request.as_deref(), Some("a"));
    assert!(peak < message.len() + 10_000, "{peak}");
}
