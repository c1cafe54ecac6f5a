//! Builds one executor call from one or more requests, and splits its answer again.
//!
//! A batched call has the latest deadline (none if a request has none), the combined byte budget and a joint cancellation
//! (cancelled once every request is) of its requests. An answer that exceeds the budget of a single request is therefore
//! never delivered: the requests are called again one by one ([`SplitAnswer::CallSeparately`]).
//!
//! Batches are formed in [`batcher`](super::batcher); this module knows neither queues nor time.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{Answer, Cancellation, DocumentSink, ErrorKind, RequestParameters};

use crate::runtime::request::{Content, ExecutorNames, RequestInput, RequestLabel};
use crate::runtime::routing::Part;

/// Input of one executor call, except the documents.
pub(super) struct CallSpec<'a> {
    pub(super) endpoint: &'a str,
    /// Id and endpoint as log lines show them.
    pub(super) label: Arc<RequestLabel>,
    /// Parameters that this executor receives.
    pub(super) parameters: Cow<'a, RequestParameters>,
    /// Span of which the call is part, as the value of `traceparent`: that of the request, or of the first one of a batch.
    pub(super) trace_parent: Option<Arc<str>>,
    /// Time at which the request or batch expires; `None` for no limit.
    pub(super) deadline: Option<Instant>,
    pub(super) cancellation: Cancellation,
    /// Bytes that the documents may occupy when the call returns.
    pub(super) bytes_max: usize,
    /// Receives documents that the executor returns before the call ends.
    pub(super) sink: Option<Arc<dyn DocumentSink>>,
}

impl<'a> CallSpec<'a> {
    /// Input of a call of `executor` for one request.
    pub(super) fn for_request(request: &'a RequestInput, executor: &ExecutorNames) -> Self {
        Self {
            endpoint: &request.endpoint,
            label: Arc::clone(&request.label),
            parameters: request.parameters_for(executor),
            trace_parent: request.trace_parent.clone(),
            deadline: request.deadline,
            cancellation: request.cancellation.clone(),
            bytes_max: request.request_bytes_max,
            sink: None,
        }
    }

    /// Input of a batched call for `first` and `others`, which have the same endpoint and parameters.
    pub(super) fn for_batch(
        first: &'a RequestInput,
        others: &[Arc<RequestInput>],
        executor: &ExecutorNames,
    ) -> Self {
        let requests = || std::iter::once(first).chain(others.iter().map(|request| &**request));
        let deadlines: Option<Vec<Instant>> = requests().map(|request| request.deadline).collect();
        let cancellations = requests().map(|request| request.cancellation.clone()).collect();
        let single = Self::for_request(first, executor);
        let id = format!("{} and {} more", single.label.id, others.len());
        Self {
            label: RequestLabel::new(&id, single.endpoint),
            deadline: deadlines.and_then(|deadlines| deadlines.into_iter().max()),
            cancellation: Cancellation::when_all(cancellations),
            bytes_max: requests().fold(0, |sum, request| sum.saturating_add(request.request_bytes_max)),
            ..single
        }
    }
}

/// The inputs of the requests of all parts, in the order of the parts.
pub(super) fn request_inputs(parts: &[Part]) -> Vec<Arc<RequestInput>> {
    parts.iter().map(|part| Arc::clone(&part.request.input)).collect()
}

/// The documents of all parts, in the order of the parts. The parts keep theirs, in case they are called separately.
pub(super) fn combined_content(parts: &[Part]) -> Content {
    Content::new(parts.iter().flat_map(|part| part.content.documents.iter().cloned()).collect())
}

/// The answer of a batched call, split by request.
pub(super) enum SplitAnswer {
    /// One answer per part, in the order of the parts.
    PerPart(Vec<Answer>),
    /// This batch cannot be split, for example because one part exceeded its budget: call each part separately.
    CallSeparately,
    /// Answers of this executor cannot be split, because it returns results that belong to no document, or documents of
    /// unknown origin: stop batching at this endpoint.
    NeverBatch,
}

/// Splits the answer of a batched call. Document ids are unique across `parts`.
///
/// A document belongs to the part that sent its id, a new document to the part that sent its parent. An answer with
/// results that belong to no document, or with a document of unknown origin, cannot be split.
pub(super) fn split_answer(parts: &[Part], answer: Answer) -> SplitAnswer {
    if !answer.results.is_empty() || !answer.remote_results.is_empty() {
        return SplitAnswer::NeverBatch;
    }
    let mut owners: HashMap<&str, usize> = HashMap::new();
    for (position, part) in parts.iter().enumerate() {
        owners.extend(part.content.documents.iter().map(|document| (document.id.as_str(), position)));
    }
    let mut answers: Vec<(Vec<_>, Vec<_>)> = parts.iter().map(|_| (Vec::new(), Vec::new())).collect();
    for document in answer.documents {
        let owner = owners.get(document.id.as_str()).or_else(|| owners.get(document.parent_id.as_str()));
        let Some((documents, _)) = owner.and_then(|owner| answers.get_mut(*owner)) else {
            return SplitAnswer::NeverBatch;
        };
        documents.push(document);
    }
    for failure in answer.failures {
        // Another request of the batch may have used up the budget.
        if failure.error.kind() == ErrorKind::Resource {
            return SplitAnswer::CallSeparately;
        }
        let owner = owners.get(failure.id.as_str());
        let Some((_, failures)) = owner.and_then(|owner| answers.get_mut(*owner)) else {
            return SplitAnswer::NeverBatch;
        };
        failures.push(failure);
    }
    let answer = |(documents, failures): (Vec<_>, _)| Answer {
        documents: documents.into(),
        failures,
        ..Answer::default()
    };
    let answers: Vec<Answer> = answers.into_iter().map(answer).collect();
    let is_in_budget = |(part, answer): (&Part, &Answer)| part.request.check_size(&answer.documents).is_ok();
    match parts.iter().zip(&answers).all(is_in_budget) {
        true => SplitAnswer::PerPart(answers),
        false => SplitAnswer::CallSeparately,
    }
}
