//! A connection to a flow that is served somewhere, and requests one by one.

use flowrun_remote::{Address, Channel, Trust, Written};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataValue};

use super::conversation::Conversation;
use super::error::ClientError;
use crate::gateway::Token;
use crate::gateway::wire::jina::DataRequestProto;
use crate::gateway::wire::{decode_reply, encode_request};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::runtime::{Request, Response};

/// Where requests go one by one.
const UNARY: PathAndQuery = PathAndQuery::from_static("/jina.JinaSingleDataRequestRPC/process_single_data");

/// Asks a flow that is served somewhere. Copies share the connection.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    token: Option<MetadataValue<Ascii>>,
}

impl Client {
    /// Connects to `HOST:PORT` or `grpc://HOST:PORT`, or to `grpcs://HOST:PORT` beneath TLS, and shows the token, if
    /// there is one. Whom to trust beneath TLS is the system's to say, or that of `trust`. Must be called within tokio.
    ///
    /// # Errors
    /// When the address is none, nobody is there, or the token cannot be sent.
    pub async fn connect(
        address: &str,
        token: Option<&Token>,
        trust: Option<&Trust>,
    ) -> Result<Self, ClientError> {
        let address: Address = address.parse()?;
        let token = token.map(|token| token.header().parse()).transpose();
        let token = token.map_err(|_| ClientError::Token)?;
        let channel = Channel::connect(&address, trust, MESSAGE_BYTES_MAX).await?;
        Ok(Self { channel, token })
    }

    /// Asks; the answer.
    ///
    /// # Errors
    /// Why there is none, or the failure that is the answer.
    pub async fn ask(&self, request: &Request) -> Result<Response, ClientError> {
        Ok(decode_reply(self.exchange(encode_request(request.id.clone(), request)).await?)?)
    }

    /// Sends a message; the reply.
    pub(super) async fn exchange(&self, message: DataRequestProto) -> Result<DataRequestProto, ClientError> {
        Ok(self.channel.unary(UNARY, self.request(message)).await?.into_inner())
    }

    /// Begins a stream on which many requests are under way.
    pub fn converse(&self) -> Conversation {
        Conversation::begin(self.clone())
    }

    /// Sends a message that is written already; the reply.
    pub(super) async fn exchange_written(&self, message: &Written) -> Result<DataRequestProto, ClientError> {
        Ok(self.channel.unary_written(UNARY, self.request(message.clone())).await?.into_inner())
    }

    /// The stream of replies to a stream of requests.
    pub(super) async fn stream(
        self,
        path: PathAndQuery,
        requests: impl futures_util::Stream<Item = DataRequestProto> + Send + 'static,
    ) -> Result<tonic::Streaming<DataRequestProto>, ClientError> {
        Ok(self.channel.streaming(path, self.request(requests)).await?)
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        request
    }
}
