//! More than there is room for: who is refused, when, and what it costs the others.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::messages::request;
use super::streams::{CALL, RESOURCE_EXHAUSTED, UNARY, question};
use crate::support::client::{Call, Grpc, Served, served, until, until_true};
use crate::support::gate;

const GATE: &str = "- {name: gate, uses: Gate}";

/// Room for one request and no more.
const ONE: &str = "with: {prefetch: 1, when_full: refuse}";

/// A request whose text has so many bytes.
fn large(id: &str, bytes: usize) -> Vec<u8> {
    request(&json!({
        "header": {"requestId": id, "execEndpoint": "/index"},
        "data": {"docs": {"docs": [{"id": id, "text": "x".repeat(bytes)}]}},
    }))
}

/// What the metrics say of the gateway.
async fn told(served: &Served, name: &str) -> usize {
    let (_, _, metrics) = served.http("GET", "/metrics", "", "").await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap().parse().unwrap()
}

/// A call on that connection that is inside the flow.
async fn inside(served: &Served, grpc: &mut Grpc) -> Call {
    let mut call = grpc.begin(UNARY, &[]).await;
    call.send(&question("inside", "/index"));
    call.close();
    until(|| served.flow.request_counts().in_flight == 1).await;
    call
}

#[tokio::test]
async fn a_request_is_refused_by_its_head_before_anything_else_of_it_has_come() {
    let closed = gate::close();
    let served = served(ONE, GATE).await;
    let inside = inside(&served, &mut served.grpc().await).await;

    let mut refused = served.grpc().await.begin(UNARY, &[]).await;
    assert!(refused.next().await.is_none(), "nothing was sent yet");
    assert_eq!(refused.end().await.status, RESOURCE_EXHAUSTED);

    let mut stream = TcpStream::connect(served.address()).await.unwrap();
    let head = "POST /index HTTP/1.1\r\nhost: test\r\ncontent-length: 1000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut code = [0; 12];
    stream.read_exact(&mut code).await.unwrap();
    assert_eq!(&code, b"HTTP/1.1 429");

    drop(closed);
    assert_eq!(inside.end().await.messages.len(), 1);
}

#[tokio::test]
async fn whoever_sends_all_before_it_reads_is_told_too() {
    let closed = gate::close();
    let served = served(ONE, GATE).await;
    let inside = inside(&served, &mut served.grpc().await).await;
    // More than the system keeps of what nobody reads.
    let body = "x".repeat(30 << 20);
    for _ in 0..5 {
        let (code, _, said) = served.http("POST", "/index", "", &body).await;
        assert_eq!((code, said.contains("busy")), (429, true), "{said}");
    }
    drop(closed);
    assert_eq!(inside.end().await.messages.len(), 1);
}

#[tokio::test]
async fn thousands_of_refusals_leave_what_is_under_way_on_the_same_connection_alone() {
    let closed = gate::close();
    let served = served(ONE, GATE).await;
    let mut grpc = served.grpc().await;
    let inside = inside(&served, &mut grpc).await;
    let message = large("outside", 40_000);
    for _ in 0..30 {
        // All are sent before the first is told.
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
    assert_eq!(inside.end().await.messages.len(), 1);
}

#[tokio::test]
async fn bytes_are_counted_while_they_come_and_until_the_reply_is_taken() {
    // More than the client's side takes of a reply by itself.
    const BYTES: usize = 4_000_000;
    let served = served("", "- {name: a, uses: Pass}").await;
    let bytes = async || told(&served, "flowrun_request_bytes").await;
    let message = large("a", BYTES);
    for path in [UNARY, CALL] {
        let mut call = served.grpc().await.begin(path, &[]).await;
        call.send_part(&message, BYTES / 2);
        until_true(async || bytes().await >= BYTES / 2).await;
        assert!(bytes().await < BYTES);
        call.send_rest(&message, BYTES / 2);
        call.close();
        if path == UNARY {
            until(|| served.flow.request_counts().replied == 1).await;
            assert!(bytes().await >= BYTES);
            assert_eq!(told(&served, "flowrun_requests_under_way").await, 1);
        }
        assert_eq!(call.end().await.messages.len(), 1, "{path}");
        until_true(async || bytes().await == 0).await;
    }
}

#[tokio::test]
async fn only_those_who_are_told_count_as_refused() {
    let served = served("with: {prefetch: 1, when_full: refuse}", "- {name: a, uses: Pass}").await;
    let messages: Vec<Vec<u8>> = (0..20).map(|number| question(&number.to_string(), "/index")).collect();
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let called = served.grpc().await.call(CALL, &[("__prefetch__", "10")], &messages).await;
    assert_eq!(called.messages.len(), 20);
    assert_eq!(told(&served, "flowrun_requests_refused_total").await, 0);
}
