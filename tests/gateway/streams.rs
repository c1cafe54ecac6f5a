//! Streams of requests: order, room, deadlines, ends.

use std::io::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};

use super::messages::{reply, request};
use crate::support::client::{served, until};
use crate::support::gate;

pub(super) const CALL: &str = "/jina.JinaRPC/Call";
pub(super) const UNARY: &str = "/jina.JinaSingleDataRequestRPC/process_single_data";

/// What gRPC calls these.
const DEADLINE_EXCEEDED: u32 = 4;
pub(super) const RESOURCE_EXHAUSTED: u32 = 8;
const UNAVAILABLE: u32 = 14;

/// A request with one document, both of that id.
pub(super) fn question(id: &str, endpoint: &str) -> Vec<u8> {
    request(&json!({
        "header": {"requestId": id, "execEndpoint": endpoint}, "data": {"docs": {"docs": [{"id": id, "text": "t"}]}},
    }))
}

/// The ids of the requests that these messages answer.
fn ids(messages: &[Bytes]) -> Vec<Value> {
    messages.iter().map(|message| reply(message)["header"]["requestId"].clone()).collect()
}

const PROBES: &str = "- {name: probe, uses: {jtype: Probe, with: {name: stream}}, replicas: 2}";

#[tokio::test]
async fn replies_come_as_they_are_ready_or_in_order_if_asked() {
    let closed = gate::close();
    let served = served("", PROBES).await;
    let mut grpc = served.grpc().await;

    let mut call = grpc.begin(CALL, &[]).await;
    call.send(&question("slow", "/wait"));
    call.send(&question("fast", "/index"));
    assert_eq!(ids(&[call.next().await.unwrap()]), ["fast"]);
    drop(closed);
    assert_eq!(ids(&call.end().await.messages), ["slow"]);

    let closed = gate::close();
    let mut call = grpc.begin(CALL, &[("__results_in_order__", "true")]).await;
    call.send(&question("slow", "/wait"));
    call.send(&question("fast", "/index"));
    until(|| served.flow.request_counts().replied == 3).await;
    drop(closed);
    assert_eq!(ids(&[call.next().await.unwrap()]), ["slow"]);
    assert_eq!(ids(&call.end().await.messages), ["fast"]);
}

#[tokio::test]
async fn a_stream_has_no_more_inside_than_it_asked_for() {
    let closed = gate::close();
    let served = served("", PROBES).await;
    let call = served.grpc().await.begin(CALL, &[("__prefetch__", "3")]).await;
    for number in 0..20 {
        call.send(&question(&number.to_string(), "/wait"));
    }
    until(|| served.flow.request_counts().in_flight == 3).await;
    drop(closed);
    assert_eq!(call.end().await.messages.len(), 20);
}

#[tokio::test]
async fn ten_thousand_documents_stream_through() {
    let served = served("with: {prefetch: 4}", "- {name: a, uses: Pass}\n- {name: b, uses: Pass}").await;
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
        let answered = reply(message);
        let batch = answered["header"]["requestId"].as_str().unwrap().to_owned();
        let documents = answered["data"]["docs"]["docs"].as_array().unwrap();
        let expected: Vec<Value> =
            (0..100).map(|number| json!({"id": format!("{batch}-{number}")})).collect();
        assert_eq!(*documents, expected);
    }
}

#[tokio::test]
async fn a_full_flow_refuses_at_once_and_says_when_to_try_again() {
    let closed = gate::close();
    let served = served("with: {prefetch: 1, when_full: refuse}", PROBES).await;
    let waiting = served.grpc().await.begin(CALL, &[]).await;
    waiting.send(&question("inside", "/wait"));
    until(|| served.flow.request_counts().in_flight == 1).await;
    for path in [UNARY, CALL] {
        let refused = served.grpc().await.call(path, &[], &[&question("outside", "/index")]).await;
        assert_eq!((refused.status, refused.messages.len()), (RESOURCE_EXHAUSTED, 0), "{path}");
        assert_eq!(refused.trailers["retry-after"], "1", "{}", refused.message);
    }
    drop(closed);
    assert_eq!(ids(&waiting.end().await.messages), ["inside"]);
}

#[tokio::test]
async fn a_stream_waits_for_its_own_requests_where_others_are_refused() {
    let served = served("with: {prefetch: 1, when_full: refuse}", "- {name: a, uses: Pass}").await;
    let messages: Vec<Vec<u8>> = (0..50).map(|number| question(&number.to_string(), "/index")).collect();
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let called = served.grpc().await.call(CALL, &[("__prefetch__", "10")], &messages).await;
    assert_eq!((called.status, called.messages.len()), (0, 50));
    assert_eq!(served.flow.request_counts().rejected, 0);
}

