//! Messages that would occupy far more memory than they have bytes are refused before they are decoded, over every protocol.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use futures_util::SinkExt as _;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::hostile::{request_bytes, response_head, sent};
use super::messages::reply;
use super::streams::{CALL, RESOURCE_EXHAUSTED, UNARY, data_request};
use super::websocket::{connect, remaining};
use crate::support::client::{ServedFlow, serve_flow, wait_until_async};

const PASS: &str = "- {name: a, uses: Pass}";

/// Maximum of documents of a request.
const DOCUMENTS_MAX: usize = 10_000;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn field(key: u8, content: &[u8]) -> Vec<u8> {
    [vec![key], varint(content.len()), content.to_vec()].concat()
}

/// An encoded `DataRequestProto` with this list of documents (`data.docs`).
fn with_documents(list: &[u8]) -> Vec<u8> {
    field(0x22, &field(0x0a, list))
}

fn empty_documents(count: usize) -> Vec<u8> {
    with_documents(&b"\x0a\x00".repeat(count))
}

fn empty_json_documents(count: usize) -> String {
    format!(r#"{{"data": [{}]}}"#, vec!["{}"; count].join(","))
}

/// Sends a body with a content encoding. Returns the status code and the whole response.
async fn post(served: &ServedFlow, encoding: &str, body: &[u8]) -> (u16, String) {
    let head = format!(
        "POST /post HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-encoding: {encoding}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = sent(served, &[head.as_bytes(), body].concat()).await;
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    (response.split(' ').nth(1).unwrap().parse().unwrap(), response)
}

#[tokio::test]
async fn too_many_documents_are_refused_over_every_protocol() {
    let served = serve_flow("", PASS).await;
    let (largest, larger) = (empty_documents(DOCUMENTS_MAX), empty_documents(DOCUMENTS_MAX + 1));
    let mut grpc = served.grpc().await;
    assert_eq!(grpc.call(UNARY, &[], &[&largest]).await.status, 0);
    let refused = grpc.call(UNARY, &[], &[&larger]).await;
    assert_eq!((refused.status, refused.message.contains("10000")), (RESOURCE_EXHAUSTED, true));
    let streamed = grpc.call(CALL, &[], &[&larger]).await;
    let status = reply(&streamed.messages[0])["header"]["status"].to_string();
    assert!(status.contains("10000 documents"), "{status}");

    let (code, _, body) = served.http("POST", "/post", "", &empty_json_documents(DOCUMENTS_MAX)).await;
    assert_eq!(code, 200, "{:.200}", body);
    let (code, _, body) = served.http("POST", "/post", "", &empty_json_documents(1_300_000)).await;
    assert_eq!((code, body.contains("10000 documents")), (413, true), "{body:.200}");

    let json = Message::text(empty_json_documents(DOCUMENTS_MAX + 1));
    for (protocol, message) in [("bytes", Message::binary(larger)), ("json", json)] {
        let mut socket = connect(&served, "/", Some(protocol)).await;
        socket.send(message).await.unwrap();
        let (replies, closed) = remaining(&mut socket).await;
        let (code, reason) = closed.unwrap();
        assert_eq!((replies.len(), code), (0, CloseCode::Size));
        assert!(reason.contains("10000 documents"), "{reason}");
    }
}

#[tokio::test]
async fn a_websocket_message_that_is_too_long_ends_with_its_code() {
    let served = serve_flow("", PASS).await;
    let mut socket = connect(&served, "/dry_run", None).await;
    // The largest message of a dry run has 4 kB, that of requests 256 MiB.
    let _ = socket.send(Message::text("x".repeat(5_000))).await;
    let (_, closed) = remaining(&mut socket).await;
    assert_eq!(closed.map(|(code, _)| code), Some(CloseCode::Size));
}

#[tokio::test]
async fn many_small_values_are_refused_and_the_same_bytes_in_few_are_not() {
    let served = serve_flow("", PASS).await;
    let zeros = vec!["0"; 500_000].join(",");
    let post = async |body: String| served.http("POST", "/post", "", &body).await;
    for body in [
        format!(r#"{{"data": [{{"tags": {{"a": [{zeros}]}}}}]}}"#),
        format!(r#"{{"parameters": {{"a": [{zeros}]}}}}"#),
    ] {
        let (code, _, reply) = post(body).await;
        assert_eq!((code, reply.contains("too many small values")), (413, true), "{reply:.300}");
    }
    for body in [
        format!(r#"{{"data": [{{"embedding": [{zeros}]}}]}}"#),
        format!(r#"{{"data": [{{"text": "{zeros}"}}]}}"#),
    ] {
        assert_eq!(post(body).await.0, 200);
    }
    // Field 17 (`tags`) of a document of docarray's first schema, with 200,000 entries `"": null`.
    let tags = b"\x0a\x04\x0a\x00\x12\x00".repeat(200_000);
    let document = [vec![0x8a, 0x01], varint(tags.len()), tags].concat();
    let refused = served.grpc().await.call(UNARY, &[], &[&with_documents(&field(0x0a, &document))]).await;
    assert_eq!(refused.status, RESOURCE_EXHAUSTED, "{}", refused.message);
}

#[tokio::test]
async fn routes_of_a_client_are_skipped() {
    let served = serve_flow("", PASS).await;
    let request = [data_request("a", "/x"), b"\x1a\x00".repeat(2_000_000)].concat();
    let called = served.grpc().await.call(UNARY, &[], &[&request]).await;
    assert_eq!(called.status, 0, "{}", called.message);
    // Those of the gateway and the pod.
    assert_eq!(reply(&called.messages[0])["routes"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn compressed_messages_are_bounded_in_relation_to_their_size() {
    let served = serve_flow("", PASS).await;
    let routes = b"\x1a\x00".repeat(20_000_000);
    let unknown = [empty_documents(1), b"\x98\x06\x01".repeat(60_000_000)].concat();
    for (name, bomb) in [("routes", routes), ("unknown fields", unknown)] {
        let compressed = gzip(&bomb);
        assert!(compressed.len() < bomb.len() / 500, "{name}: {}", compressed.len());
        for path in [UNARY, CALL] {
            let call = served.grpc().await.begin(path, &[("grpc-encoding", "gzip")]).await;
            call.send_flagged(1, &compressed);
            let ended = call.end().await;
            assert_eq!(ended.status, RESOURCE_EXHAUSTED, "{name} {path}: {}", ended.message);
            // Messages of statuses are percent-encoded.
            assert!(ended.message.contains("100%20times"), "{}", ended.message);
        }
        let (code, body) = post(&served, "gzip", &compressed).await;
        assert_eq!((code, body.contains("100 times")), (413, true), "{body:.300}");
        wait_until_async(async || request_bytes(&served).await == 0).await;
    }
}

#[tokio::test]
async fn compressed_bodies_are_accepted_and_other_codings_refused() {
    let served = serve_flow("", PASS).await;
    // So large that it is decoded on a blocking thread (`LARGE_MESSAGE_BYTES`).
    let texts: Vec<String> = (0..40_000).map(|number| (number * 7_919 % 99_991).to_string()).collect();
    let body = format!(r#"{{"data": [{{"id": "a", "text": "{}"}}]}}"#, texts.join(" "));
    for (encoding, compressed) in [
        ("gzip", gzip(body.as_bytes())),
        ("deflate", deflate(body.as_bytes())),
        ("identity", body.clone().into_bytes()),
    ] {
        let (code, reply) = post(&served, encoding, &compressed).await;
        assert_eq!(code, 200, "{encoding}: {reply:.200}");
        assert!(reply.contains(&texts.join(" ")), "{encoding}");
    }
    let (code, _) = post(&served, "gzip", b"{}").await;
    assert_eq!(code, 422);
    let mut stream = sent(
        &served,
        b"POST /post HTTP/1.1\r\nhost: localhost\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\n{}",
    )
    .await;
    let head = response_head(&mut stream).await;
    assert!(head.contains(" 415 ") && head.contains("accept-encoding: gzip, deflate, identity"), "{head}");
    wait_until_async(async || request_bytes(&served).await == 0).await;
}

#[tokio::test]
async fn an_unknown_compression_of_a_call_is_refused_with_those_that_are_known() {
    let served = serve_flow("", PASS).await;
    let mut grpc = served.grpc().await;
    for path in [UNARY, CALL] {
        let refused = grpc.call(path, &[("grpc-encoding", "zstd")], &[&data_request("a", "/x")]).await;
        assert_eq!(refused.status, 12, "{}", refused.message);
        assert_eq!(refused.trailers["grpc-accept-encoding"], "gzip,deflate,identity");
    }
    let uncompressed = grpc.call(UNARY, &[("grpc-encoding", "gzip")], &[&data_request("a", "/x")]).await;
    assert_eq!(uncompressed.status, 0);
}

#[tokio::test]
async fn a_call_that_breaks_the_framing_ends_with_a_status() {
    let served = serve_flow("", PASS).await;
    let mut grpc = served.grpc().await;
    for path in [UNARY, CALL] {
        let call = grpc.begin(path, &[]).await;
        call.send_part(&data_request("a", "/x"), 5);
        assert_ne!(call.end().await.status, 0, "an unfinished message");
        let call = grpc.begin(path, &[]).await;
        call.send_flagged(1, b"x");
        assert_ne!(call.end().await.status, 0, "compressed without a coding");
        let call = grpc.begin(path, &[]).await;
        call.send_flagged(2, b"x");
        assert_ne!(call.end().await.status, 0, "an unknown flag");
    }
    assert_ne!(grpc.call(UNARY, &[], &[]).await.status, 0);
    let two = grpc.call(UNARY, &[], &[&data_request("a", "/x"), &data_request("b", "/x")]).await;
    assert_ne!(two.status, 0);
}

#[tokio::test]
async fn large_requests_as_json_keep_every_field() {
    let served = serve_flow("", PASS).await;
    let text = "x".repeat(300_000);
    let document = serde_json::json!({
        "id": "a", "text": text, "tags": {"n": 3, "f": 2.5, "big": 9_007_199_254_740_993_u64}, "embedding": [0.5, 1.0],
        "chunks": [{"id": "b", "parent_id": "a", "tensor": [[1.0], [2.0]]}],
    });
    let body = serde_json::json!({ "data": [document] }).to_string();
    let (code, _, reply) = served.http("POST", "/post", "", &body).await;
    let reply: Value = serde_json::from_str(&reply).unwrap();
    assert_eq!((code, &reply["data"][0]), (200, &document));
}
