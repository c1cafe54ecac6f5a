//! HTTP and gRPC clients that control every byte sent, and a gateway to test with them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use flowrun::gateway::{Collector, Gateway, Server, Tls, Token, Tokens, TraceExporter, serve};
use flowrun::runtime::{DrainReport, Flow};
use flowrun::topology::Topology;
use flowrun::yaml::Environment;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

/// A flow with a gateway on a free port.
pub(crate) struct ServedFlow {
    pub(crate) flow: Arc<Flow>,
    server: Server,
}

/// Serves a Jina 3 flow. `with` is the YAML before `executors`, `executors` the list of pods.
pub(crate) async fn serve_flow(with: &str, executors: &str) -> ServedFlow {
    serve_with_token(with, executors, None).await
}

/// Like [`serve_flow`], but requires an access token.
pub(crate) async fn serve_with_token(with: &str, executors: &str, token: Option<&str>) -> ServedFlow {
    serve_with_tokens(with, executors, token.and_then(Token::new).into()).await
}

/// Like [`serve_flow`], but requires one of several access tokens.
pub(crate) async fn serve_with_tokens(with: &str, executors: &str, tokens: Tokens) -> ServedFlow {
    start_server(&planned(with, executors), tokens, None, "127.0.0.1:0").await
}

/// Like [`serve_flow`], but with TLS.
pub(crate) async fn serve_with_tls(executors: &str, tls: Tls) -> ServedFlow {
    start_server(&planned("", executors), Tokens::default(), Some(tls), "127.0.0.1:0").await
}

/// Like [`serve_flow`], but listens at `address`.
pub(crate) async fn serve_at(executors: &str, address: &str) -> ServedFlow {
    start_server(&planned("", executors), Tokens::default(), None, address).await
}

/// Like [`serve_flow`], but the gateway may hold `bytes` only.
pub(crate) async fn serve_with_bytes(with: &str, executors: &str, bytes: usize) -> ServedFlow {
    let mut topology = planned(with, executors);
    topology.memory.gateway_bytes_max = bytes;
    start_server(&topology, Tokens::default(), None, "127.0.0.1:0").await
}

fn planned(with: &str, executors: &str) -> Topology {
    let directory = tempfile::tempdir().unwrap();
    let yaml = format!("jtype: Flow\n{with}\nexecutors:\n{executors}");
    super::plan(&yaml, directory.path(), &Environment::default())
}

async fn start_server(topology: &Topology, tokens: Tokens, tls: Option<Tls>, address: &str) -> ServedFlow {
    let flow = Arc::new(super::start(topology).await);
    let gateway = Gateway::new(Arc::clone(&flow), topology, tokens);
    let gateway = match tls {
        Some(tls) => gateway.with_tls(tls),
        None => gateway,
    };
    let gateway = match Collector::from_spec(&topology.gateway.traces, |_| None).unwrap() {
        Some(collector) => gateway.with_traces(TraceExporter::start(collector, &topology.name)),
        None => gateway,
    };
    let server =
        serve(gateway, &[address.parse().unwrap()], Some("127.0.0.1:0".parse().unwrap())).await.unwrap();
    ServedFlow { flow, server }
}

impl ServedFlow {
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    /// Address of the port that serves only health checks and metrics.
    pub(crate) fn health_address(&self) -> SocketAddr {
        self.server.health_address().unwrap()
    }

    pub(crate) async fn drain(self) -> DrainReport {
        self.server.drain(Duration::from_secs(10)).await
    }

    /// Opens a gRPC connection.
    pub(crate) async fn grpc(&self) -> Grpc {
        Grpc::over(TcpStream::connect(self.address()).await.unwrap()).await
    }

    /// Sends an HTTP/1.1 request. Returns the status code, the head and the body of the response.
    pub(crate) async fn http(
        &self,
        method: &str,
        path: &str,
        head: &str,
        body: &str,
    ) -> (u16, String, String) {
        let stream = TcpStream::connect(self.address()).await.unwrap();
        http_over(stream, method, path, head, body).await
    }
}

/// Sends an HTTP/1.1 request over `stream`. Returns the status code, the head and the body of the response.
pub(crate) async fn http_over(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    head: &str,
    body: &str,
) -> (u16, String, String) {
    let length = body.len();
    let host =
        if head.starts_with("host: ") || head.contains("\nhost: ") { "" } else { "host: localhost\r\n" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{host}connection: close\r\n{head}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    let end = response.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&response[..end]).unwrap().to_lowercase();
    let mut body = response.split_off(end + 4);
    if head.contains("transfer-encoding: chunked") {
        body = decode_chunks(&body);
    }
    if head.contains("content-encoding: gzip") {
        body = decompress(flate2::read::GzDecoder::new(&*body));
    }
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, head, String::from_utf8(body).unwrap())
}

/// Decodes a body with chunked transfer encoding.
pub(crate) fn decode_chunks(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&body[end + 2..][..length]);
        body = body[end + 2 + length..].strip_prefix(b"\r\n").unwrap();
    }
    whole
}

fn decompress(mut from: impl std::io::Read) -> Vec<u8> {
    let mut whole = Vec::new();
    from.read_to_end(&mut whole).unwrap();
    whole
}

type Frames = StreamBody<UnboundedReceiverStream<Result<Frame<Bytes>, Infallible>>>;

/// A gRPC connection.
pub(crate) struct Grpc(SendRequest<Frames>);

