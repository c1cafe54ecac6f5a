//! A session: one stream of requests and replies, over gRPC or WebSocket, with backpressure, the order of replies and
//! draining.
//!
//! The next message is read only while the session has capacity, so a client that sends faster than the flow works is
//! held back by its connection. A request that finds the gateway full waits while other requests of its session are in
//! flight, and is rejected otherwise. Once the input has ended (by the client, an error, or draining), every admitted
//! request is still answered.
//!
//! Messages are decoded and encoded by the [`Transport`].

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{FuturesOrdered, FuturesUnordered};

use super::admission::Permit;
use super::bytes_permit::BytesPermit;
use super::request::Rejection;
use super::service::Gateway;

/// Options of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionOptions {
    /// Maximum of requests in flight.
    pub(super) max_in_flight: usize,
    /// True if replies have the order of their requests; otherwise each is sent as soon as it is ready.
    pub(super) in_order: bool,
}

/// Result of an admitted request: its reply, or the end of the session.
pub(super) type Answer<T> = Result<<T as Transport>::Reply, <T as Transport>::End>;

/// A request in flight.
pub(super) type InFlight<T> = Pin<Box<dyn Future<Output = Answer<T>> + Send>>;

/// One side of a connection that carries a session.
pub(super) trait Transport: Sized + Send {
    /// A decoded request that is not admitted yet.
    type Request: Send;
    /// A reply that can be sent.
    type Reply: Send + 'static;
    /// Reason for which the session ends.
    type End: Send + 'static;

    /// Receives the next message. Without capacity it reads none, and is ready only if it notices that the client has
    /// disconnected. Must be cancel safe.
    fn receive(&mut self, has_capacity: bool) -> impl Future<Output = Received<Self>> + Send;

    /// Permit for the bytes of a request's message and decoded documents.
    fn bytes(request: &Self::Request) -> &Arc<BytesPermit>;

    /// Starts an admitted request.
    fn submit(&self, permit: Permit, request: Self::Request) -> InFlight<Self>;

    /// Answers a request that is not admitted, or ends the session.
    fn reject(&self, request: Self::Request, rejection: Rejection) -> Answer<Self>;

    /// The end of a session whose gateway is draining.
    fn drained(&self) -> Self::End;

    /// Releases the input, once nothing more is read from it.
    fn close_input(&mut self) {}

    /// Sends a reply; `false` if the client has disconnected or does not read.
    fn send(&mut self, reply: Self::Reply) -> impl Future<Output = bool> + Send;

    /// Ends the session after its last reply.
    fn finish(self, end: Self::End) -> impl Future<Output = ()> + Send;
}

/// Result of [`Transport::receive`].
pub(super) enum Received<T: Transport> {
    /// A request.
    Request(T::Request),
    /// A message that is answered without the flow.
    Reply(T::Reply),
    /// A message without meaning for the session, for example a ping.
    Ignored,
    /// The end of the input.
    End(T::End),
    /// The client has disconnected: its requests are cancelled.
    Disconnected,
}

/// Runs a session until its input has ended and every admitted request is answered, or the client disconnects.
/// Requests that are in flight then are dropped, which cancels them.
pub(super) async fn serve<T: Transport>(mut transport: T, gateway: &Gateway, options: SessionOptions) {
    let mut in_flight = Answers::<T>::new(options.in_order);
    // A request that was received but not admitted yet.
    let mut waiting: Option<T::Request> = None;
    let mut end: Option<T::End> = None;
    let draining = gateway.admission.shutdown.draining();
    tokio::pin!(draining);
    loop {
        if let Some(request) = waiting.take() {
            match gateway.admit_from_stream(T::bytes(&request), !in_flight.is_empty()) {
                Ok(Some(permit)) => in_flight.push(transport.submit(permit, request)),
                Ok(None) => waiting = Some(request),
                Err(rejection) => match transport.reject(request, rejection) {
                    Ok(reply) => in_flight.push(Box::pin(std::future::ready(Ok(reply)))),
                    Err(reason) => end = Some(reason),
                },
            }
        }
        let open = end.is_none();
        if !open {
            transport.close_input();
        }
        if in_flight.is_empty()
            && let Some(end) = end.take()
        {
            return transport.finish(end).await;
        }
        let has_capacity = open && waiting.is_none() && in_flight.len() < options.max_in_flight;
        tokio::select! {
            answer = in_flight.next(), if !in_flight.is_empty() => {
                let connected = match answer {
                    Some(Ok(reply)) => in_flight.while_sending(transport.send(reply)).await,
                    Some(Err(reason)) => {
                        end = Some(reason);
                        true
                    }
                    None => true,
                };
                if !connected {
                    return;
                }
            },
            received = transport.receive(has_capacity) => match received {
                Received::Request(request) => waiting = Some(request),
                Received::Reply(reply) => in_flight.push(Box::pin(std::future::ready(Ok(reply)))),
                Received::Ignored => {}
                Received::End(reason) => end = Some(reason),
                Received::Disconnected => return,
            },
            () = &mut draining, if open => end = Some(transport.drained()),
        }
    }
}

/// The requests in flight of a session, and the answers that are not sent yet.
struct Answers<T: Transport> {
    in_flight: Requests<T>,
    /// Answers that became ready while another one was sent.
    ready: VecDeque<Answer<T>>,
}

enum Requests<T: Transport> {
    AsReady(FuturesUnordered<InFlight<T>>),
    InOrder(FuturesOrdered<InFlight<T>>),
}

impl<T: Transport> Answers<T> {
    fn new(in_order: bool) -> Self {
        let in_flight = match in_order {
            true => Requests::InOrder(FuturesOrdered::new()),
            false => Requests::AsReady(FuturesUnordered::new()),
        };
        Self { in_flight, ready: VecDeque::new() }
    }

    fn push(&mut self, request: InFlight<T>) {
        match &mut self.in_flight {
            Requests::AsReady(set) => set.push(request),
            Requests::InOrder(queue) => queue.push_back(request),
        }
    }

    /// The next answer; `None` if there is no request.
    async fn next(&mut self) -> Option<Answer<T>> {
        match self.ready.pop_front() {
            Some(answer) => Some(answer),
            None => self.in_flight.next().await,
        }
    }

    /// Waits for `sending`, and polls the requests in flight meanwhile, so that an answered request releases its slot of the
    /// flow even if the client does not read. The answers wait in `ready`: with the requests in flight they are at most
    /// [`SessionOptions::max_in_flight`].
    async fn while_sending<F: Future<Output = bool>>(&mut self, sending: F) -> bool {
        tokio::pin!(sending);
        loop {
            tokio::select! {
                connected = &mut sending => return connected,
                Some(answer) = self.in_flight.next() => self.ready.push_back(answer),
            }
        }
    }

    fn len(&self) -> usize {
        self.ready.len() + self.in_flight.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Transport> Requests<T> {
    async fn next(&mut self) -> Option<Answer<T>> {
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
}
