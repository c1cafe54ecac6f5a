//! The memory bound of a flow: the most that requests, replies and pages can occupy.

use serde::{Deserialize, Serialize};

use super::{InputPort, Memory, PodPlan, format_bytes};
use crate::diagnostic::{Code, Diagnostic};
use crate::limits::{
    CONNECTION_BYTES, CONNECTIONS_MAX, CONNECTIONS_MEMORY_DIVISOR, CONNECTIONS_MIN, MEDIA_CACHE_BYTES_MAX,
    MEDIA_CONCURRENT, PREVIEW_BYTES_MAX, QUEUE_BYTES_MAX, QUEUE_BYTES_MIN, QUEUE_MEMORY_DIVISOR,
    REQUEST_BYTES_MAX, SHOWN_BYTES_MAX, THUMBNAIL_BYTES_MAX,
};

/// Upper bound of the memory that requests occupy, inside the flow and at its gateway. It does not include the
/// program, models and indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryBound {
    /// Largest number of requests inside the flow at a time: its credits.
    pub requests: usize,
    /// Copies of a request's documents that are changed independently: one per parallel branch, times one per shard of
    /// the pod with the most shards.
    pub copies: usize,
    /// Bytes that one copy may occupy; a larger one fails its request.
    pub request_bytes_max: usize,
    /// True if an executor may add content to documents, or if that is unknown. Otherwise documents never occupy more than
    /// the gateway has admitted.
    pub grows: bool,
    /// Bytes of requests and replies at the gateway: received, decompressed, decoded, queued, and not written yet.
    pub gateway_bytes_max: usize,
    /// Open connections.
    pub connections_max: usize,
}

impl MemoryBound {
    /// Bytes of documents inside the flow, in addition to those that the gateway counts.
    pub fn flow_bytes(self) -> usize {
        let inside = self.requests.saturating_mul(self.request_bytes_max);
        match self.grows {
            true => inside.saturating_mul(self.copies),
            // The first copy is the one that was admitted.
            false => inside.min(self.gateway_bytes_max).saturating_mul(self.copies.saturating_sub(1)),
        }
    }

    /// Bytes of open connections: buffers and HTTP/2 windows.
    pub fn connections_bytes(self) -> usize {
        self.connections_max.saturating_mul(CONNECTION_BYTES)
    }

    /// Bytes of the ids and URIs that the web pages keep, of their thumbnails and previews, and of those that are being made, whose
    /// buffers may double: see [`SHOWN_BYTES_MAX`] and [`MEDIA_CACHE_BYTES_MAX`].
    pub fn pages_bytes(self) -> usize {
        let in_progress = 2 * MEDIA_CONCURRENT * (PREVIEW_BYTES_MAX + THUMBNAIL_BYTES_MAX);
        SHOWN_BYTES_MAX + MEDIA_CACHE_BYTES_MAX + in_progress
    }

    /// The bound in bytes.
    pub fn bytes(self) -> usize {
        self.flow_bytes().saturating_add(self.service_bytes())
    }

    /// Bytes of all parts but the flow.
    fn service_bytes(self) -> usize {
        self.gateway_bytes_max + self.connections_bytes() + self.pages_bytes()
    }

    /// Warning for a bound that exceeds the memory that the process may use.
    #[must_use]
    pub fn warning(self, memory: Memory) -> Option<Diagnostic> {
        if self.bytes() <= memory.bytes {
            return None;
        }
        let message = format!(
            "requests may occupy {}, more than the memory that this process may use: the system may end it under load",
            format_bytes(self.bytes())
        );
        let help = format!(
            "lower `prefetch` under the flow's `with:` (each request inside may occupy {}), use fewer shards or branches, or \
            give the process more memory",
            format_bytes(self.request_bytes_max.saturating_mul(self.copies))
        );
        Some(Diagnostic::new(Code::MemoryExceeded, message).help(help))
    }

    /// The memory that the process may use, and the `prefetch` that fits into it if the bound does not.
    #[must_use]
    pub fn compared_with(self, memory: Memory) -> String {
        let line = format!("memory of the {}: {}", memory.source, format_bytes(memory.bytes));
        match self.prefetch_within(memory.bytes).filter(|_| self.bytes() > memory.bytes) {
            Some(prefetch) => format!("{line}; `prefetch: {prefetch}` fits"),
            None => line,
        }
    }

    /// The largest `prefetch` with which the bound is at most `bytes`; `None` if there is none.
    fn prefetch_within(self, bytes: usize) -> Option<usize> {
        let per_request = self.request_bytes_max.saturating_mul(self.copies).max(1);
        let flow = bytes.checked_sub(self.service_bytes())?;
        Some(flow / per_request).filter(|requests| *requests > 0)
    }

