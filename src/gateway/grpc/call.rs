//! `JinaRPC/Call`: a bidirectional stream of requests and replies.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::FutureExt as _;
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
use crate::gateway::service::Gateway;
use crate::gateway::session::{self, Answer, InFlight, Received, Transport};
use crate::gateway::wire::jina::DataRequestProto;
use crate::gateway::wire::{Envelope, data_reply, rejected_reply};
use crate::limits::CLIENT_TIMEOUT;

/// Replies that are buffered until the connection takes them.
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
        ReceiverStream::new(buffered)
    });
    streaming_response(&gateway, head.headers, replies).await
}

/// A call as a [`Transport`]. The session ends with a status, or successfully with `None`.
struct Call {
    gateway: Arc<Gateway>,
    metadata: Arc<CallMetadata>,
    /// Requests; `None` once the input is closed.
    input: Option<Input>,
    replies: mpsc::Sender<Result<DataRequestProto, Status>>,
    /// Ready once the client has disconnected.
    disconnected: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// A decoded request, the rejection of an invalid one, and the capacity that it holds.
struct DecodedCall {
    envelope: Envelope,
    request: Result<GatewayRequest, Rejection>,
    bytes: Arc<BytesPermit>,
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
            self.decoding = Some(Box::pin(
                offload_large(message.len(), move || {
                    let (envelope, request) = Envelope::decode(message, &metadata, &bytes)?;
                    Ok(DecodedCall { envelope, request, bytes })
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
        replies: mpsc::Sender<Result<DataRequestProto, Status>>,
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
    type Reply = DataRequestProto;
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
        let DecodedCall { envelope, request, .. } = request;
        Box::pin(async move {
            let response = match request {
                Ok(request) => gateway.submit(&permit, request).await,
                Err(rejection) => Err(rejection),
            };
            match response {
                Ok(response) => Ok(data_reply(envelope, response)),
                // These concern the request alone; other rejections end the call.
                Err(
                    rejection
                    @ (Rejection::DeadlineExceeded | Rejection::Invalid(_) | Rejection::TooLarge(_)),
                ) => Ok(rejected_reply(envelope, &rejection)),
                Err(rejection) => Err(Some(rejection_status(&rejection))),
            }
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

    async fn send(&mut self, reply: DataRequestProto) -> bool {
        self.replies.send_timeout(Ok(reply), CLIENT_TIMEOUT).await.is_ok()
    }

    async fn finish(self, status: Option<Status>) {
        if let Some(status) = status {
            let _ = self.replies.send_timeout(Err(status), CLIENT_TIMEOUT).await;
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
