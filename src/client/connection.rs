//! A connection to a service, and unary calls on it.

use flowrun_remote::{Address, Channel, EncodedMessage, TrustStore};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataValue};

use super::error::ClientError;
use crate::gateway::Token;
use crate::gateway::wire::jina::{DataRequestProto, EndpointsProto};
use crate::gateway::wire::{decode_reply, encode_request};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::runtime::{Request, Response};

/// gRPC method of unary calls.
const UNARY: PathAndQuery = PathAndQuery::from_static("/jina.JinaSingleDataRequestRPC/process_single_data");

/// gRPC method that lists the endpoints of a service.
const ENDPOINTS: PathAndQuery =
    PathAndQuery::from_static("/jina.JinaDiscoverEndpointsRPC/endpoint_discovery");

/// A connection to a service. Clones share the connection.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    token: Option<MetadataValue<Ascii>>,
}

impl Client {
    /// Connects to `HOST:PORT` or `grpc://HOST:PORT`, or with TLS to `grpcs://HOST:PORT`. Every request carries the token.
    /// The server's certificate is verified with the certificate authorities of `trust`, or else of the system. Must be
    /// called within tokio.
    ///
    /// # Errors
    /// Fails if the address is malformed, the service is unreachable, or the token is no valid header value.
    pub async fn connect(
        address: &str,
        token: Option<&Token>,
        trust: Option<&TrustStore>,
    ) -> Result<Self, ClientError> {
        let address: Address = address.parse()?;
        let token = token.map(|token| token.header().parse()).transpose();
        let token = token.map_err(|_| ClientError::Token)?;
        let channel = Channel::connect(&address, trust, MESSAGE_BYTES_MAX, None).await?;
        Ok(Self { channel, token })
    }

    /// Lists the endpoints of the service. `/default` means that it handles every other endpoint, too.
    ///
    /// # Errors
    /// Fails if the service does not list its endpoints, or the connection was lost.
    pub async fn endpoints(&self) -> Result<Vec<String>, ClientError> {
        let reply = self.channel.unary(ENDPOINTS, self.with_token(())).await?;
        let EndpointsProto { endpoints, .. } = reply.into_inner();
        Ok(endpoints)
    }

    /// Sends a request as a unary call and waits for the reply.
    ///
    /// # Errors
    /// Fails if the request was rejected, the connection was lost, or the request failed in the flow.
    pub async fn send(&self, request: &Request) -> Result<Response, ClientError> {
        let message = encode_request(request.id.clone(), request);
        let reply = self.channel.unary(UNARY, self.with_token(message)).await?.into_inner();
        Ok(decode_reply(reply)?)
    }

    /// Like [`send`](Self::send), for a message that is encoded already. The reply is not checked for failure.
    pub(super) async fn send_encoded(
        &self,
        message: &EncodedMessage,
    ) -> Result<DataRequestProto, ClientError> {
        Ok(self.channel.unary_encoded(UNARY, self.with_token(message.clone())).await?.into_inner())
    }

    /// Opens a bidirectional stream: sends `requests` and returns the stream of replies.
    pub(super) async fn open_stream(
        self,
        method: PathAndQuery,
        requests: impl futures_util::Stream<Item = DataRequestProto> + Send + 'static,
    ) -> Result<tonic::Streaming<DataRequestProto>, ClientError> {
        Ok(self.channel.streaming(method, self.with_token(requests)).await?)
    }

    fn with_token<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        request
    }
}