    /// The bound of a flow with these pods and at most `requests` requests inside. The limits of the gateway follow from the
    /// memory that the process may use.
    pub(super) fn new(
        pods: &[PodPlan],
        entry_ports: &[InputPort],
        requests: usize,
        memory: Option<Memory>,
    ) -> Self {
        let forks = |outputs: &[InputPort]| outputs.len().saturating_sub(1);
        let branches = 1 + forks(entry_ports) + pods.iter().map(|pod| forks(&pod.outputs)).sum::<usize>();
        let shards = pods.iter().map(PodPlan::shards_here).max().unwrap_or(1);
        let grows = pods.iter().any(|pod| !pod.description.adds_nothing);
        let memory = memory.map_or(usize::MAX, |memory| memory.bytes);
        let connections = memory / CONNECTIONS_MEMORY_DIVISOR / CONNECTION_BYTES;
        Self {
            requests,
            copies: branches * shards,
            request_bytes_max: REQUEST_BYTES_MAX,
            grows,
            gateway_bytes_max: (memory / QUEUE_MEMORY_DIVISOR).clamp(QUEUE_BYTES_MIN, QUEUE_BYTES_MAX),
            connections_max: connections.clamp(CONNECTIONS_MIN, CONNECTIONS_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::MemorySource;

    const BOUND: MemoryBound = MemoryBound {
        requests: 10,
        copies: 2,
        request_bytes_max: 1 << 28,
        grows: true,
        gateway_bytes_max: 1 << 30,
        connections_max: 1000,
    };

    fn memory(bytes: usize) -> Memory {
        Memory { bytes, source: MemorySource::Container }
    }

    /// The bound of a flow without pods on a machine with this memory.
    fn planned(requests: usize, memory: Option<Memory>) -> MemoryBound {
        MemoryBound::new(&[], &[], requests, memory)
    }

    #[test]
    fn a_memory_bound_saturates() {
        let bound = MemoryBound { requests: usize::MAX, request_bytes_max: 2, ..BOUND };
        assert_eq!(bound.bytes(), usize::MAX);
    }

    #[test]
    fn documents_that_do_not_grow_occupy_what_the_gateway_admits() {
        assert_eq!(BOUND.flow_bytes(), 20 << 28);
        let passing = MemoryBound { grows: false, ..BOUND };
        assert_eq!(passing.flow_bytes(), BOUND.gateway_bytes_max);
        assert_eq!(MemoryBound { copies: 1, ..passing }.flow_bytes(), 0);
    }

    #[test]
    fn the_limits_of_the_gateway_follow_the_memory_within_their_bounds() {
        let limits = |bytes| {
            let bound = planned(1, Some(memory(bytes)));
            (bound.gateway_bytes_max, bound.connections_max)
        };
        assert_eq!(limits(0), (QUEUE_BYTES_MIN, CONNECTIONS_MIN));
        assert_eq!(limits(1 << 30), (256 << 20, 1310));
        assert_eq!(limits(16 << 30), (QUEUE_BYTES_MAX, CONNECTIONS_MAX));
        let unknown = planned(1, None);
        assert_eq!((unknown.gateway_bytes_max, unknown.connections_max), (QUEUE_BYTES_MAX, CONNECTIONS_MAX));
    }

    #[test]
    fn a_service_in_a_small_container_has_a_bound_that_fits() {
        for mebibytes in [256, 512, 1024, 2048, 4096] {
            let memory = memory(mebibytes << 20);
            let passing = planned(50, Some(memory));
            assert!(passing.warning(memory).is_none(), "{mebibytes} MiB: {passing}");
        }
        let memory = memory(1 << 30);
        let growing = |requests| MemoryBound { grows: true, ..planned(requests, Some(memory)) };
        assert!(growing(2).warning(memory).is_none(), "{}", growing(2));
        assert!(growing(3).warning(memory).is_some());
    }

    #[test]
    fn the_proposed_prefetch_fits_and_one_more_does_not() {
        let bytes = 7 << 30;
        let prefetch = BOUND.prefetch_within(bytes).unwrap();
        assert!(MemoryBound { requests: prefetch, ..BOUND }.bytes() <= bytes);
        assert!(MemoryBound { requests: prefetch + 1, ..BOUND }.bytes() > bytes);
        assert_eq!(BOUND.prefetch_within(1 << 30), None);
    }

    #[test]
    fn a_bound_beyond_the_memory_is_a_warning_with_a_prefetch_that_fits() {
        assert!(BOUND.warning(memory(BOUND.bytes())).is_none());
        let warning = BOUND.warning(memory(BOUND.bytes() - 1)).unwrap();
        assert_eq!((warning.code, warning.message.contains("6.2 GiB")), (Code::MemoryExceeded, true));
        assert_eq!(
            BOUND.compared_with(memory(4 << 30)),
            "memory of the container: 4 GiB; `prefetch: 5` fits"
        );
        assert_eq!(BOUND.compared_with(memory(64 << 30)), "memory of the container: 64 GiB");
    }
}
