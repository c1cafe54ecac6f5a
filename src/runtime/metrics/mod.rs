//! Counters of the running flow: request outcomes, and calls, queues and batches of each pod.
//!
//! Counters are atomics that workers update; snapshots ([`RequestCounts`], [`PodStatistics`]) are plain numbers. The
//! gateway renders them for Prometheus and the dashboard. Metrics that executors report themselves are the SDK's `Metrics`.

mod latency_histogram;
mod pod_metrics;
mod request_counters;
mod size_histogram;

pub(crate) use latency_histogram::LatencyHistogram;
pub use latency_histogram::{LATENCY_BOUNDS, LatencyBuckets};
pub(super) use pod_metrics::PodMetrics;
pub use pod_metrics::PodStatistics;
pub(super) use request_counters::RequestCounters;
pub use request_counters::RequestCounts;
pub use size_histogram::{SIZE_BOUNDS, SizeBuckets};
