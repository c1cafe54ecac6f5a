//! The machine's share for each worker, and the memory that requests may hold.

use super::{InputPort, PodPlan};
use crate::limits::REQUEST_BYTES_MAX;

/// The machine that a topology is planned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Processors.
    pub cores: usize,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn local() -> Self {
        Self { cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get) }
    }

    /// Threads that each of so many workers may keep busy: together they never exceed the cores, as far as one thread
    /// each allows.
    pub(super) fn threads_each(self, workers: usize) -> usize {
        (self.cores / workers.max(1)).max(1)
    }
}

/// The memory that the documents of requests may hold inside the flow, at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBound {
    /// Requests inside at once.
    pub requests: usize,
    /// Copies of a request's documents, each changed differently: one for each branch that runs beside others, and
    /// one for each shard of the widest pod, whose parts may grow before they are whole again.
    pub copies: usize,
    /// Bytes that one copy may hold; a larger one fails.
    pub request_bytes_max: usize,
}

impl MemoryBound {
    /// Bytes in all.
    pub fn bytes(self) -> usize {
        self.requests.saturating_mul(self.copies).saturating_mul(self.request_bytes_max)
    }

    /// The bound of a flow of these pods.
    pub(super) fn of(pods: &[PodPlan], entrance: &[InputPort], requests: usize) -> Self {
        let fork = |outputs: &[InputPort]| outputs.len().saturating_sub(1);
        let branches = 1 + fork(entrance) + pods.iter().map(|pod| fork(&pod.outputs)).sum::<usize>();
        let shards = pods.iter().map(|pod| pod.shards).max().unwrap_or(1);
        Self { requests, copies: branches * shards, request_bytes_max: REQUEST_BYTES_MAX }
    }
}
