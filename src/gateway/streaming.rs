//! Documents that leave the flow before their request ends, for `stream_doc` and `GET` of an endpoint.
//!
//! The last executor of a flow sends them as it yields them; documents of other executors come with the end of the request.
//! A stream that is dropped, because the client has disconnected, cancels its request.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flowrun_sdk::{Document, DocumentSink, Documents};
use futures_util::{Stream, stream};
use tokio::sync::mpsc;

use super::admission::Permit;
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
    /// It was not admitted, or the client did not read its documents.
    Rejection(Rejection),
}

/// Sends documents to the stream of a request.
#[derive(Debug)]
struct ChannelSink {
    sender: mpsc::UnboundedSender<Documents>,
    /// Bytes of the documents that the stream has not taken yet.
    unread_bytes: Arc<AtomicUsize>,
}

impl DocumentSink for ChannelSink {
    fn send(&self, documents: Documents) {
        self.unread_bytes.fetch_add(documents.memory_bytes(), Ordering::Relaxed);
        // The receiver is gone once the request is cancelled.
        let _ = self.sender.send(documents);
    }
}

type Response = Pin<Box<dyn Future<Output = Result<GatewayResponse, Rejection>> + Send>>;

/// State of a stream.
struct DocumentStream {
    /// The request; `None` once it has ended.
    response: Option<Response>,
    receiver: mpsc::UnboundedReceiver<Documents>,
    unread_bytes: Arc<AtomicUsize>,
    /// Documents that were received, in their order.
    documents: VecDeque<Document>,
    /// Failure that ends the stream after these documents.
    failure: Option<Box<StreamEnd>>,
}

/// Submits an admitted request. Returns the stream of its documents.
pub(super) fn submit(
    gateway: &Arc<Gateway>,
    permit: &Arc<Permit>,
    request: GatewayRequest,
) -> impl Stream<Item = StreamItem> + Send + use<> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let unread_bytes = Arc::new(AtomicUsize::new(0));
    let sink: Arc<dyn DocumentSink> =
        Arc::new(ChannelSink { sender, unread_bytes: Arc::clone(&unread_bytes) });
    let request = GatewayRequest { sink: Some(sink), ..request };
    let (gateway, permit) = (Arc::clone(gateway), Arc::clone(permit));
    let response: Response = Box::pin(async move { gateway.submit(&permit, request).await });
    let state = DocumentStream {
        response: Some(response),
        receiver,
        unread_bytes,
        documents: VecDeque::new(),
        failure: None,
    };
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
            let response = self.response.as_mut()?;
            tokio::select! {
                biased;
                Some(documents) = self.receiver.recv() => self.take(documents),
                response = response => self.end(response),
            }
        }
    }

    /// Takes documents that an executor yielded. Cancels a request whose client reads too slowly.
    fn take(&mut self, documents: Documents) {
        let unread = self.unread_bytes.fetch_sub(documents.memory_bytes(), Ordering::Relaxed);
        self.documents.extend(documents);
        if unread > STREAM_BYTES_MAX {
            self.response = None;
            let message = "the client reads the documents more slowly than they are made".to_owned();
            self.failure = Some(Box::new(StreamEnd::Rejection(Rejection::Overloaded(message))));
        }
    }

    /// Ends the request: its other documents follow those that were yielded.
    fn end(&mut self, response: Result<GatewayResponse, Rejection>) {
        self.response = None;
        while let Ok(documents) = self.receiver.try_recv() {
            self.documents.extend(documents);
        }
        match response {
            Ok(GatewayResponse { result: Ok(response), .. }) => self.documents.extend(response.documents),
            Ok(GatewayResponse { result: Err(failure), routes, .. }) => {
                self.failure = Some(Box::new(StreamEnd::Failure(failure, routes)));
            }
            Err(rejection) => self.failure = Some(Box::new(StreamEnd::Rejection(rejection))),
        }
    }
}
