//! Replies that clients do not read: they hold bytes, not a slot of the flow, for a limited time.

use std::time::{Duration, Instant};

use futures_util::SinkExt as _;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::hostile::{gauge, request_bytes, sent};
use super::messages::request;
use super::streams::{RESOURCE_EXHAUSTED, UNARY};
use super::websocket::connect;
use crate::support::client::{ServedFlow, serve_flow, serve_with_bytes, wait_until, wait_until_async};
use crate::support::gate;

const PASS: &str = "- {name: a, uses: Pass}";

/// Capacity for one request.
const ONE: &str = "with: {prefetch: 1, when_full: refuse}";

/// Bytes of a text that is larger than the buffers of two sockets.
const BYTES: usize = 8 << 20;

/// Sends a request over HTTP whose reply has [`BYTES`], and waits until the flow has answered it.
async fn unread_reply(served: &ServedFlow) -> TcpStream {
    let replied = served.flow.request_counts().replied;
    let body = json!({"execEndpoint": "/x", "data": [{"text": "x".repeat(BYTES)}]}).to_string();
    let head = "POST /post HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let stream = sent(served, format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
    wait_until(|| served.flow.request_counts().replied == replied + 1).await;
    stream
}

#[tokio::test]
async fn unread_replies_do_not_keep_others_out() {
    let served = serve_flow(ONE, PASS).await;
    let _unread = unread_reply(&served).await;
    for _ in 0..3 {
        wait_until_async(async || served.http("POST", "/post", "", "{}").await.0 == 200).await;
    }
    assert!(request_bytes(&served).await >= BYTES, "the client was disconnected meanwhile");
}

#[tokio::test]
async fn requests_of_a_session_that_is_not_read_leave_the_flow_when_they_are_answered() {
    let closed = gate::close();
    let served = serve_flow("with: {prefetch: 2}", "- {name: gate, uses: Gate}").await;
    let mut unread = connect(&served, "/", None).await;
    let request = json!({"exec_endpoint": "/x", "data": [{"text": "x".repeat(BYTES)}]}).to_string();
    for _ in 0..2 {
        unread.send(Message::text(request.clone())).await.unwrap();
    }
    wait_until(|| served.flow.request_counts().in_flight == 2).await;
    drop(closed);
    wait_until_async(async || gauge(&served, "flowrun_requests_under_way").await == 0).await;
    assert!(request_bytes(&served).await >= BYTES, "the client was disconnected meanwhile");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_reply_is_disconnected() {
    let served = serve_flow("", PASS).await;
    let _unread = unread_reply(&served).await;
    let start = Instant::now();
    wait_until_async(async || request_bytes(&served).await >= BYTES).await;
    wait_until_async(async || request_bytes(&served).await == 0).await;
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn large_requests_leave_bytes_for_small_ones() {
    let served = serve_with_bytes("", PASS, 4 * BYTES).await;
    let head = format!("POST /post HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", 3 * BYTES);
    let _unfinished = sent(&served, (head + &" ".repeat(2 * BYTES)).as_bytes()).await;
    wait_until_async(async || request_bytes(&served).await >= 2 * BYTES).await;
    let large = format!(r#"{{"data":[{{"text":"{}"}}]}}"#, "x".repeat(2 * BYTES));
    assert_eq!(served.http("POST", "/post", "", &large).await.0, 429);
    for _ in 0..10 {
        assert_eq!(served.http("POST", "/post", "", r#"{"data":[{"text":"a"}]}"#).await.0, 200);
    }
}

#[tokio::test]
async fn a_reply_that_does_not_fit_is_reported_as_such() {
    let served = serve_with_bytes("", PASS, 6 * BYTES).await;
    let message = request(&json!({
        "header": {"requestId": "r", "execEndpoint": "/x"},
        "data": {"docs": {"docs": [{"id": "a", "text": "x".repeat(2 * BYTES)}]}},
    }));
    let called = served.grpc().await.call(UNARY, &[], &[&message]).await;
    assert_eq!(called.status, RESOURCE_EXHAUSTED);
    assert!(called.message.contains("was%20processed"), "{}", called.message);
    wait_until_async(async || request_bytes(&served).await == 0).await;
}
