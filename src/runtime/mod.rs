//! Stage 5, launch: turns a [`Topology`](crate::topology::Topology) into a running [`Flow`].
//!
//! A flow accepts requests and returns exactly one outcome for each. Inside, a request consists of *parts*: its documents, or
//! a copy or share of them, on their way along one edge or to one shard. Workers take parts from bounded channels, call
//! their executors and pass the results on to the next channel. A request inside holds a *credit*, and every channel has
//! one slot per credit, so a request waits only at the entrance, and nothing inside the flow can block forever.
//!
//! Layers; each imports only earlier ones: `metrics` (counters), `request` (one request, its documents and
//! its outcome), `routing` (which shard receives which documents), `worker` (calls of executors), `condition` (`when`),
//! `edges` (the path from one pod to the next), `watchdog` (calls that do not end), `flow` and `launch`. This module knows
//! neither concrete executors nor the network.

mod condition;
mod edges;
mod endpoint_check;
mod flow;
mod launch;
mod metrics;
mod request;
mod routing;
mod watchdog;
mod worker;

pub(crate) use endpoint_check::EndpointCheck;
pub use flow::{DrainReport, ExecutorMetric, Flow};
pub use launch::{launch, launch_background};
pub(crate) use metrics::LatencyHistogram;
pub use metrics::{LATENCY_BOUNDS, LatencyBuckets, PodStatistics, RequestCounts, SIZE_BOUNDS, SizeBuckets};
pub use request::{
    DocumentFailure, ExecutorCall, LogContext, Outcome, PendingResponse, PodVisit, Request, RequestError,
    RequestLabel, RequestTrace, Response, TargetPattern, log_context,
};
pub(crate) use request::{TARGET_PARAMETER, merge_requests, sanitize, with_log_context};
pub use routing::shard_of;
pub use watchdog::Hang;
pub use worker::WorkerExit;
