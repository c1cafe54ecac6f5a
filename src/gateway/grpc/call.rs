//! `JinaRPC/Call`: a bidirectional stream of requests and replies.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::{FutureExt as _, StreamExt as _};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::call_options::CallOptions;
use super::codec::{rejection_status, streaming_response};
use super::message_reader::MessageReader;
use crate::gateway::admission::Permit;
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::inflate::OnFull;
use crate::gateway::offload::offload_large;
use crate::gateway::request::{GatewayRequest, Rejection};
use crate::gateway::request_body::RequestBody;
use crate::gateway::response_body::{ReplyKind, charge};
use crate::gateway::service::Gateway;
use crate::gateway::session::{self, Answer, InFlight, Received, Transport};
use crate::gateway::wire::jina::DataRequestProto;
use crate::gateway::wire::{Envelope, data_reply, rejected_reply};
use crate::limits::{CLIENT_TIMEOUT, REPLY_BYTES_MIN};

/// Maximum number of replies that are buffered until the connection sends them.
const REPLIES_BUFFERED: usize = 4;

/// Serves one call.
pub(in crate::gateway) async fn call(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let options = CallOptions::new(request.headers(), request.extensions(), gateway.prefetch);
    let (head, body) = request.into_parts();
    let bytes = Arc::new(gateway.admission.bytes_permit());
    let body = RequestBody::stream(body, Arc::clone(&bytes));
    let replies = MessageReader::new(&head.headers, body, &bytes, OnFull::Wait).map(|messages| {
        let (replies, buffered) = mpsc::channel(REPLIES_BUFFERED);
        let (gateway, options) = (Arc::clone(&gateway), options);
        tokio::spawn(async move {
            let input = Input { messages, bytes, decoding: None };
            let call = Call::new(&gateway, options.metadata, input, replies);
            session::serve(call, &gateway, options.session).await;
        });
        // From here on the connection holds the capacity for a reply.
        ReceiverStream::new(buffered).map(|reply| reply.map(|reply: ChargedReply| reply.message))
    });
    let response = streaming_response(&gateway, head.headers, replies).await;
    charge(response, &Arc::new(gateway.admission.bytes_permit()), ReplyKind::Session)
}

/// A reply with the capacity that it holds.
struct ChargedReply {
    message: DataRequestProto,
    _bytes: Arc<BytesPermit>,
}

/// A call as the [`Transport`] of a session. The session ends with an error status, or with `None` (`OK`).
struct Call {
    gateway: Arc<Gateway>,
    metadata: Arc<CallMetadata>,
    /// Requests; `None` once the input is closed.
    input: Option<Input>,
    replies: mpsc::Sender<Result<ChargedReply, Status>>,
    /// Ready once the client has disconnected.
    disconnected: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// A decoded request, the rejection of an invalid one, and the capacity that it holds.
struct DecodedCall {
    envelope: Envelope,
    request: Result<GatewayRequest, Rejection>,
    bytes: Arc<BytesPermit>,
    /// Bytes of the message, parts of which may be in the reply.
    length: usize,
}

/// A message that is being decoded.
type Decoding = Pin<Box<dyn Future<Output = Result<DecodedCall, Rejection>> + Send>>;

/// The requests of a call.
struct Input {
    messages: MessageReader,
    /// Capacity for the message that is being received.
    bytes: Arc<BytesPermit>,
    decoding: Option<Decoding>,
}

impl Input {
    /// The next request; `None` at the end of the call. Cancel safe.
    async fn next(&mut self, metadata: &Arc<CallMetadata>) -> Result<Option<DecodedCall>, Status> {
        loop {
            if let Some(decoding) = &mut self.decoding {
                let decoded = decoding.await;
                self.decoding = None;
                return decoded.map(Some).map_err(|rejection| rejection_status(&rejection));
            }
            let Some(message) = self.messages.next().await? else { return Ok(None) };
            // From here on the request has the capacity for its message.
            let (bytes, metadata) = (Arc::new(self.bytes.take()), Arc::clone(metadata));
            let length = message.len();
            self.decoding = Some(Box::pin(
                offload_large(length, move || {
                    let (envelope, request) = Envelope::decode(message, &metadata, &bytes)?;
                    Ok(DecodedCall { envelope, request, bytes, length })
                })
                .map(|decoded| decoded.and_then(|decoded| decoded)),
            ));
        }
    }
}

impl Call {
    fn new(
        gateway: &Arc<Gateway>,
        metadata: CallMetadata,
        input: Input,
        replies: mpsc::Sender<Result<ChargedReply, Status>>,
    ) -> Self {
        let closed = replies.clone();
        Self {
            gateway: Arc::clone(gateway),
            metadata: Arc::new(metadata),
            input: Some(input),
            replies,
            disconnected: Box::pin(async move { closed.closed().await }),
        }
    }
}

impl Transport for Call {
    type Request = DecodedCall;
    type Reply = ChargedReply;
    type End = Option<Status>;

