//! gRPC calls with messages that may be compressed, unfinished or endless.

use std::convert::Infallible;
use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use futures_util::{Stream, StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// Paths of methods.
pub(crate) const UNARY: &str = "/jina.JinaSingleDataRequestRPC/process_single_data";
pub(crate) const LIST: &str = "/jina.JinaDataRequestRPC/process_data";
pub(crate) const STREAM: &str = "/jina.JinaRPC/Call";
pub(crate) const CHECK: &str = "/grpc.health.v1.Health/Check";
pub(crate) const WATCH: &str = "/grpc.health.v1.Health/Watch";
pub(crate) const REFLECTION: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
pub(crate) const DISCOVERY: &str = "/jina.JinaDiscoverEndpointsRPC/endpoint_discovery";
pub(crate) const DRY_RUN: &str = "/jina.JinaGatewayDryRunRPC/dry_run";
pub(crate) const INFO: &str = "/jina.JinaInfoRPC/_status";

/// gRPC status code of a refused call.
pub(crate) const RESOURCE_EXHAUSTED: &str = "8";

/// Length of the chunks in which a message is sent.
const CHUNK_BYTES: usize = 64 << 10;

/// Encoding of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Deflate,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

/// A message with its prefix: flag and length.
pub(crate) fn message(encoding: Encoding, content: &[u8]) -> Bytes {
    let content = match encoding {
        Encoding::Identity => content.to_vec(),
        Encoding::Gzip => gzip(content),
        Encoding::Deflate => zlib(content),
    };
    prefixed(u8::from(encoding != Encoding::Identity), content.len(), &content)
}

/// Prefix of a message (compression flag and announced length), followed by `content`, which may be shorter than announced.
pub(crate) fn prefixed(flag: u8, length: usize, content: &[u8]) -> Bytes {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [&[flag], &length[..], content].concat().into()
}

/// Splits a message into chunks that are sent one after the other.
pub(crate) fn chunks(message: Bytes) -> impl Stream<Item = Bytes> + Send + 'static {
    let starts = (0..message.len()).step_by(CHUNK_BYTES);
    stream::iter(starts.map(move |start| message.slice(start..message.len().min(start + CHUNK_BYTES))))
}

/// Bytes compressed with gzip.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let _ = encoder.write_all(content);
    encoder.finish().unwrap_or_default()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let _ = encoder.write_all(content);
    encoder.finish().unwrap_or_default()
}

type Body = StreamBody<stream::BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

/// A client of an HTTP/2 connection.
#[derive(Clone)]
pub(crate) struct Channel(SendRequest<Body>);

impl Channel {
    /// Performs the handshake.
    pub(crate) async fn over(stream: TcpStream) -> io::Result<Self> {
        let (sender, connection) =
            handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Calls a method with these chunks of a request body. Returns the response once its head has arrived.
    pub(crate) async fn call(
        &mut self,
        path: &str,
        encoding: Encoding,
        chunks: impl Stream<Item = Bytes> + Send + 'static,
    ) -> io::Result<hyper::Response<Incoming>> {
        let body = StreamBody::new(chunks.map(|chunk| Ok(Frame::data(chunk))).boxed());
        let request = hyper::Request::post(format!("http://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("grpc-encoding", encoding.name())
            .header("te", "trailers")
            .body(body)
            .map_err(io::Error::other)?;
        self.0.ready().await.map_err(io::Error::other)?;
        self.0.send_request(request).await.map_err(io::Error::other)
    }

    /// Calls a method with the chunks of one message. Returns the status code of the call.
    pub(crate) async fn unary(
        &mut self,
        path: &str,
        encoding: Encoding,
        chunks: impl Stream<Item = Bytes> + Send + 'static,
    ) -> io::Result<String> {
        let response = self.call(path, encoding, chunks).await?;
        let (head, body) = response.into_parts();
        let trailers = body.collect().await.map_err(io::Error::other)?.trailers().cloned();
        let headers = trailers.unwrap_or(head.headers);
        let status = headers.get("grpc-status").and_then(|status| status.to_str().ok());
        status.map(str::to_owned).ok_or_else(|| io::Error::other("the call has no status"))
    }
}
