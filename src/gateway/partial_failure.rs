//! Requests whose documents failed in part.
//!
//! In Jina only whole requests fail. If some documents of a request succeed, the reply holds those, and
//! lists the failed ones in its parameters by id: `{"__failed__": {"ID": {"executor": …, "kind": …, "message": …}}}`.
//! If none succeeds, the request has failed.

use flowrun_sdk::ErrorKind;
use serde_json::{Map, Value, json};

use super::error_text::shorten;
use super::status::Status;
use crate::runtime::{DocumentFailure, Response};

/// Value of `__failed__`: the failed documents, by id.
pub(super) fn failed_documents(failures: &[DocumentFailure]) -> Map<String, Value> {
    let entry = |failure: &DocumentFailure| {
        let error = &failure.failure.error;
        let entry = json!({"executor": &*failure.pod, "kind": error.kind().code(), "message": &*shorten(error.message())});
        (failure.failure.id.clone(), entry)
    };
    failures.iter().map(entry).collect()
}

/// First failure of a response in which no document succeeded.
pub(super) fn total_failure(response: &Response) -> Option<&DocumentFailure> {
    response.failures.first().filter(|_| response.documents.is_empty())
}

/// Kind and status of a request in which all `count` documents failed, the first with `failure` in an executor of
/// `class`.
pub(super) fn total_failure_status(
    failure: &DocumentFailure,
    count: usize,
    class: &str,
) -> (ErrorKind, Status) {
    let error = &failure.failure.error;
    let more = match count {
        1 => String::new(),
        count => format!(" (and {} more documents failed)", count - 1),
    };
    let message = format!("{}: {error}{more}", failure.failure.label);
    (error.kind(), Status::new(error.kind(), &message, Some(&failure.pod), class))
}
