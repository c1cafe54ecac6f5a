//! Requests of which some documents failed.
//!
//! Jina knows requests that fail, not documents that do. A request of which some documents went through is answered
//! with those, and the others are listed among the parameters, by id: `{"__failed__": {"ID": {"executor": …, "kind":
//! …, "message": …}}}`. A request of which no document went through has failed.

use flowrun_sdk::ErrorKind;
use serde_json::{Map, Value, json};

use super::wire::Status;
use crate::runtime::{DocumentFailure, Response};

/// The documents that failed, by id.
pub(super) fn failures(failures: &[DocumentFailure]) -> Map<String, Value> {
    let entry = |failure: &DocumentFailure| {
        let error = &failure.failure.error;
        let entry =
            json!({"executor": &*failure.pod, "kind": error.kind().code(), "message": error.message()});
        (failure.failure.id.clone(), entry)
    };
    failures.iter().map(entry).collect()
}

/// The failure of a request of which nothing went through: that of its first document.
pub(super) fn of_all(response: &Response) -> Option<&DocumentFailure> {
    response.failures.first().filter(|_| response.documents.is_empty())
}

/// How such a failure is told: the executor, its class, and how many more there are.
pub(super) fn status(failure: &DocumentFailure, count: usize, class: &str) -> (ErrorKind, Status) {
    let error = &failure.failure.error;
    let others = match count {
        1 => String::new(),
        count => format!(" (and {} more documents failed)", count - 1),
    };
    let message = format!("{}: {error}{others}", failure.failure.label);
    (error.kind(), Status::new(error.kind(), &message, Some(&failure.pod), class))
}
