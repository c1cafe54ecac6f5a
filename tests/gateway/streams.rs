//! gRPC streams: order of replies, backpressure, deadlines, draining, compression.

use std::io::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};

use super::messages::{reply, request};
use crate::support::client::{serve_flow, wait_until};
use crate::support::gate;

pub(super) const CALL: &str = "/jina.JinaRPC/Call";
pub(super) const UNARY: &str = "/jina.JinaSingleDataRequestRPC/process_single_data";

/// gRPC status codes.
const DEADLINE_EXCEEDED: u32 = 4;
pub(super) const RESOURCE_EXHAUSTED: u32 = 8;
const UNAVAILABLE: u32 = 14;

/// A request with one document, both with the id `id`.
pub(super) fn data_request(id: &str, endpoint: &str) -> Vec<u8> {
    request(&json!({
        "header": {"requestId": id, "execEndpoint": endpoint}, "data": {"docs": {"docs": [{"id": id, "text": "t"}]}},
    }))
}

/// Request ids of replies.
fn ids(messages: &[Bytes]) -> Vec<Value> {
    messages.iter().map(|message| reply(message)["header"]["requestId"].clone()).collect()
}

const PROBES: &str = "- {name: probe, uses: {jtype: Probe, with: {name: stream}}, replicas: 2}";

#[tokio::test]
async fn replies_arrive_as_they_are_ready_or_in_order_on_request() {
    let closed = gate::close();
    let served = serve_flow("", PROBES).await;
    let mut grpc = served.grpc().await;

    let mut call = grpc.begin(CALL, &[]).await;
    call.send(&data_request("slow", "/wait"));
    call.send(&data_request("fast", "/index"));
    assert_eq!(ids(&[call.next().await.unwrap()]), ["fast"]);
    drop(closed);
    assert_eq!(ids(&call.end().await.messages), ["slow"]);

    let closed = gate::close();
    let mut call = grpc.begin(CALL, &[("__results_in_order__", "true")]).await;
    call.send(&data_request("slow", "/wait"));
    call.send(&data_request("fast", "/index"));
    wait_until(|| served.flow.request_counts().replied == 3).await;
    drop(closed);
    assert_eq!(ids(&[call.next().await.unwrap()]), ["slow"]);
    assert_eq!(ids(&call.end().await.messages), ["fast"]);
}

#[tokio::test]
async fn prefetch_bounds_the_requests_of_a_stream_inside_the_flow() {
    let closed = gate::close();
    let served = serve_flow("", PROBES).await;
    let call = served.grpc().await.begin(CALL, &[("__prefetch__", "3")]).await;
    for number in 0..20 {
        call.send(&data_request(&number.to_string(), "/wait"));
    }
    wait_until(|| served.flow.request_counts().in_flight == 3).await;
    drop(closed);
    assert_eq!(call.end().await.messages.len(), 20);
}

#[tokio::test]
async fn ten_thousand_documents_stream_through() {
    let served = serve_flow("with: {prefetch: 4}", "- {name: a, uses: Pass}\n- {name: b, uses: Pass}").await;
    let call = served.grpc().await.begin(CALL, &[("__prefetch__", "100")]).await;
    for batch in 0..100 {
        let documents: Vec<Value> =
            (0..100).map(|number| json!({"id": format!("{batch}-{number}")})).collect();
        call.send(&request(&json!({
            "header": {"requestId": batch.to_string(), "execEndpoint": "/index"}, "data": {"docs": {"docs": documents}},
        })));
    }
    let called = call.end().await;
    assert_eq!((called.status, called.messages.len()), (0, 100));
    for message in &called.messages {
        let reply = reply(message);
        let batch = reply["header"]["requestId"].as_str().unwrap().to_owned();
        let documents = reply["data"]["docs"]["docs"].as_array().unwrap();
        let expected: Vec<Value> =
            (0..100).map(|number| json!({"id": format!("{batch}-{number}")})).collect();
        assert_eq!(*documents, expected);
    }
}