/// Result of a gRPC call.
#[derive(Debug)]
pub(crate) struct CallResult {
    pub(crate) messages: Vec<Bytes>,
    pub(crate) status: u32,
    pub(crate) message: String,
    pub(crate) trailers: hyper::HeaderMap,
    /// Number of compressed messages.
    pub(crate) compressed: usize,
}

/// A gRPC call in progress.
pub(crate) struct Call {
    input: Option<mpsc::UnboundedSender<Result<Frame<Bytes>, Infallible>>>,
    response: tokio::task::JoinHandle<hyper::Response<hyper::body::Incoming>>,
    body: Option<(hyper::body::Incoming, hyper::HeaderMap)>,
    buffer: BytesMut,
    trailers: hyper::HeaderMap,
    compressed: usize,
}

impl Grpc {
    /// Performs the HTTP/2 handshake over `stream`.
    pub(crate) async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// Starts a call without a message.
    pub(crate) async fn begin(&mut self, path: &str, headers: &[(&str, &str)]) -> Call {
        let (input, frames) = mpsc::unbounded_channel();
        let mut request = hyper::Request::post(format!("http://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(StreamBody::new(UnboundedReceiverStream::new(frames))).unwrap();
        self.0.ready().await.unwrap();
        let response = self.0.send_request(request);
        let response = tokio::spawn(async { response.await.unwrap() });
        Call {
            input: Some(input),
            response,
            body: None,
            buffer: BytesMut::new(),
            trailers: hyper::HeaderMap::new(),
            compressed: 0,
        }
    }

    /// Makes a call with these request messages.
    pub(crate) async fn call(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        messages: &[&[u8]],
    ) -> CallResult {
        let call = self.begin(path, headers).await;
        messages.iter().for_each(|message| call.send(message));
        call.end().await
    }
}

impl Call {
    /// Sends a message.
    pub(crate) fn send(&self, message: &[u8]) {
        self.send_flagged(0, message);
    }

    /// Sends a message with a compression flag.
    pub(crate) fn send_flagged(&self, flag: u8, message: &[u8]) {
        let mut frame = BytesMut::new();
        frame.put_u8(flag);
        frame.put_u32(u32::try_from(message.len()).unwrap());
        frame.put_slice(message);
        // Fails if the server has ended the call early.
        let _ = self.input.as_ref().unwrap().send(Ok(Frame::data(frame.freeze())));
    }

    /// Sends the first `bytes` bytes of a message.
    pub(crate) fn send_part(&self, message: &[u8], bytes: usize) {
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).unwrap());
        frame.put_slice(&message[..bytes]);
        self.input.as_ref().unwrap().send(Ok(Frame::data(frame.freeze()))).unwrap();
    }

    /// Sends the rest of a message after its first `sent` bytes.
    pub(crate) fn send_rest(&self, message: &[u8], sent: usize) {
        let rest = Bytes::copy_from_slice(&message[sent..]);
        self.input.as_ref().unwrap().send(Ok(Frame::data(rest))).unwrap();
    }

    /// Receives the next message, or `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        if self.body.is_none() {
            let (head, body) = (&mut self.response).await.unwrap().into_parts();
            self.trailers = head.headers.clone();
            self.body = Some((body, head.headers));
        }
        let (body, head) = self.body.as_mut().unwrap();
        loop {
            if self.buffer.len() >= 5 {
                let length = u32::from_be_bytes(self.buffer[1..5].try_into().unwrap()) as usize;
                if self.buffer.len() >= 5 + length {
                    let flag = self.buffer[0];
                    self.buffer.advance(5);
                    let message = self.buffer.split_to(length).freeze();
                    let encoding = head.get("grpc-encoding").map(hyper::http::HeaderValue::as_bytes);
                    self.compressed += usize::from(flag);
                    return Some(match (flag, encoding) {
                        (0, _) => message,
                        (_, Some(b"gzip")) => decompress(flate2::read::GzDecoder::new(&*message)).into(),
                        (_, Some(b"deflate")) => decompress(flate2::read::ZlibDecoder::new(&*message)).into(),
                        (flag, encoding) => panic!("{flag} {encoding:?}"),
                    });
                }
            }
            match body.frame().await?.unwrap().into_data() {
                Ok(data) => self.buffer.extend_from_slice(&data),
                Err(frame) => self.trailers = frame.into_trailers().unwrap(),
            }
        }
    }

    /// Ends the stream of request messages.
    pub(crate) fn close(&mut self) {
        self.input.take();
    }

    /// Ends the request stream and receives the rest of the response.
    pub(crate) async fn end(mut self) -> CallResult {
        self.close();
        let mut messages = Vec::new();
        while let Some(message) = self.next().await {
            messages.push(message);
        }
        let text = |name: &str| self.trailers.get(name).map(|value| value.to_str().unwrap().to_owned());
        CallResult {
            messages,
            status: text("grpc-status").unwrap().parse().unwrap(),
            message: text("grpc-message").unwrap_or_default(),
            trailers: self.trailers.clone(),
            compressed: self.compressed,
        }
    }
}

/// Waits until `done` returns true. Panics after 20 s.
pub(crate) async fn wait_until(mut done: impl FnMut() -> bool) {
    wait_until_async(async || done()).await;
}

/// Waits until `done` returns true, in a test without tokio. Panics after 20 s.
pub(crate) fn wait_until_blocking(mut done: impl FnMut() -> bool) {
    let limit = std::time::Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(std::time::Instant::now() < limit, "nothing happened within 20 s");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until `done` resolves to true. Panics after 20 s.
pub(crate) async fn wait_until_async(mut done: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}
