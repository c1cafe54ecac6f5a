//! Turns the result of an executor call into content, and counts the call.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use flowrun_sdk::{Answer, ErrorKind, ExecutorError};

use super::batch_call::{SplitAnswer, split_answer};
use super::batcher::Batch;
use super::context::WorkerContext;
use super::running_calls::{CallTicket, GivenUp};
use crate::runtime::request::{
    Content, DocumentFailure, ExecutorCall, InFlightRequest, RequestError, with_log_context,
};
use crate::runtime::routing::Part;

/// End of an executor call.
pub(super) enum CallEnd {
    /// The executor returned.
    Returned(Result<Answer, ExecutorError>),
    /// The executor panicked with this message and may be in any state.
    Panicked(String),
}

impl WorkerContext {
    /// Ends the call of one request. Returns its part with the result, or `None` if the watchdog has taken the part. `end` is
    /// an error if the executor could not be restarted.
    pub(super) fn finish_single(
        &self,
        ticket: CallTicket<'_>,
        end: Result<CallEnd, String>,
        started: Instant,
    ) -> Option<Part> {
        let Some(Batch { first: part, .. }) = ticket.end() else {
            self.record_given_up(end.is_ok(), started);
            return None;
        };
        let content = match end {
            Ok(end) => self.finish_call(&part.request, part.content, end, started),
            Err(reason) => self.unavailable(&reason),
        };
        Some(Part { content, ..part })
    }

    /// Ends a batched call. Returns the parts with their results, or unchanged as `Err` when each is to be called
    /// separately; none if the watchdog has taken them.
    pub(super) fn finish_batch(
        &self,
        ticket: CallTicket<'_>,
        end: Result<CallEnd, String>,
        deadline: Option<Instant>,
        started: Instant,
    ) -> Result<Vec<Part>, Vec<Part>> {
        let Some(batch) = ticket.end() else {
            self.record_given_up(end.is_ok(), started);
            return Ok(Vec::new());
        };
        let parts = batch.into_parts().collect();
        match end {
            Ok(end) => self.finish_batch_call(parts, end, deadline, started),
            Err(_) => Err(parts),
        }
    }

    /// The parts of a call that still runs, each with the error of its request.
    pub(in crate::runtime) fn give_up(&self, batch: Batch, reason: GivenUp, started: Instant) -> Vec<Part> {
        let error = match reason {
            GivenUp::Late => self.expired(None),
            GivenUp::Ended(kind) => {
                ExecutorError::new(kind, "the request expired or was cancelled during this call")
            }
        };
        let give_up = |part: Part| {
            let content = self.content(&part.request, part.content, Err(error.clone()), started);
            Part { content, ..part }
        };
        batch.into_parts().map(give_up).collect()
    }

    /// Counts the end of a call whose parts were taken: it has failed.
    fn record_given_up(&self, was_called: bool, started: Instant) {
        if was_called {
            self.metrics.record_call_end(started.elapsed(), true, 0);
        }
    }

    /// Content of a part whose executor panicked earlier and could not be restarted.
    fn unavailable(&self, reason: &str) -> Content {
        let message = format!("the executor panicked and cannot be restarted: {reason}");
        let error = ExecutorError::new(ErrorKind::Internal, message);
        Content::failed(RequestError::in_pod(&self.pod, error))
    }

    /// Content of a part after its call. `before` is its content without the documents.
    fn finish_call(
        &self,
        request: &InFlightRequest,
        before: Content,
        end: CallEnd,
        started: Instant,
    ) -> Content {
        let result = self.result(end, request.input.deadline, started);
        let result = result.and_then(|answer| request.check_size(&answer.documents).map(|()| answer));
        self.record_call(&result, started);
        self.content(request, before, result, started)
    }

    /// The parts of a batch after their call. Returns them unchanged as `Err` when each is to be called separately,
    /// because the call failed or its answer cannot be split.
    fn finish_batch_call(
        &self,
        parts: Vec<Part>,
        end: CallEnd,
        deadline: Option<Instant>,
        started: Instant,
    ) -> Result<Vec<Part>, Vec<Part>> {
        let result = self.result(end, deadline, started);
        self.record_call(&result, started);
        let results: Vec<Result<Answer, ExecutorError>> =
            match result.map(|answer| split_answer(&parts, answer)) {
                Ok(SplitAnswer::PerPart(answers)) => answers.into_iter().map(Ok).collect(),
                // No time is left for separate calls.
                Err(error) if matches!(error.kind(), ErrorKind::Expired | ErrorKind::Cancelled) => {
                    parts.iter().map(|_| Err(error.clone())).collect()
                }
                split => {
                    self.metrics.record_split_batch();
                    if let (Ok(SplitAnswer::NeverBatch), Some(policy), Some(part)) =
                        (&split, &self.batch_policy, parts.first())
                    {
                        policy.disable(&part.request.input.endpoint);
                    }
                    return Err(parts);
                }
            };
        let finish = |(part, result): (Part, _)| {
            let content = self.content(&part.request, part.content, result, started);
            Part { content, ..part }
        };
        Ok(parts.into_iter().zip(results).map(finish).collect())
    }

    /// The result of a call: a panic is an internal error, and a call that took too long has expired.
    fn result(
        &self,
        end: CallEnd,
        deadline: Option<Instant>,
        started: Instant,
    ) -> Result<Answer, ExecutorError> {
        match end {
            CallEnd::Returned(Ok(_)) if self.is_late(started) => Err(self.expired(deadline)),
            CallEnd::Returned(Err(error)) if error.kind() == ErrorKind::Expired && self.is_late(started) => {
                Err(self.expired(deadline))
            }
            CallEnd::Returned(result) => result,
            CallEnd::Panicked(message) => {
                Err(ExecutorError::new(ErrorKind::Internal, format_args!("the executor panicked: {message}")))
            }
        }
    }

    /// Returns `true` when a call that started then exceeds `timeout_send`.
    fn is_late(&self, started: Instant) -> bool {
        self.timeout_send.is_some_and(|timeout| started.elapsed() >= timeout)
    }

    /// The error of a call that took too long: the request's deadline, or else `timeout_send`.
    fn expired(&self, deadline: Option<Instant>) -> ExecutorError {
        let deadline_passed = deadline.is_some_and(|deadline| deadline <= Instant::now());
        let timeout = self.timeout_send.unwrap_or_default().as_millis();
        let message = match deadline_passed {
            true => "the deadline passed".to_owned(),
            false => format!("the call took longer than {timeout} ms (`timeout_send`)"),
        };
        ExecutorError::new(ErrorKind::Expired, message)
    }

    fn record_call(&self, result: &Result<Answer, ExecutorError>, started: Instant) {
        let failed_documents = result.as_ref().map_or(0, |answer| answer.failures.len());
        self.metrics.record_call_end(started.elapsed(), result.is_err(), failed_documents);
    }

    /// Adds a call's answer to the content of its part, and records the call in the request's trace.
    fn content(
        &self,
        request: &InFlightRequest,
        mut before: Content,
        result: Result<Answer, ExecutorError>,
        started: Instant,
    ) -> Content {
        if let Some(trace) = &request.trace {
            let took = started.elapsed();
            trace.record_call(|| ExecutorCall {
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
                let context = self.log_context(&request.input.label);
                with_log_context(context, || tracing::debug!(%error, "the call failed"));
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
