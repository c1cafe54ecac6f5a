//! Stage 5, launch: a topology comes to life.
//!
//! A [`Flow`] is given requests and returns exactly one outcome for each. Inside, workers take parts of requests from
//! bounded channels, call their executors, and carry what comes out on to the next channel. The gateway's credits are
//! the only place where a request waits for room, so nothing inside can block for good.

mod bench;
mod call;
mod channel;
mod clusters;
mod compound;
mod content;
mod dimensions;
mod flow;
mod gathering;
mod in_place;
mod intake;
mod joint;
mod latency;
mod launch;
mod ledger;
mod loads;
mod lobby;
mod log_context;
mod merge;
mod meter;
mod obligation;
mod order;
mod parameters;
mod part;
mod pending;
mod placement;
mod priority;
mod recipe;
mod request;
mod route;
mod shards;
mod sizes;
mod split;
mod target;
mod task;
mod thread;
mod trace;

pub use flow::{DrainReport, ExecutorMetric, Flow};
pub(crate) use latency::LatencyHistogram;
pub use latency::{LATENCY_BOUNDS, LatencyBuckets};
pub use launch::{launch, launch_background};
pub use ledger::RequestCounts;
pub use log_context::{LogContext, RequestLabel, log_context};
pub(crate) use log_context::{sanitize, with_log_context};
pub(crate) use merge::merge_requests;
pub use meter::PodStatistics;
pub use pending::PendingResponse;
pub use request::{DocumentFailure, Outcome, Request, RequestError, Response};
pub use sizes::{SIZE_BOUNDS, SizeBuckets};
pub use split::shard_of;
pub use target::TargetPattern;
pub use thread::WorkerExit;
pub use trace::{ExecutorCall, PodVisit, RequestTrace};
