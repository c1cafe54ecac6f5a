//! `JinaRPC/Call`: a bidirectional stream of requests and replies.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::call_options::CallOptions;
use super::codec::{data_codec, rejection_status, response, status_body};
use crate::gateway::admission::Permit;
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::request::Rejection;
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
    let mut grpc = data_codec::<DataRequestProto, DataRequestProto>(&gateway);
    let bytes = Arc::new(gateway.admission.bytes_permit());
    let body_bytes = Arc::clone(&bytes);
    let request = request.map(|body| status_body(RequestBody::stream(body, body_bytes)));
    let service = tower::service_fn(move |request: tonic::Request<Streaming<DataRequestProto>>| {
        let (replies, buffered) = mpsc::channel(REPLIES_BUFFERED);
        let (gateway, bytes, options) = (Arc::clone(&gateway), Arc::clone(&bytes), options.clone());
        tokio::spawn(async move {
            let call = Call::new(&gateway, options.metadata, request.into_inner(), bytes, replies);
            session::serve(call, &gateway, options.session).await;
        });
        async { Ok::<_, Status>(tonic::Response::new(ReceiverStream::new(buffered))) }
    });
    response(grpc.streaming(service, request).await)
}

/// A call as a [`Transport`]. The session ends with a status, or successfully with `None`.
struct Call {
    gateway: Arc<Gateway>,
    metadata: CallMetadata,
    /// Requests; `None` once the input is closed.
    messages: Option<Streaming<DataRequestProto>>,
    /// Capacity for the received part of the next message.
    bytes: Arc<BytesPermit>,
    replies: mpsc::Sender<Result<DataRequestProto, Status>>,
    /// Ready once the client has disconnected.
    disconnected: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Call {
    fn new(
        gateway: &Arc<Gateway>,
        metadata: CallMetadata,
        messages: Streaming<DataRequestProto>,
        bytes: Arc<BytesPermit>,
        replies: mpsc::Sender<Result<DataRequestProto, Status>>,
    ) -> Self {
        let closed = replies.clone();
        Self {
            gateway: Arc::clone(gateway),
            metadata,
            messages: Some(messages),
            bytes,
            replies,
            disconnected: Box::pin(async move { closed.closed().await }),
        }
    }
}

impl Transport for Call {
    type Request = Envelope;
    type Reply = DataRequestProto;
    type End = Option<Status>;

    async fn receive(&mut self, has_capacity: bool) -> Received<Self> {
        let messages = self.messages.as_mut().filter(|_| has_capacity);
        tokio::select! {
            () = &mut self.disconnected => Received::Disconnected,
            message = next(messages) => match message {
                Ok(Some(message)) => {
                    // From here on the permit of the request counts its bytes.
                    self.bytes.clear();
                    Received::Request(Envelope::new(message))
                }
                Ok(None) => Received::End(None),
                Err(status) => Received::End(Some(status)),
            },
        }
    }

    fn request_bytes(envelope: &Envelope) -> usize {
        envelope.documents.len()
    }

    fn submit(&self, permit: Permit, envelope: Envelope) -> InFlight<Self> {
        let (gateway, metadata) = (Arc::clone(&self.gateway), self.metadata.clone());
        Box::pin(async move {
            let response = match envelope.request(&metadata) {
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

    fn reject(&self, _: Envelope, rejection: Rejection) -> Answer<Self> {
        Err(Some(rejection_status(&rejection)))
    }

    fn drained(&self) -> Option<Status> {
        Some(rejection_status(&Rejection::Draining))
    }

    fn close_input(&mut self) {
        self.messages = None;
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

/// The next message; never ready without a stream to read.
async fn next(
    messages: Option<&mut Streaming<DataRequestProto>>,
) -> Result<Option<DataRequestProto>, Status> {
    match messages {
        Some(messages) => messages.message().await,
        None => std::future::pending().await,
    }
}
