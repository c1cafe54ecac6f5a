//! What an executor is called for: one request, or several at once; and what it answered, told apart again.
//!
//! Several share the time of the one that has most of it left, the sign of cancellation that all of them have given,
//! and the bytes that they may hold together. That is why nobody is left with the answer of a call that used more than
//! one's own: then each is called by itself (see `Told::Apart`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{Answer, Cancellation, ErrorKind, RequestParameters};

use super::content::Content;
use super::log_context::RequestLabel;
use super::obligation::InFlightRequest;
use super::part::Part;

/// What a call is for.
pub(super) struct Errand<'a> {
    pub(super) endpoint: &'a str,
    pub(super) named: Arc<RequestLabel>,
    pub(super) parameters: Cow<'a, RequestParameters>,
    pub(super) deadline: Option<Instant>,
    pub(super) cancellation: Cancellation,
    pub(super) bytes_max: usize,
}

impl<'a> Errand<'a> {
    /// The errand of one request at the executor of that name.
    pub(super) fn of(request: &'a InFlightRequest, executor: &str) -> Self {
        Self {
            endpoint: &request.endpoint,
            named: Arc::clone(&request.named),
            parameters: request.parameters_for(executor),
            deadline: request.deadline,
            cancellation: request.cancellation.clone(),
            bytes_max: request.request_bytes_max,
        }
    }

    /// The errand of `first` and of `others`, which ask for the same.
    pub(super) fn of_all(first: &'a Part, others: &[Part], executor: &str) -> Self {
        let obligations = || std::iter::once(first).chain(others).map(|part| &part.request);
        let deadlines: Option<Vec<Instant>> = obligations().map(|one| one.deadline).collect();
        let one = Self::of(&first.request, executor);
        let name = format!("{} and {} more", one.named.id, others.len());
        Self {
            named: RequestLabel::new(&name, one.endpoint),
            deadline: deadlines.and_then(|deadlines| deadlines.into_iter().max()),
            cancellation: Cancellation::when_all(obligations().map(|one| one.cancellation.clone()).collect()),
            bytes_max: obligations().fold(0, |sum, one| sum.saturating_add(one.request_bytes_max)),
            ..one
        }
    }
}

/// The documents of several parts, one behind the other. The parts keep theirs, in case they are called apart.
pub(super) fn content(parts: &[Part]) -> Content {
    Content::of(parts.iter().flat_map(|part| part.content.documents.iter().cloned()).collect())
}

/// An answer told apart.
pub(super) enum Told {
    /// The answer of each part.
    Each(Vec<Answer>),
    /// The parts cannot share this call, and are to be called by themselves.
    Apart,
    /// Nor can those of any other.
    Never,
}

/// Tells apart what an executor made of the documents of several parts, of which no two have an id in common.
///
/// A document goes to the part with its id, a new one to the part with its parent's. What executors say beside the
/// documents, and documents of which nobody knows whose they are, belong to nobody.
pub(super) fn tell_apart(parts: &[Part], answer: Answer) -> Told {
    if !answer.results.is_empty() || !answer.remote_results.is_empty() {
        return Told::Never;
    }
    let mut owners: HashMap<&str, usize> = HashMap::new();
    for (position, part) in parts.iter().enumerate() {
        owners.extend(part.content.documents.iter().map(|document| (document.id.as_str(), position)));
    }
    let mut answers: Vec<(Vec<_>, Vec<_>)> = parts.iter().map(|_| (Vec::new(), Vec::new())).collect();
    for document in answer.documents {
        let owner = owners.get(document.id.as_str()).or_else(|| owners.get(document.parent_id.as_str()));
        let Some((documents, _)) = owner.and_then(|owner| answers.get_mut(*owner)) else {
            return Told::Never;
        };
        documents.push(document);
    }
    for failure in answer.failures {
        // Somebody else may have used up what it lacked.
        if failure.error.kind() == ErrorKind::Resource {
            return Told::Apart;
        }
        let owner = owners.get(failure.id.as_str());
        let Some((_, failures)) = owner.and_then(|owner| answers.get_mut(*owner)) else { return Told::Never };
        failures.push(failure);
    }
    let answer = |(documents, failures): (Vec<_>, _)| Answer {
        documents: documents.into(),
        failures,
        ..Answer::default()
    };
    let answers: Vec<Answer> = answers.into_iter().map(answer).collect();
    let bounded = |(part, answer): (&Part, &Answer)| part.request.bounded(&answer.documents).is_ok();
    if parts.iter().zip(&answers).all(bounded) { Told::Each(answers) } else { Told::Apart }
}
