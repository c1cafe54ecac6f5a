//! A record of one request's path: its visits to pods and the executor calls made for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

/// Records the path of a request. A caller passes it in with the request and reads it after the outcome.
#[derive(Debug, Default)]
pub struct RequestTrace {
    visits: Mutex<Vec<PodVisit>>,
    /// `None` unless executor calls are recorded too.
    calls: Option<Mutex<Vec<ExecutorCall>>>,
}

/// One visit of a request to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodVisit {
    /// Position of the pod in the topology.
    pub pod: usize,
    /// Arrival of the request, or of its first part.
    pub start: SystemTime,
    /// Departure of the whole request; `None` when the pod was not addressed or the request ended there.
    pub end: Option<SystemTime>,
}

/// One executor call for a part of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorCall {
    /// The pod's name.
    pub pod: Arc<str>,
    /// The worker's name as in results: `indexer/shard-0/rep-0`.
    pub worker: Arc<str>,
    /// Number of documents returned.
    pub documents: usize,
    /// Start of the call.
    pub start: SystemTime,
    /// Duration of the call.
    pub took: Duration,
    /// Error message of a failed call.
    pub error: Option<String>,
}

impl RequestTrace {
    /// A trace that records executor calls in addition to visits.
    #[must_use]
    pub fn with_calls() -> Self {
        Self { visits: Mutex::default(), calls: Some(Mutex::default()) }
    }

    /// The visits so far, in order of their start.
    pub fn visits(&self) -> Vec<PodVisit> {
        self.visits.lock().clone()
    }

    /// The finished calls, in order of their end; empty unless created by [`Self::with_calls`].
    pub fn calls(&self) -> Vec<ExecutorCall> {
        self.calls.as_ref().map(|calls| calls.lock().clone()).unwrap_or_default()
    }

    /// Records the arrival at a pod.
    pub(in crate::runtime) fn start_visit(&self, pod: usize) {
        self.visits.lock().push(PodVisit { pod, start: SystemTime::now(), end: None });
    }

    /// Records the departure from a pod.
    pub(in crate::runtime) fn end_visit(&self, pod: usize) {
        if let Some(visit) = self.visits.lock().iter_mut().rev().find(|visit| visit.pod == pod) {
            visit.end = Some(SystemTime::now());
        }
    }

    /// Records a finished call. `call` is evaluated only if calls are recorded.
    pub(in crate::runtime) fn record_call(&self, call: impl FnOnce() -> ExecutorCall) {
        if let Some(calls) = &self.calls {
            calls.lock().push(call());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_departure_ends_the_last_visit_to_its_pod() {
        let trace = RequestTrace::default();
        [0, 1].into_iter().for_each(|pod| trace.start_visit(pod));
        trace.end_visit(1);
        trace.record_call(|| unreachable!("this trace records no calls"));
        let ended: Vec<bool> = trace.visits().iter().map(|visit| visit.end.is_some()).collect();
        assert_eq!((ended, trace.calls()), (vec![false, true], vec![]));
    }
}
