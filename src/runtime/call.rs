//! One call of an executor for one part: what goes in, what comes out, and what may go wrong.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use flowrun_sdk::{Answer, AsyncExecutor, Call, ErrorKind, ExecutorError};
use futures_util::future::{Either, select};

use super::content::Content;
use super::joint::{Errand, Told, tell_apart};
use super::lobby::{Batch, Rules};
use super::log_context::{LogContext, RequestLabel, with_log_context};
use super::meter::Meter;
use super::obligation::InFlightRequest;
use super::part::Part;
use super::request::{DocumentFailure, RequestError};
use super::route::Outlet;
use super::trace::ExecutorCall;

/// A worker's place in its pod: what its results and errors are named after.
#[derive(Clone)]
pub(super) struct Station {
    /// The pod's name.
    pub(super) pod: Arc<str>,
    /// The name of this worker in `__results__`, as Jina writes it.
    pub(super) worker: Arc<str>,
    pub(super) meter: Arc<Meter>,
    /// How long one call may take, beside what the request may.
    pub(super) timeout_send: Option<Duration>,
    /// Which batches its pod forms, if it does.
    pub(super) rules: Option<Arc<Rules>>,
}

/// How a call ended.
pub(super) enum Ended {
    /// The executor returned.
    Returned(Result<Answer, ExecutorError>),
    /// The executor panicked, and may be in any state.
    Panicked(String),
}

impl Station {
    /// What lines of the log concern that a call for a request writes.
    pub(super) fn concern(&self, named: &Arc<RequestLabel>) -> LogContext {
        LogContext { request: Arc::clone(named), worker: Some(Arc::clone(&self.worker)) }
    }

    /// Why a part need not be worked on, if it need not.
    fn excuse(&self, request: &InFlightRequest) -> Option<RequestError> {
        let expired = request.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if expired || request.is_given_up() {
            let kind = if expired { ErrorKind::Expired } else { ErrorKind::Cancelled };
            let error = ExecutorError::new(kind, "the request was given up before it got here");
            return Some(RequestError::in_pod(&self.pod, error));
        }
        None
    }

    /// The part, when it is still worth working on; else with its excuse.
    #[expect(clippy::result_large_err, reason = "both are the part, and it goes on either way")]
    pub(super) fn worthwhile(&self, part: Part) -> Result<Part, Part> {
        match self.excuse(&part.request) {
            None => Ok(part),
            Some(excuse) => Err(Part { content: Content { error: Some(excuse), ..part.content }, ..part }),
        }
    }

    /// Takes the parts of a batch over from the queue: those that are worth working on, the others go on at once.
    pub(super) fn take(&self, Batch { first, others }: Batch, outlet: &Outlet) -> Vec<Part> {
        let mut parts = Vec::with_capacity(1 + others.len());
        for part in std::iter::once(first).chain(others) {
            self.meter.unqueued();
            match self.worthwhile(part) {
                Ok(part) => parts.push(part),
                Err(part) => outlet.take(part),
            }
        }
        self.formed(&parts);
        parts
    }

    /// Enters a batch in the books, at pods that form them.
    fn formed(&self, parts: &[Part]) {
        let batched = |part: &Part| self.rules.as_ref().is_some_and(|rules| rules.of(part).is_some());
        if parts.first().is_some_and(batched) {
            let documents = parts.iter().map(|part| part.content.documents.len()).sum();
            self.meter.batched(parts.len(), documents);
        }
    }

    /// Whether a call that began then has taken longer than it may.
    fn is_late(&self, started: Instant) -> bool {
        self.timeout_send.is_some_and(|timeout| started.elapsed() >= timeout)
    }

    fn late(&self, deadline: Option<Instant>) -> ExecutorError {
        let over = deadline.is_some_and(|deadline| deadline <= Instant::now());
        let timeout = self.timeout_send.unwrap_or_default().as_millis();
        let message = match over {
            true => "the deadline passed".to_owned(),
            false => format!("the call took longer than {timeout} ms (`timeout_send`)"),
        };
        ExecutorError::new(ErrorKind::Expired, message)
    }

    /// The call that an errand with that content asks for.
    pub(super) fn call<'a>(&self, errand: &'a Errand<'_>, content: &mut Content) -> Call<'a> {
        let own = self.timeout_send.and_then(|timeout| Instant::now().checked_add(timeout));
        let deadline = [errand.deadline, own].into_iter().flatten().min();
        Call::new(errand.endpoint, content.documents.take(), &errand.parameters)
            .with_request_id(&errand.named.id)
            .with_origins(std::mem::take(&mut content.origins))
            .with_deadline(deadline, errand.cancellation.clone())
            .with_bytes_max(errand.bytes_max)
    }

    /// What becomes of a part whose executor panicked before and could not be made anew.
    pub(super) fn gone(&self, reason: &str) -> Content {
        let message = format!("the executor panicked and cannot be made anew: {reason}");
        let error = ExecutorError::new(ErrorKind::Internal, message);
        Content::failed(RequestError::in_pod(&self.pod, error))
    }

