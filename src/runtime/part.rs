//! What travels from pod to pod: a part of a request.

use std::sync::Arc;

use flowrun_sdk::Documents;
use serde_json::{Map, Value};

use super::obligation::Obligation;
use super::request::{DocumentFailure, RequestError};
use super::split::Seat;

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

/// A part on its way to a worker.
pub(super) struct Part {
    pub(super) obligation: Arc<Obligation>,
    pub(super) content: Content,
    /// Its seat among the parts that other shards have, if the request was split.
    pub(super) seat: Option<Seat>,
}
