//! A gRPC channel over one HTTP/2 connection.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::codegen::http;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use crate::tls_problem::{ConnectionProblem, PlaintextStream, tls_problem};
use crate::{Address, TrustStore};

/// HTTP/2 flow-control windows in bytes: per stream, and per connection.
const WINDOW: (u32, u32) = (1 << 20, 16 << 20);

/// Time limit for connecting, including the TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A gRPC client connection. Clones share the connection.
#[derive(Clone, Debug)]
pub struct Channel {
    grpc: Grpc<Connection>,
    sender: SendRequest<tonic::body::Body>,
    problem: ConnectionProblem,
}

/// A gRPC message frame, encoded once and sent any number of times. Clones share the bytes.
#[derive(Clone, Debug)]
pub struct EncodedMessage(Bytes);

impl EncodedMessage {
    /// Encodes a message: compression flag (off), length, body.
    ///
    /// # Panics
    /// If the message is larger than 4 GiB.
    #[must_use]
    pub fn encode(message: &impl prost::Message) -> Self {
        let length = message.encoded_len();
        let mut written = BytesMut::with_capacity(5 + length);
        written.put_u8(0);
        #[expect(
            clippy::expect_used,
            reason = "gRPC cannot carry a larger message; sending one is a bug of the caller"
        )]
        written.put_u32(length.try_into().expect("a message of less than 4 GiB"));
        message.encode_raw(&mut written);
        Self(written.freeze())
    }
}

/// A failure to connect.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot reach {address}: {reason}")]
pub struct Unreachable {
    /// The address.
    pub address: Address,
    /// The cause, from the operating system or TLS.
    pub reason: String,
}

/// Error of a call.
#[derive(Clone, Debug)]
pub enum CallError {
    /// The server sent an error status: its code and its message.
    Status(Code, String),
    /// The connection broke for this reason; the server may or may not have executed the call.
    Broken(String),
}

impl From<Status> for CallError {
    /// A status has a source if and only if it was not sent by the server.
    fn from(status: Status) -> Self {
        match status.source() {
            Some(source) => Self::Broken(root(source).to_string()),
            None => Self::Status(status.code(), status.message().to_owned()),
        }
    }
}

/// The root cause; the errors around it repeat its text.
fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    std::iter::successors(Some(error), |error| (**error).source()).last().unwrap_or(error)
}

impl Channel {
    /// Connects within 5 s. For TLS addresses the server's certificate is verified against `trust`, by default the
    /// system's authorities. Replies of more than `reply_bytes_max` bytes are errors. With `keepalive`, pings are sent in
    /// this interval, and the connection is closed if one is not answered in the same time. Requires a tokio runtime.
    ///
    /// # Errors
    /// If the server cannot be reached, or its certificate is not trusted.
    pub async fn connect(
        address: &Address,
        trust: Option<&TrustStore>,
        reply_bytes_max: usize,
        keepalive: Option<Duration>,
    ) -> Result<Self, Unreachable> {
        let unreachable = |reason: String| Unreachable { address: address.clone(), reason };
        let connecting = Self::connect_in_time(address, trust, reply_bytes_max, keepalive);
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected.map_err(unreachable),
            Err(_) => Err(unreachable(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
        }
    }

    async fn connect_in_time(
        address: &Address,
        trust: Option<&TrustStore>,
        reply_bytes_max: usize,
        keepalive: Option<Duration>,
    ) -> Result<Self, String> {
        let stream = TcpStream::connect((address.host(), address.port())).await;
        let stream = stream.map_err(|error| error.to_string())?;
        // Latency matters more than packet count: requests are small.
        let _ = stream.set_nodelay(true);
        let problem = ConnectionProblem::default();
        let (scheme, sender) = match address.tls() {
            false => ("http", handshake(PlaintextStream::new(stream, problem.clone()), keepalive).await?),
            true => {
                let trust = trust.cloned().map_or_else(TrustStore::system, Ok)?;
                let name =
                    ServerName::try_from(address.host().to_owned()).map_err(|error| error.to_string())?;
                let stream = trust.connector().connect(name, stream).await;
                ("https", handshake(stream.map_err(|error| tls_problem(&error))?, keepalive).await?)
            }
        };
        let origin = format!("{scheme}://{}", address.authority());
        let origin = origin.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
        let grpc = Grpc::with_origin(Connection(sender.clone()), origin)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Deflate)
            .max_decoding_message_size(reply_bytes_max)
            .max_encoding_message_size(usize::MAX);
        Ok(Self { grpc, sender, problem })
    }

