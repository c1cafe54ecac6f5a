//! What a call leaves behind: documents that go on, and documents that failed alone.

use serde_json::{Map, Value};

use crate::{Document, Documents, ExecutorError};

/// What a call leaves behind.
#[derive(Debug, Default)]
pub struct Answer {
    /// The documents that go on to the next pod.
    pub documents: Documents,
    /// The documents that failed alone.
    pub failures: Vec<FailedDocument>,
    /// What the executor has to say beside its documents; a client finds it under `__results__`.
    pub results: Map<String, Value>,
    /// What executors elsewhere had to say that this one called: it goes on under the names that it came with.
    pub remote_results: Map<String, Value>,
}

/// A document that failed alone, while the rest of its request went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedDocument {
    /// The id of the document, one of the roots of the request.
    pub id: String,
    /// What to call it in a message for people: its URI, or else its id.
    pub label: String,
    /// Why.
    pub error: ExecutorError,
}

impl FailedDocument {
    pub(crate) fn new(document: &Document, error: ExecutorError) -> Self {
        Self { id: document.id.clone(), label: document.label().to_owned(), error }
    }
}
