//! Clients that say exactly what they are told to, byte for byte, and a gateway to say it to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use flowrun::gateway::{Collector, Gateway, Server, Tls, Token, TraceExporter, serve};
use flowrun::runtime::{DrainReport, Flow};
use flowrun::yaml::Environment;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

/// A gateway that listens on a port of its own.
pub(crate) struct Served {
    pub(crate) flow: Arc<Flow>,
    server: Server,
}

/// Serves a flow of Jina 3's form: what stands above its executors, and those.
pub(crate) async fn served(with: &str, executors: &str) -> Served {
    served_by(with, executors, None).await
}

/// The same, for those who show the token.
pub(crate) async fn served_by(with: &str, executors: &str, token: Option<&str>) -> Served {
    served_as(with, executors, token, None, "127.0.0.1:0").await
}

/// The same, beneath TLS.
pub(crate) async fn served_with_tls(executors: &str, tls: Tls) -> Served {
    served_as("", executors, None, Some(tls), "127.0.0.1:0").await
}

/// The same, at an address.
pub(crate) async fn served_at(executors: &str, address: &str) -> Served {
    served_as("", executors, None, None, address).await
}

async fn served_as(
    with: &str,
    executors: &str,
    token: Option<&str>,
    tls: Option<Tls>,
    address: &str,
) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let yaml = format!("jtype: Flow\n{with}\nexecutors:\n{executors}");
    let topology = super::plan(&yaml, directory.path(), &Environment::default());
    let flow = Arc::new(super::start(&topology).await);
    let gateway = Gateway::new(Arc::clone(&flow), &topology, token.and_then(Token::new));
    let gateway = match tls {
        Some(tls) => gateway.with_tls(tls),
        None => gateway,
    };
    let gateway = match Collector::from_spec(&topology.gateway.traces, |_| None).unwrap() {
        Some(collector) => gateway.with_traces(TraceExporter::start(collector, &topology.name)),
        None => gateway,
    };
    let server = serve(gateway, &[address.parse().unwrap()]).await.unwrap();
    Served { flow, server }
}

impl Served {
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    pub(crate) async fn drain(self) -> DrainReport {
        self.server.drain(Duration::from_secs(10)).await
    }

    /// A connection for gRPC.
    pub(crate) async fn grpc(&self) -> Grpc {
        Grpc::over(TcpStream::connect(self.address()).await.unwrap()).await
    }

    /// One request of HTTP/1.1: the code, the head and the body of the response.
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

/// One request of HTTP/1.1 over a connection of its own.
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
        body = unchunked(&body);
    }
    if head.contains("content-encoding: gzip") {
        body = inflated(flate2::read::GzDecoder::new(&*body));
    }
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, head, String::from_utf8(body).unwrap())
}

/// A body that came in chunks.
pub(crate) fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&body[end + 2..][..length]);
        body = body[end + 2 + length..].strip_prefix(b"\r\n").unwrap();
    }
    whole
}

fn inflated(mut from: impl std::io::Read) -> Vec<u8> {
    let mut whole = Vec::new();
    from.read_to_end(&mut whole).unwrap();
    whole
}

type Frames = StreamBody<UnboundedReceiverStream<Result<Frame<Bytes>, Infallible>>>;

/// A connection for gRPC.
pub(crate) struct Grpc(SendRequest<Frames>);

/// How a call ended: its messages, and its status with what goes with it.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) messages: Vec<Bytes>,
    pub(crate) status: u32,
    pub(crate) message: String,
    pub(crate) trailers: hyper::HeaderMap,
    /// How many of the messages came compressed.
    pub(crate) compressed: usize,
}

/// A call under way.
pub(crate) struct Call {
    input: Option<mpsc::UnboundedSender<Result<Frame<Bytes>, Infallible>>>,
    response: tokio::task::JoinHandle<hyper::Response<hyper::body::Incoming>>,
    body: Option<(hyper::body::Incoming, hyper::HeaderMap)>,
    buffer: BytesMut,
    trailers: hyper::HeaderMap,
    compressed: usize,
}

impl Grpc {
    /// Speaks over a connection.
    pub(crate) async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// Begins a call.
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

    /// A whole call with these messages.
    pub(crate) async fn call(&mut self, path: &str, headers: &[(&str, &str)], messages: &[&[u8]]) -> Called {
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

    /// Sends a message with the flag that says whether it is compressed.
    pub(crate) fn send_flagged(&self, flag: u8, message: &[u8]) {
        let mut frame = BytesMut::new();
        frame.put_u8(flag);
        frame.put_u32(u32::try_from(message.len()).unwrap());
        frame.put_slice(message);
        // Whoever ended the call early does not want it any more.
        let _ = self.input.as_ref().unwrap().send(Ok(Frame::data(frame.freeze())));
    }

    /// Sends so many bytes of a message.
    pub(crate) fn send_part(&self, message: &[u8], bytes: usize) {
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).unwrap());
        frame.put_slice(&message[..bytes]);
        self.input.as_ref().unwrap().send(Ok(Frame::data(frame.freeze()))).unwrap();
    }

    /// Sends the rest of the message of which so many bytes are sent.
    pub(crate) fn send_rest(&self, message: &[u8], sent: usize) {
        let rest = Bytes::copy_from_slice(&message[sent..]);
        self.input.as_ref().unwrap().send(Ok(Frame::data(rest))).unwrap();
    }

    /// The next message; `None` at the end.
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
                        (_, Some(b"gzip")) => inflated(flate2::read::GzDecoder::new(&*message)).into(),
                        (_, Some(b"deflate")) => inflated(flate2::read::ZlibDecoder::new(&*message)).into(),
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

    /// Says that no more messages come.
    pub(crate) fn close(&mut self) {
        self.input.take();
    }

    /// The rest of the call.
    pub(crate) async fn end(mut self) -> Called {
        self.close();
        let mut messages = Vec::new();
        while let Some(message) = self.next().await {
            messages.push(message);
        }
        let text = |name: &str| self.trailers.get(name).map(|value| value.to_str().unwrap().to_owned());
        Called {
            messages,
            status: text("grpc-status").unwrap().parse().unwrap(),
            message: text("grpc-message").unwrap_or_default(),
            trailers: self.trailers.clone(),
            compressed: self.compressed,
        }
    }
}

/// Waits until `done` holds.
pub(crate) async fn until(mut done: impl FnMut() -> bool) {
    until_true(async || done()).await;
}

/// Waits until what `done` finds out is true.
pub(crate) async fn until_true(mut done: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}