    async fn receive(&mut self, has_capacity: bool) -> Received<Self> {
        let input = self.input.as_mut().filter(|_| has_capacity);
        tokio::select! {
            () = &mut self.disconnected => Received::Disconnected,
            request = next(input, &self.metadata) => match request {
                Ok(Some(request)) => Received::Request(request),
                Ok(None) => Received::End(None),
                Err(status) => Received::End(Some(status)),
            },
        }
    }

    fn bytes(request: &DecodedCall) -> &Arc<BytesPermit> {
        &request.bytes
    }

    fn submit(&self, permit: Permit, request: DecodedCall) -> InFlight<Self> {
        let gateway = Arc::clone(&self.gateway);
        let DecodedCall { envelope, request, length, .. } = request;
        Box::pin(async move {
            let response = match request {
                Ok(request) => gateway.submit(&permit, request).await,
                Err(rejection) => Err(rejection),
            };
            let message = match response {
                Ok(response) => {
                    let bytes = Arc::clone(&permit.bytes);
                    let encoded = offload_large(response.protobuf_bytes(), move || {
                        data_reply(envelope, response, &bytes)
                    });
                    encoded.await.map_err(|rejection| Some(rejection_status(&rejection)))?
                }
                Err(rejection) if concerns_request(&rejection) => rejected_reply(envelope, &rejection),
                Err(rejection) => return Err(Some(rejection_status(&rejection))),
            };
            permit.bytes.shrink_to(length + message.encoded_len() + REPLY_BYTES_MIN);
            Ok(ChargedReply { message, _bytes: Arc::clone(&permit.bytes) })
        })
    }

    fn reject(&self, _: DecodedCall, rejection: Rejection) -> Answer<Self> {
        Err(Some(rejection_status(&rejection)))
    }

    fn drained(&self) -> Option<Status> {
        Some(rejection_status(&Rejection::Draining))
    }

    fn close_input(&mut self) {
        self.input = None;
    }

    async fn send(&mut self, reply: ChargedReply) -> bool {
        tokio::select! {
            sent = self.replies.send(Ok(reply)) => sent.is_ok(),
            () = self.gateway.admission.capacity.read_timeout(CLIENT_TIMEOUT) => false,
        }
    }

    async fn finish(self, status: Option<Status>) {
        if let Some(status) = status {
            let _ = self.replies.send_timeout(Err(status), CLIENT_TIMEOUT).await;
        }
    }
}

/// True for a rejection that is sent as the reply to its request; all others end the call.
fn concerns_request(rejection: &Rejection) -> bool {
    match rejection {
        Rejection::DeadlineExceeded
        | Rejection::Invalid(_)
        | Rejection::TooLarge(_)
        | Rejection::Unanswered => true,
        Rejection::Overloaded(_) | Rejection::Draining | Rejection::BodyTimeout | Rejection::Forbidden(_) => {
            false
        }
    }
}

/// The next request; never ready without an input to read.
async fn next(
    input: Option<&mut Input>,
    metadata: &Arc<CallMetadata>,
) -> Result<Option<DecodedCall>, Status> {
    match input {
        Some(input) => input.next(metadata).await,
        None => std::future::pending().await,
    }
}