#[tokio::test]
async fn a_call_is_over_at_its_deadline() {
    let closed = gate::close();
    let served = served("", PROBES).await;
    let mut grpc = served.grpc().await;
    let late = grpc.call(UNARY, &[("grpc-timeout", "20m")], &[&question("a", "/wait")]).await;
    assert_eq!(late.status, DEADLINE_EXCEEDED, "{}", late.message);

    // In a stream a request that says how long it may take is late alone.
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
async fn nothing_that_was_let_in_is_lost_at_the_end() {
    let closed = gate::close();
    let served = served("", PROBES).await;
    let mut call = served.grpc().await.begin(CALL, &[]).await;
    for number in 0..5 {
        call.send(&question(&number.to_string(), "/wait"));
    }
    let flow = std::sync::Arc::clone(&served.flow);
    until(|| flow.request_counts().in_flight == 5).await;
    let mut other = served.grpc().await;
    let draining = tokio::spawn(served.drain());
    // The end has begun when newcomers are turned away; the connection itself may be gone by then.
    let refused = other.begin(UNARY, &[]).await;
    refused.send(&question("late", "/index"));
    drop(refused);
    drop(closed);
    let mut answered = Vec::new();
    while let Some(message) = call.next().await {
        answered.push(message);
    }
    assert_eq!(answered.len(), 5);
    let ended = call.end().await;
    assert_eq!(ended.status, UNAVAILABLE, "{}", ended.message);
    let drained = draining.await.unwrap();
    assert!(drained.completed(), "{drained:?}");
    assert_eq!(flow.request_counts().unanswered(), 0);
}

#[tokio::test]
async fn whoever_hangs_up_gives_the_request_up() {
    let closed = gate::close();
    let served = served("", PROBES).await;
    let mut grpc = served.grpc().await;
    let call = grpc.begin(CALL, &[]).await;
    call.send(&question("a", "/wait"));
    until(|| served.flow.request_counts().in_flight == 1).await;
    drop((call, grpc));
    until(|| served.flow.request_counts().cancelled == 1).await;
    drop(closed);
}

#[tokio::test]
async fn what_cannot_be_read_fails_alone() {
    let served = served("", "- {name: a, uses: Pass}").await;
    let mut grpc = served.grpc().await;
    let pickle = request(&json!({"header": {"requestId": "pickle"}, "data": {"docsBytes": "gASVAAAA"}}));
    let target = request(&json!({"header": {"requestId": "target", "targetExecutor": "a("}}));
    let many: Vec<Value> = (0..10_001).map(|_| json!({})).collect();
    let many = request(&json!({"header": {"requestId": "many"}, "data": {"docs": {"docs": many}}}));
    let messages = [&pickle[..], &target, &many, &question("good", "/index")];
    let called = grpc.call(CALL, &[("__results_in_order__", "true")], &messages).await;
    assert_eq!(called.status, 0, "{}", called.message);
    let said: Vec<Value> = called
        .messages
        .iter()
        .map(|message| reply(message)["header"]["status"]["exception"]["args"][0].clone())
        .collect();
    assert_eq!(said[0], "`docs_bytes` is a Python pickle, which is never opened; send `docs`");
    assert!(said[1].as_str().unwrap().starts_with("`a(` is not a pattern of executor names"), "{said:?}");
    assert_eq!(said[2], "the request has 10001 documents, more than the 10000 allowed; send several");
    assert_eq!(said[3], Value::Null);

    let garbage = grpc.call(CALL, &[], &[b"\xff\xff\xff"]).await;
    assert_ne!(garbage.status, 0);
    assert_eq!(grpc.call(CALL, &[], &[&question("b", "/index")]).await.status, 0);
}

#[tokio::test]
async fn compressed_requests_are_read() {
    let served = served("", "- {name: a, uses: Pass}").await;
    let mut grpc = served.grpc().await;
    let message = question("a", "/index");
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
async fn documents_that_fail_are_listed_and_a_request_of_which_all_failed_has_failed() {
    let served = served("", "- {name: probe, uses: {jtype: Probe, with: {name: partial}}}").await;
    let ask = |ids: &[&str]| {
        let documents: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        request(&json!({"header": {"execEndpoint": "/index"}, "data": {"docs": {"docs": documents}}}))
    };
    let mut grpc = served.grpc().await;
    let some = grpc.call(UNARY, &[], &[&ask(&["good", "bad"])]).await;
    let some = reply(&some.messages[0]);
    assert_eq!(some["data"]["docs"]["docs"][0]["id"], "good");
    assert_eq!(some["parameters"]["__failed__"]["bad"]["executor"], "probe");

    let none = grpc.call(UNARY, &[], &[&ask(&["bad"])]).await;
    let none = reply(&none.messages[0]);
    assert_eq!(none["header"]["status"]["exception"]["executor"], "Probe");
    assert_eq!(none["data"]["docs"]["docs"], json!([{"id": "bad"}]));
}

#[tokio::test]
async fn replies_are_compressed_as_the_flow_says_and_the_client_accepts() {
    for (word, encoding) in [("Gzip", "gzip"), ("deflate", "deflate")] {
        let served = served(&format!("with: {{compression: {word}}}"), "- {name: a, uses: Pass}").await;
        let mut grpc = served.grpc().await;
        let request = question("a", "/index");
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
    let served = served("", "- {name: a, uses: Pass}").await;
    let headers = [("grpc-accept-encoding", "gzip")];
    let called = served.grpc().await.call(UNARY, &headers, &[&question("a", "/index")]).await;
    assert_eq!(called.compressed, 0);
}
