//! `JinaRPC/Call`: a stream of requests, a stream of replies, in the order in which they are ready.
//!
//! The next message is read when there is room for it, so that a client that sends faster than the flow works is held
//! back by its connection. Every request that was read is answered before the stream ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::StreamExt as _;
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::metadata::Manners;
use super::{data, message, response, status_of};
use crate::gateway::admission::{Hold, Ticket};
use crate::gateway::arriving::Arriving;
use crate::gateway::exchange::Refusal;
use crate::gateway::service::Gateway;
use crate::gateway::wire::jina::DataRequestProto;
use crate::gateway::wire::{Envelope, data_reply, refused};
use crate::limits::CLIENT_TIMEOUT;

/// Replies that wait for the client to take them.
const REPLIES_READY: usize = 4;

/// Serves one call.
pub(super) async fn call(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let manners = Manners::of(request.headers(), gateway.prefetch);
    let mut served = data::<DataRequestProto, DataRequestProto>(&gateway);
    let hold = Arc::new(gateway.admission.hold());
    let arriving = Arc::clone(&hold);
    let request = request.map(|body| message(Arriving::endless(body, arriving)));
    let service = tower::service_fn(move |request: tonic::Request<Streaming<DataRequestProto>>| {
        let (replies, ready) = mpsc::channel(REPLIES_READY);
        let (gateway, hold) = (Arc::clone(&gateway), Arc::clone(&hold));
        let call = Call { gateway, manners: manners.clone(), hold, replies };
        tokio::spawn(call.run(request.into_inner()));
        async { Ok::<_, Status>(tonic::Response::new(ReceiverStream::new(ready))) }
    });
    response(served.streaming(service, request).await)
}

type Reply = Result<DataRequestProto, Refusal>;
type Answering = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A call under way.
struct Call {
    gateway: Arc<Gateway>,
    manners: Manners,
    /// What has come of the next message.
    hold: Arc<Hold>,
    replies: mpsc::Sender<Result<DataRequestProto, Status>>,
}

/// What is read next.
enum Input {
    /// A message.
    Open(Box<Streaming<DataRequestProto>>),
    /// Nothing more; the status with which the call ends when all is answered, unless all is well.
    Ended(Option<Status>),
}

impl Call {
    /// Reads and answers until both are done, or the client has gone. Requests that are inside then are given up.
    async fn run(self, messages: Streaming<DataRequestProto>) {
        let mut input = Input::Open(Box::new(messages));
        let mut answering = Answerings::new(self.manners.in_order);
        // A request that was read and found no room.
        let mut held: Option<Envelope> = None;
        let (gone, ended) = (self.replies.closed(), self.gateway.admission.ended());
        tokio::pin!(gone, ended);
        loop {
            if let Some(envelope) = held.take() {
                match self.gateway.enter_in_turn(envelope.documents.len(), !answering.is_empty()) {
                    Ok(Some(ticket)) => answering.push(self.answer(ticket, envelope)),
                    Ok(None) => held = Some(envelope),
                    Err(refusal) => input = Input::Ended(Some(status_of(&refusal))),
                }
            }
            let room = held.is_none() && answering.len() < self.manners.prefetch;
            let reading = matches!(input, Input::Open(_));
            let message = match &mut input {
                Input::Ended(status) if answering.is_empty() => {
                    if let Some(status) = status.take() {
                        self.send(Err(status)).await;
                    }
                    return;
                }
                Input::Open(messages) if room => Some(messages),
                _ => None,
            };
            tokio::select! {
                () = &mut gone => return,
                reply = answering.next(), if !answering.is_empty() => {
                    if let Some(reply) = reply && !self.deliver(reply, &mut input).await {
                        return;
                    }
                },
                next = next(message.map(|messages| &mut **messages)) => match next {
                    Ok(Some(message)) => {
                        // From here on it is its ticket that holds it.
                        self.hold.clear();
                        held = Some(Envelope::of(message));
                    }
                    Ok(None) => input = Input::Ended(None),
                    Err(status) => input = Input::Ended(Some(status)),
                },
                () = &mut ended, if reading => {
                    input = Input::Ended(Some(status_of(&Refusal::Ending)));
                }
            }
        }
    }

    /// Asks the flow, and puts its answer back into the envelope.
    fn answer(&self, ticket: Ticket, envelope: Envelope) -> Answering {
        let (gateway, caller) = (Arc::clone(&self.gateway), self.manners.caller.clone());
        Box::pin(async move {
            let answer = match envelope.question(&caller) {
                Ok(question) => gateway.ask(&ticket, question).await,
                Err(refusal) => Err(refusal),
            };
            match answer {
                Ok(answer) => Ok(data_reply(envelope, answer)),
                // These leave the rest of the stream alone.
                Err(refusal @ (Refusal::Expired | Refusal::Invalid(_) | Refusal::TooLarge(_))) => {
                    Ok(refused(envelope, &refusal))
                }
                Err(refusal) => Err(refusal),
            }
        })
    }

    /// Hands on what became of a request; `false` when nobody wants it. What should have been refused ends the call.
    async fn deliver(&self, reply: Reply, input: &mut Input) -> bool {
        match reply {
            Ok(reply) => self.send(Ok(reply)).await,
            Err(refusal) => {
                *input = Input::Ended(Some(status_of(&refusal)));
                true
            }
        }
    }

    /// Hands a reply to the client; `false` when it has gone, or does not take what it asked for.
    async fn send(&self, reply: Result<DataRequestProto, Status>) -> bool {
        self.replies.send_timeout(reply, CLIENT_TIMEOUT).await.is_ok()
    }
}

/// The next message, if one is to be read.
async fn next(
    messages: Option<&mut Streaming<DataRequestProto>>,
) -> Result<Option<DataRequestProto>, Status> {
    match messages {
        Some(messages) => messages.message().await,
        None => std::future::pending().await,
    }
}

/// Requests under way.
enum Answerings {
    AsReady(FuturesUnordered<Answering>),
    InOrder(FuturesOrdered<Answering>),
}

impl Answerings {
    fn new(in_order: bool) -> Self {
        match in_order {
            true => Self::InOrder(FuturesOrdered::new()),
            false => Self::AsReady(FuturesUnordered::new()),
        }
    }

    fn push(&mut self, answering: Answering) {
        match self {
            Self::AsReady(set) => set.push(answering),
            Self::InOrder(queue) => queue.push_back(answering),
        }
    }

    async fn next(&mut self) -> Option<Reply> {
        match self {
            Self::AsReady(set) => set.next().await,
            Self::InOrder(queue) => queue.next().await,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::AsReady(set) => set.len(),
            Self::InOrder(queue) => queue.len(),
        }
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
