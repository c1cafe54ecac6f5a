//! The outcome of a call.

use serde_json::{Map, Value};

use crate::{Document, Documents, ExecutorError};

/// The outcome of a successful call.
#[derive(Debug, Default)]
pub struct Answer {
    /// Documents for the next pod.
    pub documents: Documents,
    /// Documents that failed while the rest of the call succeeded.
    pub failures: Vec<FailedDocument>,
    /// Results besides documents; clients receive them as `__results__`, under the name of the executor.
    pub results: Map<String, Value>,
    /// Results of remote executors that this executor called; clients receive them under the names that the remote
    /// executors have in their own flow.
    pub remote_results: Map<String, Value>,
}

/// A document that failed while the rest of its request succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedDocument {
    /// Id of the document, one of the roots of the request.
    pub id: String,
    /// Name of the document in messages: its URI, or its id if it has none. See [`Document::label`].
    pub label: String,
    /// The cause.
    pub error: ExecutorError,
}

impl FailedDocument {
    pub(crate) fn new(document: &Document, error: ExecutorError) -> Self {
        Self { id: document.id.clone(), label: document.label().to_owned(), error }
    }
}
