//! A stream with many requests under way.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::codegen::http::uri::PathAndQuery;

use super::connection::Client;
use super::error::ClientError;
use crate::gateway::wire::jina::DataRequestProto;
use crate::gateway::wire::{decode_reply, encode_request};
use crate::job::Answers;
use crate::runtime::{Request, RequestError, Response};

/// Where streams go.
const CALL: PathAndQuery = PathAndQuery::from_static("/jina.JinaRPC/Call");

/// Messages that wait for the connection to take them. Whoever has more waits with them.
const MESSAGES_WAITING_MAX: usize = 16;

/// A stream with many requests under way. It ends when it is dropped, or when the server ends it: then whoever waits
/// is told with which status, and so is whoever asks later.
pub struct Conversation {
    messages: mpsc::Sender<DataRequestProto>,
    waiting: Arc<Mutex<Waiting>>,
    /// Requests so far: replies are known by the number behind their id, so that two requests may have the same name.
    asked: AtomicU64,
}

/// Who waits for which reply.
enum Waiting {
    /// By the id on the wire.
    For(HashMap<String, oneshot::Sender<Result<DataRequestProto, Ended>>>),
    /// For nothing any more.
    Ended(Ended),
}

/// How a conversation ended.
#[derive(Clone, Debug)]
enum Ended {
    /// With this status of the server's; `Ok` when it has no more to say.
    Told(tonic::Code, String),
    /// With the connection.
    Broken(String),
}

impl From<Ended> for ClientError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Told(code, message) => Self::Refused { code, message },
            Ended::Broken(reason) => Self::Broken(reason),
        }
    }
}

impl From<ClientError> for Ended {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused { code, message } => Self::Told(code, message),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl Conversation {
    pub(super) fn begin(client: Client) -> Self {
        let (messages, ready) = mpsc::channel(MESSAGES_WAITING_MAX);
        let waiting = Arc::new(Mutex::new(Waiting::For(HashMap::new())));
        tokio::spawn(listen(client, ReceiverStream::new(ready), Arc::clone(&waiting)));
        Self { messages, waiting, asked: AtomicU64::new(0) }
    }

    /// Asks, once the connection has room; the answer.
    ///
    /// # Errors
    /// Why there is none, or the failure that is the answer.
    pub async fn ask(&self, request: &Request) -> Result<Response, ClientError> {
        Ok(decode_reply(self.exchange(encode_request(request.id.clone(), request)).await?)?)
    }

    /// Sends a message, once the connection has room; the reply. Both have a number behind their id.
    pub(super) async fn exchange(
        &self,
        mut message: DataRequestProto,
    ) -> Result<DataRequestProto, ClientError> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let header = message.header.get_or_insert_default();
        header.request_id = format!("{}#{number}", header.request_id);
        let id = header.request_id.clone();
        let (sender, reply) = oneshot::channel();
        match &mut *self.waiting.lock() {
            Waiting::For(waiting) => _ = waiting.insert(id.clone(), sender),
            Waiting::Ended(ended) => return Err(ended.clone().into()),
        }
        let waiter = Waiter { waiting: &self.waiting, id: &id };
        // When nobody takes messages any more, the reply says how the conversation ended.
        let _ = self.messages.send(message).await;
        let reply = reply.await;
        drop(waiter);
        match reply {
            Ok(reply) => Ok(reply?),
            Err(_) => Err(ClientError::Broken("nobody listens to the replies any more".to_owned())),
        }
    }
}

impl Answers for Conversation {
    async fn answer(&self, request: Request) -> Result<Response, RequestError> {
        Ok(self.ask(&request).await?)
    }
}

/// Forgets a request that nobody waits for any more.
struct Waiter<'a> {
    waiting: &'a Mutex<Waiting>,
    id: &'a str,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Waiting::For(waiting) = &mut *self.waiting.lock() {
            waiting.remove(self.id);
        }
    }
}

/// Hands replies to those who wait for them, until the end.
async fn listen(client: Client, messages: ReceiverStream<DataRequestProto>, waiting: Arc<Mutex<Waiting>>) {
    let ended = match client.stream(CALL, messages).await {
        Ok(mut replies) => loop {
            match replies.message().await {
                Ok(Some(reply)) => hand_on(reply, &waiting),
                Ok(None) => break Ended::Told(tonic::Code::Ok, "the stream has ended".to_owned()),
                Err(status) => break told(status),
            }
        },
        Err(error) => error.into(),
    };
    let left = std::mem::replace(&mut *waiting.lock(), Waiting::Ended(ended.clone()));
    if let Waiting::For(left) = left {
        for waiter in left.into_values() {
            // Whoever has gone does not want to know.
            let _ = waiter.send(Err(ended.clone()));
        }
    }
}

fn told(status: Status) -> Ended {
    ClientError::from(status).into()
}

fn hand_on(reply: DataRequestProto, waiting: &Mutex<Waiting>) {
    let id = reply.header.as_ref().map(|header| header.request_id.as_str()).unwrap_or_default();
    let waiter = match &mut *waiting.lock() {
        Waiting::For(waiting) => waiting.remove(id),
        Waiting::Ended(_) => None,
    };
    if let Some(waiter) = waiter {
        let _ = waiter.send(Ok(reply));
    }
}
