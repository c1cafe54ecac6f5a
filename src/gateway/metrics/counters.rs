//! Counters that the gateway keeps itself. Those of pods are kept by the runtime.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::runtime::LatencyHistogram;

/// Counters of requests.
#[derive(Debug, Default)]
pub(in crate::gateway) struct GatewayCounters {
    /// Answered requests, including the failed ones.
    pub(super) answered: AtomicU64,
    /// Requests that failed after admission.
    pub(super) failed: AtomicU64,
    /// Requests that were rejected before they entered the flow.
    pub(super) rejected: AtomicU64,
    /// Times from arrival to reply.
    pub(super) latencies: LatencyHistogram,
}

impl GatewayCounters {
    /// Counts a request that was answered `took` after it arrived.
    pub(in crate::gateway) fn answered(&self, failed: bool, took: Duration) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.latencies.record(took);
    }

    /// Counts a request that was rejected before it entered the flow.
    pub(in crate::gateway) fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }
}
