//! When a request came to each pod, and when it left.

use std::time::SystemTime;

use parking_lot::Mutex;

/// What one request saw on its way, for whoever asked for it by handing in a trace with the request.
#[derive(Debug, Default)]
pub struct Trace(Mutex<Vec<Visit>>);

/// A request's stay at one pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The pod, by its position in the topology.
    pub pod: usize,
    /// When the request, or the first part of it, came.
    pub start: SystemTime,
    /// When all of it went on; `None` when the pod was not meant, or the request ended there.
    pub end: Option<SystemTime>,
}

impl Trace {
    /// The stays so far, in the order in which they began.
    pub fn visits(&self) -> Vec<Visit> {
        self.0.lock().clone()
    }

    /// The request comes to a pod.
    pub(super) fn begin(&self, pod: usize) {
        self.0.lock().push(Visit { pod, start: SystemTime::now(), end: None });
    }

    /// The request goes on from a pod.
    pub(super) fn end(&self, pod: usize) {
        if let Some(visit) = self.0.lock().iter_mut().rev().find(|visit| visit.pod == pod) {
            visit.end = Some(SystemTime::now());
        }
    }
}
