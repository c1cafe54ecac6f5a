//! Stage 4, plan: what will run, as pure data.
//!
//! A [`Topology`] says which workers there are, which channels join them and how many requests fit in between. It is
//! complete before anything starts, so it can be printed, compared and tested; launching it decides nothing.

mod budget;
mod executor;
mod library;
mod plan;
mod python;
mod resolve;
mod summary;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flowrun_sdk::filter::Filter;

pub use budget::{Machine, MemoryBound};
pub(crate) use executor::executor_name;
pub use executor::{ComponentPlan, ExecutorPlan, ProgramPlan, StepPlan};
pub(crate) use library::code as library_fault_code;
pub use plan::plan;
pub use resolve::{PodExecutors, resolve};
pub(crate) use summary::format_bytes;

use crate::diagnostic::{Span, Spanned};
use crate::spec::{BatchingTable, GatewaySpec, JobSpec, Join, PollingTable, Strategy, WhenFull};

/// What will run.
#[derive(Clone, Debug)]
pub struct Topology {
    /// The flow's name.
    pub name: String,
    /// The pods, each after those that it needs.
    pub pods: Vec<PodPlan>,
    /// Where a request goes first.
    pub entry_ports: Vec<InputPort>,
    /// How many parts of a request make its reply.
    pub exit_inputs: usize,
    /// Requests between entering and leaving the gateway, at the most.
    pub credits: usize,
    /// What a request meets when all credits are out.
    pub when_full: WhenFull,
    /// How long a request may take.
    pub timeout: Option<Duration>,
    /// The memory that requests may hold.
    pub memory: MemoryBound,
    /// What the flow says about being a batch job.
    pub job: JobSpec,
    /// What the flow says about being served.
    pub gateway: GatewaySpec,
}

/// A pod as it will run.
#[derive(Clone, Debug)]
pub struct PodPlan {
    /// Its name.
    pub name: String,
    /// How many parts of a request it waits for; more than one is a join.
    pub inputs: usize,
    /// How several parts become one.
    pub join: Join,
    /// How the replies of its shards become one.
    pub shard_join: Join,
    /// Which documents go to it; all of them when absent.
    pub when: Option<Arc<Filter>>,
    /// Where what it makes goes.
    pub outputs: Vec<InputPort>,
    /// Parts of its data, and workers for each.
    pub shards: usize,
    /// Workers for each shard, competing for requests.
    pub replicas: usize,
    /// Which shards see a request.
    pub polling: PollingTable,
    /// Which shard a new document goes to.
    pub strategy: Spanned<Strategy>,
    /// What its workers run; `None` when it cannot be had, and then the topology cannot be launched.
    pub executor: Option<ExecutorPlan>,
    /// Slots of the channel to the workers of each shard. One for each credit, so that sending never waits: the
    /// gateway is the only place where a request does.
    pub channel_slots: usize,
    /// Threads that each worker may keep busy.
    pub threads: usize,
    /// Calls under way at once, if its executor waits more than it computes.
    pub concurrency: usize,
    /// Which endpoints are called with the documents of several requests at once.
    pub batching: BatchingTable,
    /// How long one call may take, beside what the request may.
    pub timeout_send: Option<Duration>,
    /// How long its executors may take to start; `None` for no end.
    pub timeout_ready: Option<Duration>,
    /// Stored data may not change.
    pub read_only: bool,
    /// Where to point when it cannot start.
    pub span: Span,
}

/// Where a part of a request goes: a pod or the exit, and which of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputPort {
    /// The pod's position, or `None` for the exit.
    pub pod: Option<usize>,
    /// Which of the parts that are waited for.
    pub input: usize,
}

/// One copy of a pod's executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Which part of the data, from 0.
    pub shard: usize,
    /// Which of the shard's workers, from 0.
    pub replica: usize,
}

impl PodPlan {
    /// Every worker, shard by shard.
    pub fn workers(&self) -> impl Iterator<Item = Worker> {
        let replicas = self.replicas;
        (0..self.shards).flat_map(move |shard| (0..replicas).map(move |replica| Worker { shard, replica }))
    }
}

impl ComponentPlan {
    /// The directory of one shard.
    pub fn workspace(&self, shard: usize) -> PathBuf {
        self.workspace.join(shard.to_string())
    }
}
