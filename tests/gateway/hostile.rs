//! Clients that send or read less than they announce: their capacity is bounded, and other clients are served.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::messages::request;
use crate::support::client::{ServedFlow, serve_flow, wait_until_async};

const PASS: &str = "- {name: a, uses: Pass}";
const CHECK: &str = "/grpc.health.v1.Health/Check";
/// Largest message of a health check, in bytes.
const CONTROL_MAX: usize = 4096;

/// A connection that has sent these bytes.
pub(super) async fn sent(served: &ServedFlow, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(served.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// The next response head, in lower case, after which a body of `content-length` bytes is skipped.
pub(super) async fn response_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    head
}

async fn websocket(served: &ServedFlow) -> TcpStream {
    let handshake = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut stream = sent(served, handshake).await;
    assert!(response_head(&mut stream).await.contains(" 101 "));
    stream
}

/// Value of a metric without labels.
pub(super) async fn gauge(served: &ServedFlow, name: &str) -> usize {
    let (_, _, metrics) = served.http("GET", "/metrics", "", "").await;
    let mut values = metrics.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    values.next().unwrap().parse().unwrap()
}

pub(super) async fn request_bytes(served: &ServedFlow) -> usize {
    gauge(served, "flowrun_request_bytes").await
}

#[tokio::test]
async fn announced_bodies_that_do_not_arrive_hold_no_capacity() {
    let served = serve_flow("", PASS).await;
    let announced = b"POST /post HTTP/1.1\r\nhost: localhost\r\ncontent-length: 268435456\r\n\r\n{";
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(sent(&served, announced).await);
    }
    for _ in 0..3 {
        let (code, _, body) = served.http("POST", "/post", "", "{}").await;
        assert_eq!(code, 200, "{body}");
    }
}

#[tokio::test]
async fn bodies_that_are_too_long_are_refused_before_they_arrive() {
    let served = serve_flow("", PASS).await;
    for request in ["POST /post", "GET /search"] {
        let head = format!("{request} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9999999999\r\n\r\n");
        let mut stream = sent(&served, head.as_bytes()).await;
        assert!(response_head(&mut stream).await.contains(" 413 "), "{request}");
    }
}

#[tokio::test]
async fn requests_with_unfinished_bodies_do_not_use_all_slots() {
    let served = serve_flow("with: {prefetch: 1, when_full: refuse}", PASS).await;
    let unfinished = b"POST /post HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{";
    let mut slow = sent(&served, unfinished).await;
    wait_until_async(async || served.http("POST", "/post", "", "{}").await.0 == 200).await;
    slow.write_all(b"       }").await.unwrap();
    assert!(response_head(&mut slow).await.contains(" 200 "));
}

#[tokio::test]
async fn pings_of_a_client_that_does_not_read_are_held_back() {
    let served = serve_flow("", PASS).await;
    let mut stream = websocket(&served).await;
    let mut ping = vec![0x89, 0x80 | 125, 0, 0, 0, 0];
    ping.resize(ping.len() + 125, 0);
    let pings = ping.repeat(1000);
    let mut bytes = 0;
    while let Ok(written) = tokio::time::timeout(Duration::from_secs(1), stream.write_all(&pings)).await {
        written.unwrap();
        bytes += pings.len();
        // The buffers of the two sockets, in both directions.
        assert!(bytes < 100 << 20, "nothing holds the pings back");
    }
}

#[tokio::test]
async fn an_unfinished_websocket_message_is_counted() {
    let served = serve_flow("", PASS).await;
    let mut stream = websocket(&served).await;
    let mut frame = vec![0x82, 0xff];
    frame.extend_from_slice(&(100_u64 << 20).to_be_bytes());
    frame.resize(frame.len() + 4 + (5 << 20), 0);
    stream.write_all(&frame).await.unwrap();
    wait_until_async(async || request_bytes(&served).await >= 4 << 20).await;
    drop(stream);
    wait_until_async(async || request_bytes(&served).await == 0).await;
}

#[tokio::test]
async fn methods_without_admission_accept_short_plain_messages_only() {
    let served = serve_flow("", PASS).await;
    let mut grpc = served.grpc().await;
    assert_eq!(grpc.call(CHECK, &[("grpc-encoding", "gzip")], &[b""]).await.status, 0);
    let long = request(&serde_json::json!({"header": {"requestId": "x".repeat(CONTROL_MAX)}}));
    for path in [CHECK, "/jina.JinaInfoRPC/_status", "/jina.JinaGatewayDryRunRPC/dry_run"] {
        assert_ne!(grpc.call(path, &[], &[&long]).await.status, 0, "{path}");
    }
    let compressed = grpc.begin(CHECK, &[("grpc-encoding", "gzip")]).await;
    compressed.send_flagged(1, b"\x1f\x8b");
    assert_ne!(compressed.end().await.status, 0);
}

#[tokio::test]
async fn documents_do_not_fail_an_endpoint_that_does_not_use_them() {
    let served = serve_flow("", "- {name: encoder, uses: TextHashingEncoder}").await;
    let no_text = r#"{"data": [{"id": "z"}]}"#;
    for (path, failed) in [("/clear", false), ("/count", false), ("/search", true)] {
        let body = format!(r#"{{"data": [{{"id": "z"}}], "execEndpoint": "{path}"}}"#);
        let (_, _, reply) = served.http("POST", "/post", "", &body).await;
        assert_eq!(reply.contains("\"code\":1"), failed, "{path}: {reply}");
    }
    let long = no_text.replace('z', &"z".repeat(100_000));
    let (_, _, reply) = served.http("POST", "/search", "", &long).await;
    assert!(reply.contains("bytes omitted"), "{}", reply.len());
}

#[tokio::test]
async fn a_response_before_the_body_was_read_announces_the_close_or_reads_it() {
    let served = serve_flow("", PASS).await;
    let large = b"POST /unknown HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n{";
    let head = response_head(&mut sent(&served, large).await).await;
    assert!(head.contains(" 404 ") && head.contains("connection: close"), "{head}");

    let small = b"POST /unknown HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}";
    let mut stream = sent(&served, small).await;
    for _ in 0..3 {
        let head = response_head(&mut stream).await;
        assert!(head.contains(" 404 ") && !head.contains("connection: close"), "{head}");
        stream.write_all(small).await.unwrap();
    }
}
