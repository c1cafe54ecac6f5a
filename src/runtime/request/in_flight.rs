//! An accepted request and its single outcome.
//!
//! Every part of a request holds an `Arc` of its [`InFlightRequest`]. The first outcome wins. When the last part is
//! dropped before there is one (a worker died, a part was lost), the destructor fails the request, so no request is ever
//! left unanswered. Executor calls hold only the request's [`RequestInput`], so that a call that does not end keeps no
//! credit. Parts that wait at a join or for other shards are stored in the request, not in the pods: ending a
//! request frees all its memory, and its credit is returned once no part is left inside the flow.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use flowrun_sdk::{Cancellation, DocumentSink, Documents, ErrorKind, ExecutorError, RequestParameters};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::content::Content;
use super::document_order::DocumentOrder;
use super::gather::Gather;
use super::log_context::RequestLabel;
use super::merge::{MergePolicy, merge};
use super::message::{Outcome, Request, RequestError};
use super::parameters::{self, ExecutorNames};
use super::target::TargetPattern;
use super::trace::RequestTrace;
use crate::runtime::metrics::RequestCounters;
use crate::topology::{chain_members, format_bytes};

/// The data of a request that executors receive with its documents. A call that outlives its request holds only this, not the
/// request's credit or outcome.
pub(in crate::runtime) struct RequestInput {
    pub(in crate::runtime) endpoint: String,
    /// Id and endpoint as log lines show them.
    pub(in crate::runtime) label: Arc<RequestLabel>,
    parameters: RequestParameters,
    /// Executors that handle the request; `None` for all.
    target: Option<TargetPattern>,
    /// Span of which the calls of other services are part, as the value of `traceparent`.
    pub(in crate::runtime) trace_parent: Option<Arc<str>>,
    /// Receives documents that the last executor returns before its call ends.
    pub(in crate::runtime) sink: Option<Arc<dyn DocumentSink>>,
    /// Time at which the request expires; `None` for no limit.
    pub(in crate::runtime) deadline: Option<Instant>,
    /// Cancelled when the request ends as cancelled or expired.
    pub(in crate::runtime) cancellation: Cancellation,
    /// Bytes that the documents may occupy at any point of the flow.
    pub(in crate::runtime) request_bytes_max: usize,
}

/// An accepted request, shared by all its parts.
pub(in crate::runtime) struct InFlightRequest {
    pub(in crate::runtime) input: Arc<RequestInput>,
    /// Records the pods that the request visits; `None` records nothing.
    pub(in crate::runtime) trace: Option<Arc<RequestTrace>>,
    /// Order of the request's documents, in flows whose branches may change it.
    pub(in crate::runtime) order: Option<DocumentOrder>,
    answered: AtomicBool,
    reply: Mutex<Option<oneshot::Sender<Outcome>>>,
    /// Incomplete joins, by the position of the joining pod.
    joins: Mutex<Vec<(usize, Gather)>>,
    counters: Arc<RequestCounters>,
    credit: Option<OwnedSemaphorePermit>,
}

impl RequestInput {
    /// The parameters that the executor with these names receives.
    pub(in crate::runtime) fn parameters_for(&self, executor: &ExecutorNames) -> Cow<'_, RequestParameters> {
        parameters::for_executor(&self.parameters, self.target.as_ref(), executor)
    }

    /// Returns `true` when the request is addressed to the executor, or to one of the chain of executors, of this name.
    pub(in crate::runtime) fn is_addressed_to(&self, executor: &str) -> bool {
        let matches = |target: &TargetPattern| chain_members(executor).any(|name| target.matches(name));
        self.target.as_ref().is_none_or(matches)
    }
}

impl InFlightRequest {
    /// Accepts `request`, which occupies `credit` until it has left the flow.
    ///
    /// Returns the request, the content that enters the flow, and the receiver of the outcome.
    pub(in crate::runtime) fn accept(
        request: Request,
        credit: OwnedSemaphorePermit,
        counters: &Arc<RequestCounters>,
        request_bytes_max: usize,
        order: Option<DocumentOrder>,
    ) -> (Arc<Self>, Content, oneshot::Receiver<Outcome>) {
        counters.record_accepted();
        let (reply, outcome) = oneshot::channel();
        let input = RequestInput {
            label: RequestLabel::new(&request.id, &request.endpoint),
            endpoint: request.endpoint,
            parameters: request.parameters,
            target: request.target,
            trace_parent: request.trace_parent,
            sink: request.sink,
            deadline: request.deadline,
            cancellation: Cancellation::default(),
            request_bytes_max,
        };
        let accepted = Self {
            input: Arc::new(input),
            trace: request.trace,
            order,
            answered: AtomicBool::new(false),
            reply: Mutex::new(Some(reply)),
            joins: Mutex::new(Vec::new()),
            counters: Arc::clone(counters),
            credit: Some(credit),
        };
        let content = Content { origins: request.origins, ..Content::new(request.documents) };
        (Arc::new(accepted), content, outcome)
    }

