//! Documents that leave the flow before their request ends, for `stream_doc` and `GET` of an endpoint.
//!
//! The last executor of a flow can yield documents one by one; all other documents follow at the end of the request.
//! A stream that is dropped, because the client has disconnected, cancels its request.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flowrun_sdk::{Document, DocumentSink, Documents};
use futures_util::{Stream, stream};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinSet};

use super::admission::Permit;
use super::bytes_permit::BytesPermit;
use super::request::{GatewayRequest, GatewayResponse, Rejection, RequestFailure, RouteEntry};
use super::service::Gateway;
use crate::limits::STREAM_BYTES_MAX;

/// An item of a stream.
pub(super) enum StreamItem {
    /// A document.
    Document(Box<Document>),
    /// The end of a request that failed or was rejected. It is the last item.
    Failed(Box<StreamEnd>),
}

/// End of a request that did not succeed.
pub(super) enum StreamEnd {
    /// It failed at one of the executors that it visited.
    Failure(RequestFailure, Vec<RouteEntry>),
    /// It was not admitted, or the client read its documents too slowly.
    Rejection(Rejection),
}

/// Documents of a request that the stream has not sent yet, and their capacity.
#[derive(Debug)]
struct Unread {
    bytes: AtomicUsize,
    permit: BytesPermit,
}

impl Unread {
    /// Adds documents. Returns false if they exceed what a client may leave unread, or the capacity.
    fn add(&self, documents: &Documents) -> bool {
        let bytes = documents.memory_bytes();
        let unread = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        unread <= STREAM_BYTES_MAX && self.permit.try_grow_to(unread).is_ok()
    }

    fn remove(&self, bytes: usize) {
        let before = self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.permit.shrink_to(before.saturating_sub(bytes));
    }
}

/// Sends yielded documents to the stream of a request, and cancels the request if the client reads them too slowly.
#[derive(Debug)]
struct ChannelSink {
    sender: mpsc::UnboundedSender<Documents>,
    unread: Arc<Unread>,
    /// Notified once more documents are unread than [`STREAM_BYTES_MAX`] or the capacity allows.
    overrun: Arc<Notify>,
}

impl DocumentSink for ChannelSink {
    fn send(&self, documents: Documents) {
        match self.unread.add(&documents) {
            // The receiver is gone once the request is cancelled.
            true => drop(self.sender.send(documents)),
            false => self.overrun.notify_one(),
        }
    }
}

/// State of a stream.
struct DocumentStream {
    /// The request, cancelled when it is dropped; empty once it has ended.
    request: JoinSet<Result<GatewayResponse, Rejection>>,
    receiver: mpsc::UnboundedReceiver<Documents>,
    unread: Arc<Unread>,
    /// Documents that were received, in their order.
    documents: VecDeque<Document>,
    /// Failure that ends the stream after these documents.
    failure: Option<Box<StreamEnd>>,
}

/// Submits an admitted request. Returns the stream of its documents.
///
/// The request has a task of its own, so that it leaves the flow whether or not the client reads.
pub(super) fn submit(
    gateway: &Arc<Gateway>,
    permit: &Arc<Permit>,
    request: GatewayRequest,
) -> impl Stream<Item = StreamItem> + Send + use<> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let unread = Arc::new(Unread { bytes: AtomicUsize::new(0), permit: gateway.admission.bytes_permit() });
    let overrun = Arc::new(Notify::new());
    let sink = ChannelSink { sender, unread: Arc::clone(&unread), overrun: Arc::clone(&overrun) };
    let request = GatewayRequest { sink: Some(Arc::new(sink)), ..request };
    let (gateway, permit) = (Arc::clone(gateway), Arc::clone(permit));
    let mut running = JoinSet::new();
    running.spawn(async move {
        let slow = "the client reads the documents more slowly than they are made";
        tokio::select! {
            response = gateway.submit(&permit, request) => response,
            () = overrun.notified() => Err(Rejection::Overloaded(slow.to_owned())),
        }
    });
    let state =
        DocumentStream { request: running, receiver, unread, documents: VecDeque::new(), failure: None };
    stream::unfold(state, |mut state| async move { Some((state.next().await?, state)) })
}

impl DocumentStream {
    async fn next(&mut self) -> Option<StreamItem> {
        loop {
            if let Some(document) = self.documents.pop_front() {
                return Some(StreamItem::Document(Box::new(document)));
            }
            if let Some(failure) = self.failure.take() {
                return Some(StreamItem::Failed(failure));
            }
            tokio::select! {
                biased;
                Some(documents) = self.receiver.recv() => self.take(documents),
                ended = self.request.join_next() => self.end(ended?),
            }
        }
    }

    /// Takes documents that an executor yielded.
    fn take(&mut self, documents: Documents) {
        self.unread.remove(documents.memory_bytes());
        self.documents.extend(documents);
    }

    /// Ends the request: its other documents follow those that were yielded.
    fn end(&mut self, ended: Result<Result<GatewayResponse, Rejection>, JoinError>) {
        while let Ok(documents) = self.receiver.try_recv() {
            self.take(documents);
        }
        match ended {
            Ok(Ok(GatewayResponse { result: Ok(response), .. })) => self.documents.extend(response.documents),
            Ok(Ok(GatewayResponse { result: Err(failure), routes, .. })) => {
                self.failure = Some(Box::new(StreamEnd::Failure(failure, routes)));
            }
            Ok(Err(rejection)) => self.failure = Some(Box::new(StreamEnd::Rejection(rejection))),
            Err(error) => {
                // A bug: the panic continues where the request was sent from.
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
}
