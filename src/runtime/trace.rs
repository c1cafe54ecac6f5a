//! What one request saw on its way: when it came to each pod and left it, and the calls of executors for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

/// What one request saw on its way, for whoever asked for it by handing in a trace with the request.
#[derive(Debug, Default)]
pub struct RequestTrace {
    visits: Mutex<Vec<PodVisit>>,
    /// Kept only for those who want them.
    calls: Option<Mutex<Vec<ExecutorCall>>>,
}

/// A request's stay at one pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodVisit {
    /// The pod, by its position in the topology.
    pub pod: usize,
    /// When the request, or the first part of it, came.
    pub start: SystemTime,
    /// When all of it went on; `None` when the pod was not meant, or the request ended there.
    pub end: Option<SystemTime>,
}

/// A call of an executor for a part of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorCall {
    /// The pod's name.
    pub pod: Arc<str>,
    /// The worker, as results name it: `indexer/shard-0/rep-0`.
    pub worker: Arc<str>,
    /// How many documents came out.
    pub documents: usize,
    /// When it began.
    pub start: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

impl RequestTrace {
    /// A trace that also keeps the calls of executors.
    #[must_use]
    pub fn with_calls() -> Self {
        Self { visits: Mutex::default(), calls: Some(Mutex::default()) }
    }

    /// The stays so far, in the order in which they began.
    pub fn visits(&self) -> Vec<PodVisit> {
        self.visits.lock().clone()
    }

    /// The calls that ended so far, in the order in which they ended; none unless they are kept.
    pub fn calls(&self) -> Vec<ExecutorCall> {
        self.calls.as_ref().map(|calls| calls.lock().clone()).unwrap_or_default()
    }

    /// The request comes to a pod.
    pub(super) fn begin(&self, pod: usize) {
        self.visits.lock().push(PodVisit { pod, start: SystemTime::now(), end: None });
    }

    /// The request goes on from a pod.
    pub(super) fn end(&self, pod: usize) {
        if let Some(visit) = self.visits.lock().iter_mut().rev().find(|visit| visit.pod == pod) {
            visit.end = Some(SystemTime::now());
        }
    }

    /// A call ended; what is to be kept of it is made only if it is kept.
    pub(super) fn called(&self, call: impl FnOnce() -> ExecutorCall) {
        if let Some(calls) = &self.calls {
            calls.lock().push(call());
        }
    }
}
