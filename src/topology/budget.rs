//! Limits derived from the machine and the graph: threads per worker, and the memory of requests.

use serde::{Deserialize, Serialize};

use super::{InputPort, PodPlan};
use crate::limits::REQUEST_BYTES_MAX;

/// The machine that a topology is planned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Number of logical processors.
    pub cores: usize,
}

impl Machine {
    /// The machine that this process runs on, as limited by affinity and cgroups.
    #[must_use]
    pub fn local() -> Self {
        Self { cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get) }
    }

    /// Threads that each of `workers` workers may keep busy: an equal share of the cores, at least one.
    pub(super) fn threads_per_worker(self, workers: usize) -> usize {
        (self.cores / workers.max(1)).max(1)
    }
}

/// Upper bound of the memory that the documents of requests occupy inside the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryBound {
    /// Requests inside at once.
    pub requests: usize,
    /// Copies of a request's documents that are changed independently: one per parallel branch, times one per shard of
    /// the pod with the most shards.
    pub copies: usize,
    /// Bytes that one copy may occupy; a larger one fails its request.
    pub request_bytes_max: usize,
}

impl MemoryBound {
    /// The bound in bytes.
    pub fn bytes(self) -> usize {
        self.requests.saturating_mul(self.copies).saturating_mul(self.request_bytes_max)
    }

    /// The bound of a flow with these pods and at most `requests` requests inside.
    pub(super) fn new(pods: &[PodPlan], entry_ports: &[InputPort], requests: usize) -> Self {
        let forks = |outputs: &[InputPort]| outputs.len().saturating_sub(1);
        let branches = 1 + forks(entry_ports) + pods.iter().map(|pod| forks(&pod.outputs)).sum::<usize>();
        let shards = pods.iter().map(|pod| pod.shards).max().unwrap_or(1);
        Self { requests, copies: branches * shards, request_bytes_max: REQUEST_BYTES_MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_shared_equally_and_every_worker_has_a_thread() {
        let machine = Machine { cores: 8 };
        assert_eq!([0, 1, 3, 8, 20].map(|workers| machine.threads_per_worker(workers)), [8, 8, 2, 1, 1]);
    }

    #[test]
    fn a_memory_bound_saturates() {
        let bound = MemoryBound { requests: usize::MAX, copies: 2, request_bytes_max: 2 };
        assert_eq!(bound.bytes(), usize::MAX);
    }
}
