//! Requests, responses and errors: the input and output of a flow.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{
    DocumentSink, Documents, ErrorKind, ExecutorError, FailedDocument, Origin, RequestParameters,
};
use serde_json::{Map, Value};

use super::target::TargetPattern;
use super::trace::RequestTrace;

/// A request to a flow.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Identifies the request in log lines; may be empty and need not be unique.
    pub id: String,
    /// The endpoint, for example `/index`.
    pub endpoint: String,
    /// The documents that enter the flow.
    pub documents: Documents,
    /// Executors that the documents came from, as a join with `no_reduce` before this flow recorded them.
    pub origins: Vec<Origin>,
    /// Parameters for all executors, or for one by `NAME__key` or `NAME: {key: value}`.
    pub parameters: RequestParameters,
    /// Latest time of the outcome. The flow's own `timeout` applies as well; the earlier of the two wins.
    pub deadline: Option<Instant>,
    /// Executors that handle the request; `None` for all. Documents skip the remaining executors.
    pub target: Option<TargetPattern>,
    /// Records the pods that the request visits; `None` records nothing.
    pub trace: Option<Arc<RequestTrace>>,
    /// Span of which the calls of other services are part, as the value of `traceparent`; `None` for none.
    pub trace_parent: Option<Arc<str>>,
    /// Receives documents that the last executor returns before its call ends; they are not part of the response. `None`
    /// collects them.
    pub sink: Option<Arc<dyn DocumentSink>>,
}

/// The end of a request. Every accepted request has exactly one.
#[derive(Debug)]
pub enum Outcome {
    /// All executors returned; single documents may have failed.
    Reply(Response),
    /// The request failed as a whole.
    Failed(RequestError),
}

/// The reply to a request.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The documents as they leave the flow.
    pub documents: Documents,
    /// Documents that failed on their own and left the request.
    pub failures: Vec<DocumentFailure>,
    /// Results of executors that belong to no document, by worker name: `indexer/shard-0/rep-0`. At a pod that is polled
    /// `RELEVANT`, also the number of shards that the request visited, by executor name.
    pub results: Map<String, Value>,
}

/// A document that failed on its own; the rest of its request continued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentFailure {
    /// The pod in which it failed.
    pub pod: Arc<str>,
    /// The document and the cause.
    pub failure: FailedDocument,
}

impl fmt::Display for DocumentFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (in `{}`)", self.failure.label, self.failure.error, self.pod)
    }
}

/// The error of a request that failed as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// The pod in which it failed; `None` for failures outside of pods, such as a full flow.
    pub pod: Option<Arc<str>>,
    /// The cause.
    pub error: ExecutorError,
}

impl RequestError {
    /// A failure in the pod with this name.
    pub(in crate::runtime) fn in_pod(pod: &Arc<str>, error: ExecutorError) -> Self {
        Self { pod: Some(Arc::clone(pod)), error }
    }

    /// A failure outside of pods.
    pub(in crate::runtime) fn outside_pods(kind: ErrorKind, message: &str) -> Self {
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
