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
mod concern;
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

pub use concern::{Concern, Named, concern};
pub(crate) use concern::{sanitised, within};
pub use flow::{Drained, Flow, PodReading};
pub(crate) use latency::Latencies;
pub use latency::{LATENCY_BOUNDS, LatencyClasses};
pub use launch::{launch, launch_behind};
pub use ledger::Books;
pub(crate) use merge::joined;
pub use meter::PodStatistics;
pub use pending::Pending;
pub use request::{DocumentFailure, Outcome, Request, RequestError, Response};
pub use sizes::{SIZE_BOUNDS, SizeClasses};
pub use split::shard_of;
pub use target::Target;
pub use thread::WorkerEnd;
pub use trace::{PodCall, Trace, Visit};
