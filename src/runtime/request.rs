//! What goes into a flow and what comes out of it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{Documents, ErrorKind, ExecutorError, FailedDocument, RequestParameters};
use serde_json::{Map, Value};

use super::target::TargetPattern;
use super::trace::RequestTrace;

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Names it in logs.
    pub id: String,
    /// The path, for example `/index`.
    pub endpoint: String,
    /// Its documents.
    pub documents: Documents,
    /// Its parameters.
    pub parameters: RequestParameters,
    /// When it has to be answered; the flow's own timeout holds as well.
    pub deadline: Option<Instant>,
    /// The executors that are meant; all of them when absent.
    pub target: Option<TargetPattern>,
    /// Where its way is written down, if anyone wants to know.
    pub trace: Option<Arc<RequestTrace>>,
}

/// How a request ended. Every accepted request ends in exactly one of these.
#[derive(Debug)]
pub enum Outcome {
    /// It went through.
    Reply(Response),
    /// It did not.
    Failed(RequestError),
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The documents as the flow left them.
    pub documents: Documents,
    /// The documents that failed alone.
    pub failures: Vec<DocumentFailure>,
    /// What executors had to say beside documents, by worker: `indexer/shard-0/rep-0`.
    pub results: Map<String, Value>,
}

/// A document that failed while its request went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentFailure {
    /// The pod in which it failed.
    pub pod: Arc<str>,
    /// Which one, and why.
    pub failure: FailedDocument,
}

impl fmt::Display for DocumentFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (in `{}`)", self.failure.label, self.failure.error, self.pod)
    }
}

/// Why a whole request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// The pod in which it failed; none for failures between pods.
    pub pod: Option<Arc<str>>,
    /// The cause.
    pub error: ExecutorError,
}

impl RequestError {
    pub(super) fn in_pod(pod: &Arc<str>, error: ExecutorError) -> Self {
        Self { pod: Some(Arc::clone(pod)), error }
    }

    pub(super) fn of_kind(kind: ErrorKind, message: &str) -> Self {
        Self { pod: None, error: ExecutorError::new(kind, message) }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pod {
            Some(pod) => write!(f, "{} (in `{pod}`)", self.error),
            None => write!(f, "{}", self.error),
        }
    }
}

impl std::error::Error for RequestError {}
