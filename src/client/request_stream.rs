//! A bidirectional stream with many requests in flight.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::http::uri::PathAndQuery;

use super::connection::Client;
use super::error::ClientError;
use crate::gateway::wire::jina::DataRequestProto;
use crate::gateway::wire::{decode_reply, encode_request};
use crate::job::RequestTarget;
use crate::runtime::{Request, RequestError, Response};

/// gRPC method of streams.
const CALL: PathAndQuery = PathAndQuery::from_static("/jina.JinaRPC/Call");

/// Maximum number of messages that are queued for the connection; further senders wait.
const MESSAGES_QUEUED_MAX: usize = 16;

/// A bidirectional stream with many requests in flight. It ends when it is dropped or when the server ends it. Requests in
/// flight then fail with the server's status, and so do later ones.
pub struct RequestStream {
    messages: mpsc::Sender<DataRequestProto>,
    pending: Arc<Mutex<Pending>>,
    /// Number of requests so far. It is appended to the request id on the wire, because request ids need not be unique and
    /// replies are matched by id.
    sent: AtomicU64,
}

/// Requests in flight.
enum Pending {
    /// Receivers of replies, by request id on the wire.
    Open(HashMap<String, oneshot::Sender<Result<DataRequestProto, StreamEnd>>>),
    /// The stream has ended.
    Ended(StreamEnd),
}

/// Reason for the end of a stream.
#[derive(Clone, Debug)]
enum StreamEnd {
    /// The server ended the stream with this status, which may be `Ok`.
    Status(tonic::Code, String),
    /// The connection was lost.
    ConnectionLost(String),
}

impl From<StreamEnd> for ClientError {
    fn from(end: StreamEnd) -> Self {
        match end {
            StreamEnd::Status(code, message) => Self::Rejected { code, message },
            StreamEnd::ConnectionLost(reason) => Self::ConnectionLost(reason),
        }
    }
}

impl From<ClientError> for StreamEnd {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Rejected { code, message } => Self::Status(code, message),
            ClientError::ConnectionLost(reason) => Self::ConnectionLost(reason),
            other => Self::ConnectionLost(other.to_string()),
        }
    }
}

impl RequestStream {
    /// Opens a stream on a connection. Must be called within tokio; errors are reported by the first request.
    #[must_use]
    pub fn open(client: Client) -> Self {
        let (messages, queued) = mpsc::channel(MESSAGES_QUEUED_MAX);
        let pending = Arc::new(Mutex::new(Pending::Open(HashMap::new())));
        tokio::spawn(receive_replies(client, ReceiverStream::new(queued), Arc::clone(&pending)));
        Self { messages, pending, sent: AtomicU64::new(0) }
    }

    /// Sends a request, after waiting for the connection, and waits for its reply.
    ///
    /// # Errors
    /// Fails if the stream has ended, or the request failed in the flow.
    pub async fn send(&self, request: &Request) -> Result<Response, ClientError> {
        let message = encode_request(request.id.clone(), request);
        Ok(decode_reply(self.send_message(message).await?)?)
    }

    /// Like [`send`](Self::send), for a request in its protobuf form. The reply is not checked for failure.
    pub(super) async fn send_message(
        &self,
        mut message: DataRequestProto,
    ) -> Result<DataRequestProto, ClientError> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let header = message.header.get_or_insert_default();
        header.request_id = format!("{}#{number}", header.request_id);
        let id = header.request_id.clone();
        let (sender, reply) = oneshot::channel();
        match &mut *self.pending.lock() {
            Pending::Open(pending) => _ = pending.insert(id.clone(), sender),
            Pending::Ended(end) => return Err(end.clone().into()),
        }
        let registration = Registration { pending: &self.pending, id: &id };
        // Sending fails only if the stream has ended; the reply then contains the reason.
        let _ = self.messages.send(message).await;
        let reply = reply.await;
        drop(registration);
        match reply {
            Ok(reply) => Ok(reply?),
            Err(_) => Err(ClientError::ConnectionLost("the receiver of replies has stopped".to_owned())),
        }
    }
}

impl RequestTarget for RequestStream {
    async fn execute(&self, request: Request) -> Result<Response, RequestError> {
        Ok(self.send(&request).await?)
    }
}

/// Removes a request from the pending ones when its caller stops waiting.
struct Registration<'a> {
    pending: &'a Mutex<Pending>,
    id: &'a str,
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        if let Pending::Open(pending) = &mut *self.pending.lock() {
            pending.remove(self.id);
        }
    }
}

/// Dispatches replies to their requests until the stream ends, and then reports the end to all requests in flight.
async fn receive_replies(
    client: Client,
    messages: ReceiverStream<DataRequestProto>,
    pending: Arc<Mutex<Pending>>,
) {
    let end = match client.open_stream(CALL, messages).await {
        Ok(mut replies) => loop {
            match replies.message().await {
                Ok(Some(reply)) => dispatch(reply, &pending),
                Ok(None) => {
                    break StreamEnd::Status(tonic::Code::Ok, "the server closed the stream".to_owned());
                }
                Err(status) => break ClientError::from(status).into(),
            }
        },
        Err(error) => error.into(),
    };
    let previous = std::mem::replace(&mut *pending.lock(), Pending::Ended(end.clone()));
    if let Pending::Open(pending) = previous {
        for request in pending.into_values() {
            // Fails if the caller has stopped waiting.
            let _ = request.send(Err(end.clone()));
        }
    }
}

fn dispatch(reply: DataRequestProto, pending: &Mutex<Pending>) {
    let id = reply.header.as_ref().map(|header| header.request_id.as_str()).unwrap_or_default();
    let request = match &mut *pending.lock() {
        Pending::Open(pending) => pending.remove(id),
        Pending::Ended(_) => None,
    };
    if let Some(request) = request {
        let _ = request.send(Ok(reply));
    }
}
