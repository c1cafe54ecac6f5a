//! A worker's identity and limits: names for results and errors, counters, timeouts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_sdk::{Call, ExecutorError};

use super::batch_call::CallSpec;
use super::batcher::{Batch, BatchPolicy};
use super::running_calls::RunningCalls;
use crate::runtime::metrics::PodMetrics;
use crate::runtime::request::{
    Content, ExecutorNames, InFlightRequest, LogContext, RequestError, RequestInput, RequestLabel,
};
use crate::runtime::routing::Part;

/// Context of one worker.
#[derive(Clone)]
pub(in crate::runtime) struct WorkerContext {
    /// The pod's name.
    pub(in crate::runtime) pod: Arc<str>,
    /// Names by which requests address parameters to the executor.
    pub(in crate::runtime) names: ExecutorNames,
    /// Class of the executor, for messages.
    pub(in crate::runtime) executor: Arc<str>,
    /// The worker's name in `__results__`, in Jina's form: `indexer/shard-0/rep-0`.
    pub(in crate::runtime) worker: Arc<str>,
    /// Counters of the pod.
    pub(in crate::runtime) metrics: Arc<PodMetrics>,
    /// Calls in progress, which the watchdog ends for their requests.
    pub(in crate::runtime) calls: Arc<RunningCalls>,
    /// Longest duration of one call, in addition to the request's deadline; `None` for no limit.
    pub(in crate::runtime) timeout_send: Option<Duration>,
    /// Batching rules of the pod; `None` without batching.
    pub(in crate::runtime) batch_policy: Option<Arc<BatchPolicy>>,
    /// Set if the results of this worker alone are the reply, so that they may be sent before its call ends.
    pub(in crate::runtime) is_last: bool,
}

impl WorkerContext {
    /// Context of log lines written during a call.
    pub(super) fn log_context(&self, request: &Arc<RequestLabel>) -> LogContext {
        LogContext { request: Arc::clone(request), worker: Some(Arc::clone(&self.worker)) }
    }

    /// Input of a call for one request.
    pub(super) fn spec_for_request<'a>(&self, request: &'a RequestInput) -> CallSpec<'a> {
        let sink = request.sink.clone().filter(|_| self.is_last);
        CallSpec { sink, ..CallSpec::for_request(request, &self.names) }
    }

    /// Input of a batched call; `None` for fewer than two requests.
    pub(super) fn spec_for_batch<'a>(&self, requests: &'a [Arc<RequestInput>]) -> Option<CallSpec<'a>> {
        let (first, others) = requests.split_first().filter(|(_, others)| !others.is_empty())?;
        Some(CallSpec::for_batch(first, others, &self.names))
    }

    /// Returns the part as `Ok` when it is to be processed, and as `Err`, with an error in it, when its request has
    /// expired or was cancelled.
    #[expect(
        clippy::result_large_err,
        reason = "both variants are the part, which is passed on in either case"
    )]
    pub(super) fn admit(&self, part: Part) -> Result<Part, Part> {
        match self.skip_error(&part.request) {
            None => Ok(part),
            Some(error) => Err(part.with_error(error)),
        }
    }

    /// Returns the parts of a batch that are to be processed; `deliver` receives the rest.
    pub(super) fn admit_batch(&self, Batch { first, others }: Batch, deliver: impl Fn(Part)) -> Vec<Part> {
        let mut parts = Vec::with_capacity(1 + others.len());
        for part in std::iter::once(first).chain(others) {
            self.metrics.record_dequeued();
            match self.admit(part) {
                Ok(part) => parts.push(part),
                Err(part) => deliver(part),
            }
        }
        self.record_batch(&parts);
        parts
    }

    /// The error of a request that no longer needs to be processed.
    fn skip_error(&self, request: &InFlightRequest) -> Option<RequestError> {
        let kind = request.ended(Instant::now())?;
        let error = ExecutorError::new(kind, "the request expired or was cancelled before this call");
        Some(RequestError::in_pod(&self.pod, error))
    }

    /// Counts a batch, unless its endpoint is not batched.
    fn record_batch(&self, parts: &[Part]) {
        let is_batched = |part: &Part| {
            self.batch_policy.as_ref().is_some_and(|policy| policy.batching_for(part).is_some())
        };
        if parts.first().is_some_and(is_batched) {
            let documents = parts.iter().map(|part| part.content.documents.len()).sum();
            self.metrics.record_batch(parts.len(), documents);
        }
    }

    /// Builds the call for the documents and origins of `input`.
    pub(super) fn build_call<'a>(&self, spec: &'a CallSpec<'_>, input: Content) -> Call<'a> {
        let timeout = self.timeout_send.and_then(|timeout| Instant::now().checked_add(timeout));
        let deadline = [spec.deadline, timeout].into_iter().flatten().min();
        Call::new(spec.endpoint, input.documents, &spec.parameters)
            .with_request_id(&spec.label.id)
            .with_trace_parent(spec.trace_parent.as_deref())
            .with_origins(input.origins)
            .with_deadline(deadline, spec.cancellation.clone())
            .with_bytes_max(spec.bytes_max)
            .with_sink(spec.sink.clone())
    }
}
