//! Stages 3a to 4: resolve, describe and plan. The result is a [`Topology`]: the workers, channels and limits of a flow as
//! plain data.
//!
//! [`resolve()`] finds the executors that the flow names and checks their parameters, [`describe()`] adds the facts that are
//! known about them before they are started, [`plan()`] turns pods into workers and channels, and [`Topology::placed`] moves
//! pods to workers in other processes. A topology can be printed, compared ([`Topology::diff`]) and serialised; nothing is
//! started here. Launching a topology is the task of `runtime`, which makes no further decisions.

mod budget;
mod chain;
mod component;
mod condition;
mod describe;
mod diff;
mod executor;
mod fingerprint;
mod isolate;
mod library;
mod machine;
mod model;
mod parameters;
mod placement;
mod placement_check;
mod plan;
mod pod_plan;
mod python;
mod resolve;
mod spans;
mod summary;
mod worker_identity;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use budget::MemoryBound;
pub(crate) use chain::{chain_members, is_chain};
pub use condition::DocumentCondition;
pub use describe::{DescribedExecutor, RunsHere, describe};
pub use diff::TopologyDiff;
pub(crate) use executor::executor_name;
pub use executor::{ComponentPlan, ExecutorPlan, ExecutorRef, ProgramPlan, StepPlan};
pub(crate) use library::fault_code as library_fault_code;
pub use machine::{Machine, Memory, MemorySource};
pub use placement::{Placement, PodPlacement};
pub use placement_check::check_placement;
pub use plan::plan;
pub use pod_plan::PodPlan;
pub use resolve::{PodExecutors, ResolvedComponent, ResolvedExecutor, resolve};
pub(crate) use spans::diagnostic_at;
pub use spans::{ComponentSpans, PodSpans, TopologySpans};
pub(crate) use summary::format_bytes;
pub use worker_identity::WorkerIdentity;

use crate::spec::{GatewaySpec, WhenFull};

/// A flow as it will run. Equality and serialisation cover everything but [`Topology::spans`].
///
/// The serialised form contains the parameters of executors, and so any secrets among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Topology {
    /// The flow's name.
    pub name: String,
    /// The pods in topological order: each after the pods that it needs.
    pub pods: Vec<PodPlan>,
    /// Inputs that a request is sent to when it enters the flow.
    pub entry_ports: Vec<InputPort>,
    /// Number of parts that are merged into the reply.
    pub exit_inputs: usize,
    /// Maximum number of requests inside the flow.
    pub credits: usize,
    /// Treatment of requests when all credits are taken.
    pub when_full: WhenFull,
    /// Maximum duration of a request; `None` for no limit.
    pub timeout: Option<Duration>,
    /// Ends the service once a call is not expected to return (see [`GIVE_UP_FACTOR`](crate::limits::GIVE_UP_FACTOR)).
    pub exit_on_hang: bool,
    /// Upper bound of the memory that requests occupy.
    pub memory: MemoryBound,
    /// Settings for running the flow as a batch job.
    pub job: JobPlan,
    /// Settings for serving the flow.
    pub gateway: GatewaySpec,
    /// Positions in the flow file, for diagnostics.
    #[serde(skip)]
    pub spans: TopologySpans,
}

/// Destination of an edge: an input of a pod or of the exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPort {
    /// Position of the pod in the topology; `None` for the exit.
    pub pod: Option<usize>,
    /// Number of the input there, from 0, in the order of `needs`.
    pub input: usize,
}

/// Settings of a batch job. Options of the command line override them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobPlan {
    /// Input files, directories or glob patterns.
    pub input: Vec<PathBuf>,
    /// Rules that select the files of directories and patterns.
    pub include: Vec<String>,
    /// Endpoint of the requests.
    pub endpoint: Option<String>,
    /// Output file.
    pub output: Option<PathBuf>,
    /// Requested number of matches per document.
    pub top_k: Option<usize>,
    /// Documents per request.
    pub request_size: Option<usize>,
}

/// Identifies a worker of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Number of the shard, from 0.
    pub shard: usize,
    /// Number of the replica within the shard, from 0.
    pub replica: usize,
}
