//! What travels from pod to pod: documents, and what was said about them on the way.

use flowrun_sdk::Documents;
use serde_json::{Map, Value};

use super::request::{DocumentFailure, RequestError};

/// What a part carries.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) documents: Documents,
    pub(super) failures: Vec<DocumentFailure>,
    pub(super) results: Map<String, Value>,
    /// An error is a message like any other: it skips the executors behind it and is counted at joins.
    pub(super) error: Option<RequestError>,
}

impl Content {
    pub(super) fn of(documents: Documents) -> Self {
        Self { documents, ..Self::default() }
    }

    pub(super) fn failed(error: RequestError) -> Self {
        Self { error: Some(error), ..Self::default() }
    }
}
