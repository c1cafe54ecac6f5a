//! Overload: requests above capacity are rejected from their headers, without delaying admitted ones.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::messages::request;
use super::streams::{CALL, RESOURCE_EXHAUSTED, UNARY, data_request};
use crate::support::client::{Call, Grpc, ServedFlow, serve_flow, wait_until, wait_until_async};
use crate::support::gate;

const GATE: &str = "- {name: gate, uses: Gate}";

/// Capacity for one request.
const ONE: &str = "with: {prefetch: 1, when_full: refuse}";

/// A request whose text has `bytes` bytes.
fn large(id: &str, bytes: usize) -> Vec<u8> {
    request(&json!({
        "header": {"requestId": id, "execEndpoint": "/index"},
        "data": {"docs": {"docs": [{"id": id, "text": "x".repeat(bytes)}]}},
    }))
}

/// Value of a metric of the gateway.
async fn metric(served: &ServedFlow, name: &str) -> usize {
    let (_, _, metrics) = served.http("GET", "/metrics", "", "").await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap().parse().unwrap()
}

/// Starts a call, and waits until it is inside the flow.
async fn blocked_call(served: &ServedFlow, grpc: &mut Grpc) -> Call {
    let mut call = grpc.begin(UNARY, &[]).await;
    call.send(&data_request("inside", "/index"));
    call.close();
    wait_until(|| served.flow.request_counts().in_flight == 1).await;
    call
}

#[tokio::test]
async fn requests_are_rejected_from_their_headers() {
    let closed = gate::close();
    let served = serve_flow(ONE, GATE).await;
    let blocked = blocked_call(&served, &mut served.grpc().await).await;

    let mut rejected = served.grpc().await.begin(UNARY, &[]).await;
    assert!(rejected.next().await.is_none(), "nothing was sent yet");
    assert_eq!(rejected.end().await.status, RESOURCE_EXHAUSTED);

    let mut stream = TcpStream::connect(served.address()).await.unwrap();
    let head = "POST /index HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut code = [0; 12];
    stream.read_exact(&mut code).await.unwrap();
    assert_eq!(&code, b"HTTP/1.1 429");

    drop(closed);
    assert_eq!(blocked.end().await.messages.len(), 1);
}

#[tokio::test]
async fn a_client_that_sends_its_whole_body_first_receives_the_rejection() {
    let closed = gate::close();
    let served = serve_flow(ONE, GATE).await;
    let blocked = blocked_call(&served, &mut served.grpc().await).await;
    // Larger than the socket buffers.
    let large_body = "x".repeat(30 << 20);
    for _ in 0..5 {
        let (code, _, body) = served.http("POST", "/index", "", &large_body).await;
        assert_eq!((code, body.contains("busy")), (429, true), "{body}");
    }
    drop(closed);
    assert_eq!(blocked.end().await.messages.len(), 1);
}

#[tokio::test]
async fn thousands_of_rejections_do_not_affect_other_calls_of_the_connection() {
    let closed = gate::close();
    let served = serve_flow(ONE, GATE).await;
    let mut grpc = served.grpc().await;
    let blocked = blocked_call(&served, &mut grpc).await;
    let message = large("outside", 40_000);
    for _ in 0..30 {
        // All calls are sent before the first rejection is read.
        let mut calls = Vec::new();
        for _ in 0..100 {
            let call = grpc.begin(UNARY, &[]).await;
            call.send(&message);
            calls.push(call);
        }
        for call in calls {
            assert_eq!(call.end().await.status, RESOURCE_EXHAUSTED);
        }
    }
    drop(closed);
    assert_eq!(blocked.end().await.messages.len(), 1);
}

#[tokio::test]
async fn bytes_are_counted_from_arrival_until_the_reply_is_read() {
    // Larger than the flow-control window of the client.
    const BYTES: usize = 4_000_000;
    let served = serve_flow("", "- {name: a, uses: Pass}").await;
    let bytes = async || metric(&served, "flowrun_request_bytes").await;
    let message = large("a", BYTES);
    for path in [UNARY, CALL] {
        let mut call = served.grpc().await.begin(path, &[]).await;
        call.send_part(&message, BYTES / 2);
        wait_until_async(async || bytes().await >= BYTES / 2).await;
        assert!(bytes().await < BYTES);
        let replied = served.flow.request_counts().replied;
        call.send_rest(&message, BYTES / 2);
        call.close();
        wait_until(|| served.flow.request_counts().replied == replied + 1).await;
        // The flow is done: the request holds bytes alone.
        wait_until_async(async || metric(&served, "flowrun_requests_under_way").await == 0).await;
        assert!(bytes().await >= BYTES, "{path}");
        assert_eq!(call.end().await.messages.len(), 1, "{path}");
        wait_until_async(async || bytes().await == 0).await;
    }
}

#[tokio::test]
async fn a_stream_that_waits_for_capacity_counts_no_rejections() {
    let served = serve_flow("with: {prefetch: 1, when_full: refuse}", "- {name: a, uses: Pass}").await;
    let messages: Vec<Vec<u8>> = (0..20).map(|number| data_request(&number.to_string(), "/index")).collect();
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let called = served.grpc().await.call(CALL, &[("__prefetch__", "10")], &messages).await;
    assert_eq!(called.messages.len(), 20);
    assert_eq!(metric(&served, "flowrun_requests_refused_total").await, 0);
}
