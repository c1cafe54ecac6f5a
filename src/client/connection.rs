//! A connection of HTTP/2, and requests one by one.

use std::task::{Context, Poll};

use axum::http;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataValue};
use tonic_prost::ProstCodec;

use super::conversation::Conversation;
use super::error::ClientError;
use crate::gateway::Token;
use crate::gateway::wire::jina::DataRequestProto;
use crate::gateway::wire::{answer, ask};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::runtime::{Request, Response};

/// Where requests go one by one.
const UNARY: PathAndQuery = PathAndQuery::from_static("/jina.JinaSingleDataRequestRPC/process_single_data");

/// Bytes that the server may send ahead on one stream, and on all streams of the connection.
const WINDOW: (u32, u32) = (1 << 20, 16 << 20);

/// Asks a flow that is served somewhere. Copies share the connection.
#[derive(Clone)]
pub struct Client {
    grpc: Grpc<Connection>,
    token: Option<MetadataValue<Ascii>>,
}

impl Client {
    /// Connects to `HOST:PORT` or `grpc://HOST:PORT`, and shows the token, if there is one. Must be called within tokio.
    ///
    /// # Errors
    /// When the address is none, nobody is there, or the token cannot be sent.
    pub async fn connect(address: &str, token: Option<&Token>) -> Result<Self, ClientError> {
        let unknown = || ClientError::Address(address.to_owned());
        let place = match address.split_once("://") {
            Some(("grpc" | "http", place)) => place,
            Some(_) => return Err(unknown()),
            None => address,
        };
        let place = place.trim_end_matches('/');
        let origin: http::Uri = format!("http://{place}").parse().map_err(|_| unknown())?;
        origin.port().ok_or_else(unknown)?;
        let token = token.map(|token| token.header().parse()).transpose();
        let token = token.map_err(|_| ClientError::Token)?;
        let unreachable = |reason: &dyn std::fmt::Display| ClientError::Unreachable {
            address: address.to_owned(),
            reason: reason.to_string(),
        };
        let stream = TcpStream::connect(place).await.map_err(|error| unreachable(&error))?;
        // Requests are small and waited for.
        let _ = stream.set_nodelay(true);
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(WINDOW.0).initial_connection_window_size(WINDOW.1);
        let (sender, connection) =
            builder.handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                // Whoever waits for a reply is told by its own request.
                tracing::debug!(%error, "a connection broke off");
            }
        });
        let grpc = Grpc::with_origin(Connection(sender), origin)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        Ok(Self { grpc, token })
    }

    /// Asks; the answer.
    ///
    /// # Errors
    /// Why there is none, or the failure that is the answer.
    pub async fn ask(&self, request: &Request) -> Result<Response, ClientError> {
        let message = self.request(ask(request.id.clone(), request));
        let mut grpc = self.grpc.clone();
        ready(&mut grpc).await?;
        let reply = grpc.unary(message, UNARY, codec()).await?;
        Ok(answer(reply.into_inner())?)
    }

    /// Begins a stream on which many requests are under way.
    pub fn converse(&self) -> Conversation {
        Conversation::begin(self.clone())
    }

    /// The stream of replies to a stream of requests.
    pub(super) async fn stream(
        mut self,
        path: PathAndQuery,
        requests: impl futures_util::Stream<Item = DataRequestProto> + Send + 'static,
    ) -> Result<tonic::Streaming<DataRequestProto>, ClientError> {
        ready(&mut self.grpc).await?;
        let requests = self.request(requests);
        Ok(self.grpc.streaming(requests, path, codec()).await?.into_inner())
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        request
    }
}

async fn ready(grpc: &mut Grpc<Connection>) -> Result<(), ClientError> {
    grpc.ready().await.map_err(|error| ClientError::Broken(error.to_string()))
}

fn codec() -> ProstCodec<DataRequestProto, DataRequestProto> {
    ProstCodec::default()
}

/// The connection as a service.
#[derive(Clone)]
struct Connection(SendRequest<tonic::body::Body>);

impl tower::Service<http::Request<tonic::body::Body>> for Connection {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<http::Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
