//! One request in flight, however many parts it is split into: it ends in exactly one outcome.
//!
//! Every part that is under way holds on to the request. When the last one goes away without an answer having been
//! given (a part was dropped, a worker died), the request answers for itself. What waits at joins and shards is
//! kept here and not in the pods, so nothing can stay behind in them; and the credit goes back when everything of the
//! request has left.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use flowrun_sdk::{Cancellation, Documents, ErrorKind, ExecutorError, RequestParameters};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::content::Content;
use super::gathering::Gathering;
use super::ledger::RequestCounters;
use super::log_context::RequestLabel;
use super::merge::{Law, merge};
use super::order::Order;
use super::parameters;
use super::request::{Outcome, Request, RequestError};
use super::target::TargetPattern;
use super::trace::RequestTrace;
use crate::topology::format_bytes;

/// An accepted request.
pub(super) struct InFlightRequest {
    pub(super) endpoint: String,
    /// What it is called in lines of the log.
    pub(super) named: Arc<RequestLabel>,
    parameters: RequestParameters,
    pub(super) target: Option<TargetPattern>,
    pub(super) trace: Option<Arc<RequestTrace>>,
    pub(super) deadline: Option<Instant>,
    pub(super) cancellation: Cancellation,
    /// What its documents may hold, in bytes, whatever they go through.
    pub(super) request_bytes_max: usize,
    /// The order of its documents, in a flow whose branches may change it.
    pub(super) order: Option<Order>,
    settled: AtomicBool,
    reply: Mutex<Option<oneshot::Sender<Outcome>>>,
    joins: Mutex<Vec<(usize, Gathering)>>,
    ledger: Arc<RequestCounters>,
    credit: Option<OwnedSemaphorePermit>,
}

impl InFlightRequest {
    /// Accepts `request` for a credit; returns it, what goes through the flow, and where its outcome arrives.
    pub(super) fn accept(
        request: Request,
        credit: OwnedSemaphorePermit,
        ledger: &Arc<RequestCounters>,
        request_bytes_max: usize,
        order: Option<Order>,
    ) -> (Arc<Self>, Content, oneshot::Receiver<Outcome>) {
        ledger.accept();
        let (reply, outcome) = oneshot::channel();
        let documents = request.documents;
        let accepted = Self {
            named: RequestLabel::new(&request.id, &request.endpoint),
            endpoint: request.endpoint,
            parameters: request.parameters,
            target: request.target,
            trace: request.trace,
            deadline: request.deadline,
            cancellation: Cancellation::default(),
            request_bytes_max,
            order,
            settled: AtomicBool::new(false),
            reply: Mutex::new(Some(reply)),
            joins: Mutex::new(Vec::new()),
            ledger: Arc::clone(ledger),
            credit: Some(credit),
        };
        (Arc::new(accepted), Content::of(documents), outcome)
    }

    /// Answers the request. Only the first answer counts.
    pub(super) fn settle(&self, outcome: Outcome) {
        if self.settled.swap(true, Ordering::AcqRel) {
            return;
        }
        if matches!(&outcome, Outcome::Failed(failed) if given_up(failed.error.kind())) {
            self.cancellation.cancel();
        }
        self.ledger.settle(&outcome);
        if let Some(reply) = self.reply.lock().take() {
            // Whoever asked may be gone; the books are kept all the same.
            let _ = reply.send(outcome);
        }
    }

    /// The parameters as the executor of that name sees them.
    pub(super) fn parameters_for(&self, executor: &str) -> Cow<'_, RequestParameters> {
        parameters::for_executor(&self.parameters, executor)
    }

    /// Whether the documents of a part hold no more than the request may.
    pub(super) fn bounded(&self, documents: &Documents) -> Result<(), ExecutorError> {
        bounded(documents, self.request_bytes_max)
    }

    /// The law applied to parts, unless what comes of it holds more than the request may.
    pub(super) fn merge(&self, parts: Vec<Content>, law: Law) -> Content {
        let merged = merge(parts, law);
        match self.bounded(&merged.documents) {
            Err(error) if merged.error.is_none() => Content::failed(RequestError { pod: None, error }),
            _ => merged,
        }
    }

    /// Whether no executor needs to see the request any more.
    pub(super) fn is_given_up(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    /// Puts the part that arrived at input `input` of the join `join` aside; returns all `inputs` parts when it was
    /// the last.
    pub(super) fn gather(
        &self,
        join: usize,
        input: usize,
        inputs: usize,
        content: Content,
    ) -> Option<Vec<Content>> {
        let mut joins = self.joins.lock();
        let position = match joins.iter().position(|(known, _)| *known == join) {
            Some(position) => position,
            None => {
                joins.push((join, Gathering::new(inputs)));
                joins.len() - 1
            }
        };
        let complete = joins.get_mut(position)?.1.put(input, content)?;
        joins.swap_remove(position);
        Some(complete)
    }
}

/// Whether documents hold no more than `most` bytes.
pub(super) fn bounded(documents: &Documents, most: usize) -> Result<(), ExecutorError> {
    let held = documents.memory_bytes();
    if held <= most {
        return Ok(());
    }
    let (held, most) = (format_bytes(held), format_bytes(most));
    Err(ExecutorError::resource(format_args!(
        "its documents hold {held} now, more than the {most} allowed; send fewer documents in a request"
    )))
}

fn given_up(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Expired | ErrorKind::Cancelled)
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        self.settle(Outcome::Failed(RequestError::of_kind(
            ErrorKind::Internal,
            "a part of the request was lost",
        )));
        // Whoever learns that a credit is free must find the books in order.
        self.ledger.leave();
        drop(self.credit.take());
    }
}