    /// The same connection with another limit: replies of more than `bytes_max` bytes are errors.
    #[must_use]
    pub fn with_reply_bytes_max(&self, bytes_max: usize) -> Self {
        Self { grpc: self.grpc.clone().max_decoding_message_size(bytes_max), ..self.clone() }
    }

    /// `true` once the connection accepts no further calls.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Calls a unary method.
    ///
    /// # Errors
    /// [`CallError`]: the server's error status, or the failure of the connection.
    pub async fn unary<I, O>(
        &self,
        path: PathAndQuery,
        request: tonic::Request<I>,
    ) -> Result<tonic::Response<O>, CallError>
    where
        I: prost::Message + 'static,
        O: prost::Message + Default + 'static,
    {
        let mut grpc = self.ready().await?;
        grpc.unary(request, path, ProstCodec::default()).await.map_err(|status| self.call_error(status))
    }

    /// Calls a unary method with an encoded message, which is sent without being copied.
    ///
    /// # Errors
    /// See [`Self::unary`].
    pub async fn unary_encoded<O>(
        &self,
        path: PathAndQuery,
        mut request: tonic::Request<EncodedMessage>,
    ) -> Result<tonic::Response<O>, CallError>
    where
        O: prost::Message + Default + 'static,
    {
        let message = request.get_ref().clone();
        request.extensions_mut().insert(message);
        self.unary(path, request.map(|_| ())).await
    }

    /// Calls a bidirectional streaming method.
    ///
    /// # Errors
    /// The error status or the connection failure, if it occurs before the reply stream starts.
    pub async fn streaming<I, O>(
        &self,
        path: PathAndQuery,
        requests: tonic::Request<impl futures_util::Stream<Item = I> + Send + 'static>,
    ) -> Result<tonic::Streaming<O>, CallError>
    where
        I: prost::Message + 'static,
        O: prost::Message + Default + 'static,
    {
        let mut grpc = self.ready().await?;
        let replies = grpc.streaming(requests, path, ProstCodec::default()).await;
        Ok(replies.map_err(|status| self.call_error(status))?.into_inner())
    }

    fn call_error(&self, status: Status) -> CallError {
        match CallError::from(status) {
            CallError::Broken(reason) => CallError::Broken(self.problem.or(reason)),
            error @ CallError::Status(..) => error,
        }
    }

    async fn ready(&self) -> Result<Grpc<Connection>, CallError> {
        let mut grpc = self.grpc.clone();
        grpc.ready().await.map_err(|error| CallError::Broken(self.problem.or(error.to_string())))?;
        Ok(grpc)
    }
}

/// Performs the HTTP/2 handshake over a byte stream and drives the connection in a task.
async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    keepalive: Option<Duration>,
) -> Result<SendRequest<tonic::body::Body>, String> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(WINDOW.0).initial_connection_window_size(WINDOW.1);
    if let Some(keepalive) = keepalive {
        builder.timer(TokioTimer::new()).keep_alive_while_idle(true);
        builder.keep_alive_interval(keepalive).keep_alive_timeout(keepalive);
    }
    let connected = builder.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = connected.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            // Pending requests receive the error themselves.
            flowrun_sdk::tracing::debug!(%error, "connection closed with an error");
        }
    });
    Ok(sender)
}

/// The connection as a `tower::Service`.
#[derive(Clone, Debug)]
struct Connection(SendRequest<tonic::body::Body>);

impl tower::Service<http::Request<tonic::body::Body>> for Connection {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<tonic::body::Body>) -> Self::Future {
        if let Some(EncodedMessage(message)) = request.extensions_mut().remove() {
            *request.body_mut() = tonic::body::Body::new(Full::new(message));
        }
        Box::pin(self.0.send_request(request))
    }
}