#[tokio::test]
async fn a_full_flow_rejects_immediately_with_a_retry_delay() {
    let closed = gate::close();
    let served = serve_flow("with: {prefetch: 1, when_full: refuse}", PROBES).await;
    let waiting = served.grpc().await.begin(CALL, &[]).await;
    waiting.send(&data_request("inside", "/wait"));
    wait_until(|| served.flow.request_counts().in_flight == 1).await;
    for path in [UNARY, CALL] {
        let rejected = served.grpc().await.call(path, &[], &[&data_request("outside", "/index")]).await;
        assert_eq!((rejected.status, rejected.messages.len()), (RESOURCE_EXHAUSTED, 0), "{path}");
        assert_eq!(rejected.trailers["retry-after"], "1", "{}", rejected.message);
    }
    drop(closed);
    assert_eq!(ids(&waiting.end().await.messages), ["inside"]);
}

#[tokio::test]
async fn a_stream_waits_for_its_own_requests_instead_of_being_rejected() {
    let served = serve_flow("with: {prefetch: 1, when_full: refuse}", "- {name: a, uses: Pass}").await;
    let messages: Vec<Vec<u8>> = (0..50).map(|number| data_request(&number.to_string(), "/index")).collect();
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let called = served.grpc().await.call(CALL, &[("__prefetch__", "10")], &messages).await;
    assert_eq!((called.status, called.messages.len()), (0, 50));
    assert_eq!(served.flow.request_counts().rejected, 0);
}

#[tokio::test]
async fn a_call_ends_at_its_deadline() {
    let closed = gate::close();
    let served = serve_flow("", PROBES).await;
    let mut grpc = served.grpc().await;
    let late = grpc.call(UNARY, &[("grpc-timeout", "20m")], &[&data_request("a", "/wait")]).await;
    assert_eq!(late.status, DEADLINE_EXCEEDED, "{}", late.message);

    // In a stream only the request with the timeout fails.
    let mut own =
        json!({"header": {"requestId": "b", "execEndpoint": "/wait"}, "parameters": {"__timeout__": 0.02}});
    let late = grpc.call(CALL, &[], &[&request(&own)]).await;
    assert_eq!(late.status, 0);
    assert_eq!(reply(&late.messages[0])["header"]["status"]["exception"]["name"], "TimeoutError");
    own["parameters"] = json!({});
    drop(closed);
    let on_time = grpc.call(CALL, &[], &[&request(&own)]).await;
    assert_eq!(reply(&on_time.messages[0])["header"]["status"], Value::Null);
}

#[tokio::test]
async fn admitted_requests_are_answered_while_draining() {
    let closed = gate::close();
    let served = serve_flow("", PROBES).await;
    let mut call = served.grpc().await.begin(CALL, &[]).await;
    for number in 0..5 {
        call.send(&data_request(&number.to_string(), "/wait"));
    }
    let flow = std::sync::Arc::clone(&served.flow);
    wait_until(|| flow.request_counts().in_flight == 5).await;
    let mut other = served.grpc().await;
    let draining = tokio::spawn(served.drain());
    // Draining has started once new requests are rejected; the connection may be closed by then.
    let late = other.begin(UNARY, &[]).await;
    late.send(&data_request("late", "/index"));
    drop(late);
    drop(closed);
    let mut replies = Vec::new();
    while let Some(message) = call.next().await {
        replies.push(message);
    }
    assert_eq!(replies.len(), 5);
    let ended = call.end().await;
    assert_eq!(ended.status, UNAVAILABLE, "{}", ended.message);
    let drained = draining.await.unwrap();
    assert!(drained.completed(), "{drained:?}");
    assert_eq!(flow.request_counts().unanswered(), 0);
}

#[tokio::test]
async fn disconnecting_cancels_requests() {
    let closed = gate::close();
    let served = serve_flow("", PROBES).await;
    let mut grpc = served.grpc().await;
    let call = grpc.begin(CALL, &[]).await;
    call.send(&data_request("a", "/wait"));
    wait_until(|| served.flow.request_counts().in_flight == 1).await;
    drop((call, grpc));
    wait_until(|| served.flow.request_counts().cancelled == 1).await;
    drop(closed);
}