    /// What a part has become, and the books of the call.
    pub(super) fn conclude(
        &self,
        request: &InFlightRequest,
        before: Content,
        ended: Ended,
        started: Instant,
    ) -> Content {
        let result = self.result(ended, request.deadline, started);
        let result = result.and_then(|answer| request.bounded(&answer.documents).map(|()| answer));
        self.called(&result, started);
        self.deliver(request, before, result, started)
    }

    /// What the parts of a batch have become, and the books of the call; the parts as they were when each is to be
    /// called by itself, because an error or an answer cannot be shared.
    pub(super) fn conclude_batch(
        &self,
        parts: Vec<Part>,
        ended: Ended,
        deadline: Option<Instant>,
        started: Instant,
    ) -> Result<Vec<Part>, Vec<Part>> {
        let result = self.result(ended, deadline, started);
        self.called(&result, started);
        let results: Vec<Result<Answer, ExecutorError>> =
            match result.map(|answer| tell_apart(&parts, answer)) {
                Ok(Told::Each(answers)) => answers.into_iter().map(Ok).collect(),
                // There is no time for more.
                Err(error) if matches!(error.kind(), ErrorKind::Expired | ErrorKind::Cancelled) => {
                    parts.iter().map(|_| Err(error.clone())).collect()
                }
                told => {
                    self.meter.parted();
                    if let (Ok(Told::Never), Some(rules), Some(part)) = (&told, &self.rules, parts.first()) {
                        rules.give_up(&part.request.endpoint);
                    }
                    return Err(parts);
                }
            };
        let deliver = |(part, result): (Part, _)| {
            let content = self.deliver(&part.request, part.content, result, started);
            Part { content, ..part }
        };
        Ok(parts.into_iter().zip(results).map(deliver).collect())
    }

    /// How a call ended, as a result.
    fn result(
        &self,
        ended: Ended,
        deadline: Option<Instant>,
        started: Instant,
    ) -> Result<Answer, ExecutorError> {
        match ended {
            Ended::Returned(Ok(_)) if self.is_late(started) => Err(self.late(deadline)),
            Ended::Returned(Err(error)) if error.kind() == ErrorKind::Expired && self.is_late(started) => {
                Err(self.late(deadline))
            }
            Ended::Returned(result) => result,
            Ended::Panicked(message) => {
                Err(ExecutorError::new(ErrorKind::Internal, format_args!("the executor panicked: {message}")))
            }
        }
    }

    /// Enters a call in the books.
    fn called(&self, result: &Result<Answer, ExecutorError>, started: Instant) {
        let failed_documents = result.as_ref().map_or(0, |answer| answer.failures.len());
        self.meter.called(started.elapsed(), result.is_err(), failed_documents);
    }

    /// What a call has made of a part.
    fn deliver(
        &self,
        request: &InFlightRequest,
        mut before: Content,
        result: Result<Answer, ExecutorError>,
        started: Instant,
    ) -> Content {
        if let Some(trace) = &request.trace {
            let took = started.elapsed();
            trace.called(|| ExecutorCall {
                pod: Arc::clone(&self.pod),
                worker: Arc::clone(&self.worker),
                documents: result.as_ref().map_or(0, |answer| answer.documents.len()),
                start: SystemTime::now() - took,
                took,
                error: result.as_ref().err().map(|error| error.message().to_owned()),
            });
        }
        match result {
            Err(error) => {
                with_log_context(self.concern(&request.named), || tracing::debug!(%error, "the call failed"));
                Content::failed(RequestError::in_pod(&self.pod, error))
            }
            Ok(answer) => {
                let failure = |failure| DocumentFailure { pod: Arc::clone(&self.pod), failure };
                before.documents = answer.documents;
                before.failures.extend(answer.failures.into_iter().map(failure));
                before.results.extend(answer.remote_results);
                if !answer.results.is_empty() {
                    before.results.insert(self.worker.to_string(), answer.results.into());
                }
                before
            }
        }
    }
}

/// One call, given up at the deadline, and when nobody waits for it any more.
pub(super) async fn in_time(executor: &dyn AsyncExecutor, call: &mut Call<'_>) -> Result<(), ExecutorError> {
    let (deadline, budget) = (call.deadline(), call.budget());
    let executing = async {
        let cancelled = std::pin::pin!(budget.cancellation().cancelled());
        match select(executor.execute(call), cancelled).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(ExecutorError::new(ErrorKind::Cancelled, "the request was given up")),
        }
    };
    match deadline {
        None => executing.await,
        Some(deadline) => {
            let expired = |_| ExecutorError::new(ErrorKind::Expired, "the deadline passed");
            tokio::time::timeout_at(deadline.into(), executing).await.map_err(expired)?
        }
    }
}

/// What a panic said.
pub(super) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
