//! A connection of HTTP/2 on which gRPC is spoken.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::codegen::http;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use crate::{Address, Trust};

/// Bytes that the server may send ahead on one stream, and on all streams of the connection.
const WINDOW: (u32, u32) = (1 << 20, 16 << 20);

/// How long it may take until somebody answers, and, beneath TLS, agrees on how to speak.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection. Copies share it.
#[derive(Clone, Debug)]
pub struct Channel {
    grpc: Grpc<Connection>,
    sender: SendRequest<tonic::body::Body>,
}

/// A message as it stands on the wire. Copies share it.
#[derive(Clone, Debug)]
pub struct Written(Bytes);

impl Written {
    /// A message, written: whether it is compressed, how long it is, and itself.
    ///
    /// # Panics
    /// When it has more than 4 GiB.
    #[must_use]
    pub fn of(message: &impl prost::Message) -> Self {
        let length = message.encoded_len();
        let mut written = BytesMut::with_capacity(5 + length);
        written.put_u8(0);
        #[expect(clippy::expect_used, reason = "what gRPC cannot carry is a mistake of the caller's")]
        written.put_u32(length.try_into().expect("a message of less than 4 GiB"));
        message.encode_raw(&mut written);
        Self(written.freeze())
    }
}

/// Why there is no connection.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot reach {address}: {reason}")]
pub struct Unreachable {
    /// Where.
    pub address: Address,
    /// What the system said.
    pub reason: String,
}

/// How a call ended that has no reply.
#[derive(Clone, Debug)]
pub enum NoReply {
    /// The server ended it with a status.
    Told(Code, String),
    /// The connection broke, for this reason, and nobody knows what became of the call.
    Broken(String),
}

impl From<Status> for NoReply {
    /// A status has a source exactly if no server sent it.
    fn from(status: Status) -> Self {
        match status.source() {
            Some(source) => Self::Broken(root(source).to_string()),
            None => Self::Told(status.code(), status.message().to_owned()),
        }
    }
}

/// The first cause: what is around it repeats itself.
fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    std::iter::successors(Some(error), |error| (**error).source()).last().unwrap_or(error)
}

impl Channel {
    /// Connects; beneath TLS, when the address says so, to those whom `trust` vouches for, which is the system's when
    /// absent. A reply has `reply_bytes_max` bytes at the most. Must be called within tokio.
    ///
    /// # Errors
    /// When nobody is there, or not the one who was asked for.
    pub async fn connect(
        address: &Address,
        trust: Option<&Trust>,
        reply_bytes_max: usize,
    ) -> Result<Self, Unreachable> {
        let unreachable = |reason: String| Unreachable { address: address.clone(), reason };
        let connecting = Self::connect_in_time(address, trust, reply_bytes_max);
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected.map_err(unreachable),
            Err(_) => Err(unreachable(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
        }
    }

    async fn connect_in_time(
        address: &Address,
        trust: Option<&Trust>,
        reply_bytes_max: usize,
    ) -> Result<Self, String> {
        let stream = TcpStream::connect((address.host(), address.port())).await;
        let stream = stream.map_err(|error| error.to_string())?;
        // Requests are small and waited for.
        let _ = stream.set_nodelay(true);
        let (scheme, sender) = match address.tls() {
            false => ("http", speak(stream).await?),
            true => {
                let trust = trust.cloned().map_or_else(Trust::system, Ok)?;
                let name =
                    ServerName::try_from(address.host().to_owned()).map_err(|error| error.to_string())?;
                let stream = trust.connector().connect(name, stream).await;
                ("https", speak(stream.map_err(|error| format!("no agreement on TLS: {error}"))?).await?)
            }
        };
        let origin = format!("{scheme}://{}", address.authority());
        let origin = origin.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
        let grpc = Grpc::with_origin(Connection(sender.clone()), origin)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Deflate)
            .max_decoding_message_size(reply_bytes_max)
            .max_encoding_message_size(usize::MAX);
        Ok(Self { grpc, sender })
    }

    /// Whether nothing can be asked on it any more.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// One message, and the one that answers it.
    ///
    /// # Errors
    /// How the call ended without.
    pub async fn unary<I, O>(
        &self,
        path: PathAndQuery,
        request: tonic::Request<I>,
    ) -> Result<tonic::Response<O>, NoReply>
    where
        I: prost::Message + 'static,
        O: prost::Message + Default + 'static,
    {
        let mut grpc = self.ready().await?;
        Ok(grpc.unary(request, path, ProstCodec::default()).await?)
    }

    /// The same with a message that is sent as it is, again and again, without being copied.
    ///
    /// # Errors
    /// As for [`Self::unary`].
    pub async fn unary_written<O>(
        &self,
        path: PathAndQuery,
        mut request: tonic::Request<Written>,
    ) -> Result<tonic::Response<O>, NoReply>
    where
        O: prost::Message + Default + 'static,
    {
        let message = request.get_ref().clone();
        request.extensions_mut().insert(message);
        self.unary(path, request.map(|_| ())).await
    }

    /// A stream of messages, and the stream that answers it.
    ///
    /// # Errors
    /// How the call ended before it began.
    pub async fn streaming<I, O>(
        &self,
        path: PathAndQuery,
        requests: tonic::Request<impl futures_util::Stream<Item = I> + Send + 'static>,
    ) -> Result<tonic::Streaming<O>, NoReply>
    where
        I: prost::Message + 'static,
        O: prost::Message + Default + 'static,
    {
        let mut grpc = self.ready().await?;
        Ok(grpc.streaming(requests, path, ProstCodec::default()).await?.into_inner())
    }

    async fn ready(&self) -> Result<Grpc<Connection>, NoReply> {
        let mut grpc = self.grpc.clone();
        grpc.ready().await.map_err(|error| NoReply::Broken(error.to_string()))?;
        Ok(grpc)
    }
}

/// Agrees on HTTP/2 over a stream.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<tonic::body::Body>, String> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(WINDOW.0).initial_connection_window_size(WINDOW.1);
    let agreed = builder.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = agreed.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            // Whoever waits for a reply is told by its own request.
            flowrun_sdk::tracing::debug!(%error, "a connection broke off");
        }
    });
    Ok(sender)
}

/// The connection as a service.
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
        if let Some(Written(message)) = request.extensions_mut().remove() {
            *request.body_mut() = tonic::body::Body::new(Full::new(message));
        }
        Box::pin(self.0.send_request(request))
    }
}