#[tokio::test]
async fn an_invalid_request_fails_without_ending_its_stream() {
    let served = serve_flow("", "- {name: a, uses: Pass}").await;
    let mut grpc = served.grpc().await;
    let pickle = request(&json!({"header": {"requestId": "pickle"}, "data": {"docsBytes": "gASVAAAA"}}));
    let target = request(&json!({"header": {"requestId": "target", "targetExecutor": "a("}}));
    let many: Vec<Value> = (0..10_001).map(|_| json!({})).collect();
    let many = request(&json!({"header": {"requestId": "many"}, "data": {"docs": {"docs": many}}}));
    let messages = [&pickle[..], &target, &many, &data_request("good", "/index")];
    let called = grpc.call(CALL, &[("__results_in_order__", "true")], &messages).await;
    assert_eq!(called.status, 0, "{}", called.message);
    let errors: Vec<Value> = called
        .messages
        .iter()
        .map(|message| reply(message)["header"]["status"]["exception"]["args"][0].clone())
        .collect();
    assert_eq!(errors[0], "`docs_bytes` is a Python pickle, which is never opened; send `docs`");
    assert!(errors[1].as_str().unwrap().starts_with("`a(` is not a pattern of executor names"), "{errors:?}");
    assert_eq!(errors[2], "the request has more than the 10000 documents allowed; send several requests");
    assert_eq!(errors[3], Value::Null);

    let garbage = grpc.call(CALL, &[], &[b"\xff\xff\xff"]).await;
    assert_ne!(garbage.status, 0);
    assert_eq!(grpc.call(CALL, &[], &[&data_request("b", "/index")]).await.status, 0);
}

#[tokio::test]
async fn compressed_requests_are_decoded() {
    let served = serve_flow("", "- {name: a, uses: Pass}").await;
    let mut grpc = served.grpc().await;
    let message = data_request("a", "/index");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&message).unwrap();
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    deflate.write_all(&message).unwrap();
    for (encoding, compressed) in [("gzip", gzip.finish().unwrap()), ("deflate", deflate.finish().unwrap())] {
        let call = grpc.begin(CALL, &[("grpc-encoding", encoding)]).await;
        call.send_flagged(1, &compressed);
        let called = call.end().await;
        assert_eq!(
            (called.status, ids(&called.messages)),
            (0, vec!["a".into()]),
            "{encoding}: {}",
            called.message
        );
    }
}

#[tokio::test]
async fn failed_documents_are_listed_and_a_request_fails_if_all_do() {
    let served = serve_flow("", "- {name: probe, uses: {jtype: Probe, with: {name: partial}}}").await;
    let with_documents = |ids: &[&str]| {
        let documents: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        request(&json!({"header": {"execEndpoint": "/index"}, "data": {"docs": {"docs": documents}}}))
    };
    let mut grpc = served.grpc().await;
    let some = grpc.call(UNARY, &[], &[&with_documents(&["good", "bad"])]).await;
    let some = reply(&some.messages[0]);
    assert_eq!(some["data"]["docs"]["docs"][0]["id"], "good");
    assert_eq!(some["parameters"]["__failed__"]["bad"]["executor"], "probe");

    let none = grpc.call(UNARY, &[], &[&with_documents(&["bad"])]).await;
    let none = reply(&none.messages[0]);
    assert_eq!(none["header"]["status"]["exception"]["executor"], "Probe");
    assert_eq!(none["data"]["docs"]["docs"], json!([{"id": "bad"}]));
}

#[tokio::test]
async fn replies_are_compressed_as_configured_for_clients_that_accept_it() {
    for (word, encoding) in [("Gzip", "gzip"), ("deflate", "deflate")] {
        let served = serve_flow(&format!("with: {{compression: {word}}}"), "- {name: a, uses: Pass}").await;
        let mut grpc = served.grpc().await;
        let request = data_request("a", "/index");
        for (accepted, compressed) in [("identity, deflate, gzip", 1), (encoding, 1), ("identity", 0)] {
            for path in [UNARY, CALL] {
                let headers = [("grpc-accept-encoding", accepted)];
                let called = grpc.call(path, &headers, &[&request]).await;
                assert_eq!((called.status, called.compressed), (0, compressed), "{word}, {accepted}, {path}");
                assert_eq!(reply(&called.messages[0])["header"]["requestId"], "a");
            }
        }
        assert_eq!(grpc.call(UNARY, &[], &[&request]).await.compressed, 0);
    }
    let served = serve_flow("", "- {name: a, uses: Pass}").await;
    let headers = [("grpc-accept-encoding", "gzip")];
    let called = served.grpc().await.call(UNARY, &headers, &[&data_request("a", "/index")]).await;
    assert_eq!(called.compressed, 0);
}
