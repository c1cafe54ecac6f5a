//! Fuzzer of the bytes of a connection: HTTP/1.1, HTTP/2 and WebSocket.
//!
//! Client and gateway run on the thread of the test, so that the memory of both is counted.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use flowrun_fuzz::Target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::client::{serve_flow, wait_until_async};

/// Time for the gateway to end a connection whose client has sent everything.
const TIMEOUT: Duration = Duration::from_secs(20);

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Words of the three protocols.
const WORDS: [&[u8]; 16] = [
    b"\r\n",
    b"\r\n\r\n",
    b"content-length: ",
    b"transfer-encoding: chunked\r\n",
    b"expect: 100-continue\r\n",
    b"connection: close\r\n",
    b"/grpc.health.v1.Health/Watch",
    b"/jina.JinaRPC/Call",
    b"/dashboard/log",
    b"{\"data\":[{}]}",
    b"\x00\x00\x00\x04\x01\x00\x00\x00\x00",
    b"\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08",
    b"\x00\x00\x08\x06\x00\x00\x00\x00\x00",
    b"\x89\x80\x00\x00\x00\x00",
    b"\x00\x80\x00\x00\x00\x00",
    b"\x88\x82\x00\x00\x00\x00\x03\xe8",
];

/// An HTTP/2 frame.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// A gRPC call of the health check, without compression of headers.
fn health_check() -> Vec<u8> {
    let path = "/grpc.health.v1.Health/Check";
    let headers = [
        &[0x83, 0x86, 0x04, path.len() as u8],
        path.as_bytes(),
        b"\x01\x09localhost\x0f\x10\x10application/grpc\x00\x02te\x08trailers",
    ]
    .concat();
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[]),
        frame(1, 4, 1, &headers),
        frame(0, 1, 1, &[0; 5]),
    ]
    .concat()
}

/// A WebSocket connection with a request, a ping, a fragmented message and a close frame.
fn session() -> Vec<u8> {
    let request = br#"{"data":[{"text":"a"}]}"#;
    let text = [&[0x81, 0x80 | request.len() as u8, 0, 0, 0, 0], &request[..]].concat();
    let rest = b"\x89\x80\0\0\0\0\x01\x81\0\0\0\0{\x80\x81\0\0\0\0}\x88\x82\0\0\0\0\x03\xe8";
    [UPGRADE, &text, rest].concat()
}

/// Sends the bytes, and reads until the gateway closes. Returns the first line of the response.
async fn converse(address: SocketAddr, input: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let (mut reading, mut writing) = stream.split();
    let sent = async {
        // Fails if the gateway has closed the connection.
        let _ = writing.write_all(input).await;
        let _ = writing.shutdown().await;
    };
    let mut reply = Vec::new();
    let received = async { reading.read_to_end(&mut reply).await.map(drop) };
    let (_, received) = tokio::join!(sent, tokio::time::timeout(TIMEOUT, received));
    assert!(
        received.is_ok(),
        "the gateway did not close the connection after its client had sent everything"
    );
    Ok(String::from_utf8_lossy(reply.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned())
}

thread_local! {
    /// Panics on this thread: a panic of a connection ends only its task.
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

#[test]
fn any_conversation_ends_without_a_panic_within_its_budget() {
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.set(PANICS.get() + 1);
        default_hook(info);
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = runtime.block_on(serve_flow("with: {logserver: true}", "- {name: a, uses: Pass}"));
    let post = b"POST /post HTTP/1.1\r\nhost: localhost\r\ncontent-length: 13\r\n\r\n{\"data\":[{}]}";
    let chunked =
        b"POST /post HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    // The buffers of both sides have constant sizes.
    Target::new("conversations")
        .seeds([&post[..], chunked, &health_check(), &session()])
        .words(WORDS)
        .memory(64, 4 << 20)
        .run(|input| {
            let reply = runtime.block_on(converse(served.address(), input));
            assert_eq!(PANICS.get(), 0, "a connection panicked");
            reply.unwrap_or_else(|error| error.kind().to_string())
        });
    runtime.block_on(wait_until_async(async || {
        let (_, _, metrics) = served.http("GET", "/metrics", "", "").await;
        metrics.contains("flowrun_request_bytes 0\n")
    }));
}
