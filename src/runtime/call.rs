//! One call of an executor for one part: what goes in, what comes out, and what may go wrong.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use flowrun_sdk::{Answer, AsyncExecutor, Call, ErrorKind, ExecutorError, RequestParameters};
use futures_util::future::{Either, select};

use super::concern::{Concern, within};
use super::content::Content;
use super::meter::Meter;
use super::obligation::Obligation;
use super::request::{DocumentFailure, RequestError};
use super::trace::PodCall;

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
    pub(super) fn concern(&self, obligation: &Obligation) -> Concern {
        Concern { request: Arc::clone(&obligation.named), worker: Some(Arc::clone(&self.worker)) }
    }

    /// Why a part need not be worked on, if it need not.
    pub(super) fn excuse(&self, obligation: &Obligation) -> Option<RequestError> {
        let expired = obligation.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if expired || obligation.is_given_up() {
            let kind = if expired { ErrorKind::Expired } else { ErrorKind::Cancelled };
            let error = ExecutorError::new(kind, "the request was given up before it got here");
            return Some(RequestError::in_pod(&self.pod, error));
        }
        None
    }

    /// Whether a call that began then has taken longer than it may.
    fn is_late(&self, started: Instant) -> bool {
        self.timeout_send.is_some_and(|timeout| started.elapsed() >= timeout)
    }

    fn late(&self, obligation: &Obligation) -> ExecutorError {
        let over = obligation.deadline.is_some_and(|deadline| deadline <= Instant::now());
        let timeout = self.timeout_send.unwrap_or_default().as_millis();
        let message = match over {
            true => "the deadline passed".to_owned(),
            false => format!("the call took longer than {timeout} ms (`timeout_send`)"),
        };
        ExecutorError::new(ErrorKind::Expired, message)
    }

    /// The call that a part asks for.
    pub(super) fn call<'a>(
        &self,
        obligation: &'a Obligation,
        parameters: &'a RequestParameters,
        content: &mut Content,
    ) -> Call<'a> {
        let own = self.timeout_send.and_then(|timeout| Instant::now().checked_add(timeout));
        let deadline = [obligation.deadline, own].into_iter().flatten().min();
        Call::new(&obligation.endpoint, content.documents.take(), parameters)
            .named(&obligation.named.id)
            .from_origins(std::mem::take(&mut content.origins))
            .until(deadline, obligation.cancellation.clone())
            .within(obligation.request_bytes_max)
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
        obligation: &Obligation,
        mut before: Content,
        ended: Ended,
        started: Instant,
    ) -> Content {
        let result = match ended {
            Ended::Returned(Ok(_)) if self.is_late(started) => Err(self.late(obligation)),
            Ended::Returned(Err(error)) if error.kind() == ErrorKind::Expired && self.is_late(started) => {
                Err(self.late(obligation))
            }
            Ended::Returned(Ok(answer)) => obligation.bounded(&answer.documents).map(|()| answer),
            Ended::Returned(Err(error)) => Err(error),
            Ended::Panicked(message) => {
                Err(ExecutorError::new(ErrorKind::Internal, format_args!("the executor panicked: {message}")))
            }
        };
        let failed_documents = result.as_ref().map_or(0, |answer| answer.failures.len());
        let took = started.elapsed();
        self.meter.called(took, result.is_err(), failed_documents);
        if let Some(trace) = &obligation.trace {
            trace.called(|| PodCall {
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
                within(self.concern(obligation), || tracing::debug!(%error, "the call failed"));
                Content::failed(RequestError::in_pod(&self.pod, error))
            }
            Ok(answer) => {
                let failure = |failure| DocumentFailure { pod: Arc::clone(&self.pod), failure };
                before.documents = answer.documents;
                before.failures.extend(answer.failures.into_iter().map(failure));
                before.results.extend(answer.relayed);
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
    let (deadline, allowance) = (call.deadline(), call.allowance());
    let executing = async {
        let cancelled = std::pin::pin!(allowance.cancellation().cancelled());
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