    /// Sends the outcome of the request. All but the first are ignored.
    pub(in crate::runtime) fn finish(&self, outcome: Outcome) {
        if self.answered.swap(true, Ordering::AcqRel) {
            return;
        }
        if matches!(&outcome, Outcome::Failed(failed) if is_cancelling(failed.error.kind())) {
            self.input.cancellation.cancel();
        }
        self.counters.record_outcome(outcome_kind(&outcome));
        if let Some(reply) = self.reply.lock().take() {
            // The receiver may be gone; the outcome is counted in any case.
            let _ = reply.send(outcome);
        }
    }

    /// Fails when the documents of a part occupy more bytes than the request may.
    pub(in crate::runtime) fn check_size(&self, documents: &Documents) -> Result<(), ExecutorError> {
        check_size(documents, self.input.request_bytes_max)
    }

    /// Merges parts by `policy`; fails the request when the result is larger than it may be.
    pub(in crate::runtime) fn merge(&self, parts: Vec<Content>, policy: MergePolicy) -> Content {
        let merged = merge(parts, policy);
        match self.check_size(&merged.documents) {
            Err(error) if merged.error.is_none() => Content::failed(RequestError { pod: None, error }),
            _ => merged,
        }
    }

    /// Returns `true` once the request has ended as cancelled or expired: no further executor is called for it.
    pub(in crate::runtime) fn is_cancelled(&self) -> bool {
        self.input.cancellation.is_cancelled()
    }

    /// The reason why the request needs no more work at time `now`: `Expired` or `Cancelled`; `None` while it needs work.
    pub(in crate::runtime) fn ended(&self, now: Instant) -> Option<ErrorKind> {
        match self.input.deadline {
            Some(deadline) if deadline <= now => Some(ErrorKind::Expired),
            _ if self.is_cancelled() => Some(ErrorKind::Cancelled),
            _ => None,
        }
    }

    /// Stores the part that arrived at input `input` of the join at pod `join`. Returns all `inputs` parts, in input
    /// order, when it was the last.
    pub(in crate::runtime) fn gather(
        &self,
        join: usize,
        input: usize,
        inputs: usize,
        content: Content,
    ) -> Option<Vec<Content>> {
        let mut joins = self.joins.lock();
        let position = match joins.iter().position(|(pod, _)| *pod == join) {
            Some(position) => position,
            None => {
                joins.push((join, Gather::new(inputs)));
                joins.len() - 1
            }
        };
        let complete = joins.get_mut(position)?.1.put(input, content)?;
        joins.swap_remove(position);
        Some(complete)
    }
}

/// Fails when `documents` occupy more than `bytes_max` bytes.
pub(in crate::runtime) fn check_size(documents: &Documents, bytes_max: usize) -> Result<(), ExecutorError> {
    let bytes = documents.memory_bytes();
    if bytes <= bytes_max {
        return Ok(());
    }
    let (bytes, bytes_max) = (format_bytes(bytes), format_bytes(bytes_max));
    Err(ExecutorError::resource(format_args!(
        "the documents occupy {bytes}, more than the {bytes_max} allowed; send fewer documents in a request"
    )))
}

/// Errors after which executors need not continue.
fn is_cancelling(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Expired | ErrorKind::Cancelled)
}

/// The kind of error of a failed request; `None` for a reply.
fn outcome_kind(outcome: &Outcome) -> Option<ErrorKind> {
    match outcome {
        Outcome::Reply(_) => None,
        Outcome::Failed(failed) => Some(failed.error.kind()),
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        self.finish(Outcome::Failed(RequestError::outside_pods(
            ErrorKind::Internal,
            "a part of the request was lost",
        )));
        // A caller that gets the freed credit must already see this request counted as gone.
        self.counters.record_left();
        drop(self.credit.take());
    }
}
