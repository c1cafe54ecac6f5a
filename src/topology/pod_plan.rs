//! A pod of the plan: its fields, and their values from the pod of the flow file.

use std::time::Duration;

use flowrun_sdk::ExecutorDescription;
use serde::{Deserialize, Serialize};

use super::describe::DescribedExecutor;
use super::{DocumentCondition, ExecutorPlan, InputPort, PodPlacement};
use crate::diagnostic::Spanned;
use crate::spec::{BatchingTable, Join, PodSpec, PollingTable, Strategy, Uses};

/// A pod as it will run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PodPlan {
    /// The pod's name; `NAME/before` and `NAME/after` for the pods of `uses_before` and `uses_after`.
    pub name: String,
    /// Number of inputs. The pod waits for one part of a request at each of them; more than one is a join.
    pub inputs: usize,
    /// Merging of the parts at a join.
    pub join: Join,
    /// Merging of the results of the pod's shards.
    pub shard_join: Join,
    /// Condition for documents that enter the pod; `None` lets all enter.
    pub when: Option<DocumentCondition>,
    /// Inputs that the pod's results are sent to.
    pub outputs: Vec<InputPort>,
    /// Number of shards, each with its own part of the data.
    pub shards: usize,
    /// Number of workers per shard, which compete for requests.
    pub replicas: usize,
    /// Shards that receive a request, by endpoint.
    pub polling: PollingTable,
    /// Choice of the shard of a new document.
    pub strategy: Strategy,
    /// The executor; `None` if it could not be resolved, in which case the topology cannot be launched.
    pub executor: Option<ExecutorPlan>,
    /// Facts about the executor that are known before it is started.
    pub description: ExecutorDescription,
    /// Capacity of the channel to the workers of each shard. Equal to the number of credits, so that sending never waits
    /// and requests queue only at the entrance.
    pub channel_slots: usize,
    /// Threads that each worker may keep busy.
    pub threads: usize,
    /// Maximum number of calls in progress per replica of an async executor.
    pub concurrency: usize,
    /// Endpoints whose requests share executor calls, by the flow file; the executor's own are added at launch.
    pub batching: BatchingTable,
    /// Maximum duration of one call, in addition to the request's deadline; `None` for no limit.
    pub timeout_send: Option<Duration>,
    /// Maximum time for starting an executor; `None` for no limit.
    pub timeout_ready: Option<Duration>,
    /// Set when stored data must not be changed.
    pub read_only: bool,
    /// Workers of the pod that this process runs.
    pub placement: PodPlacement,
}

/// Role of a planned pod within its pod of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Before,
    Main,
    After,
}

impl PodPlan {
    /// Plans one stage of `pod`, which runs the executor `uses`. Replicas, shards and polling apply to the main stage only.
    /// Edges, channel slots and threads are filled in later.
    pub(super) fn new(
        pod: &PodSpec,
        uses: &Spanned<Uses>,
        executor: Option<DescribedExecutor>,
        role: Role,
    ) -> Self {
        // Without `..`, so that a new field of a pod does not compile before it is planned or listed with those that are not.
        let PodSpec {
            name,
            join,
            when,
            replicas,
            shards,
            polling,
            strategy,
            concurrency,
            batching,
            timeout_send,
            timeout_ready,
            read_only,
            // Edges, which the graph has.
            needs: _,
            floating: _,
            is_inspect: _,
            // Executors and their settings, which `resolve` has read.
            executor: _,
            uses_before: _,
            uses_after: _,
            py_modules: _,
            remote_unsupported: _,
            workspace: _,
            env: _,
            python: _,
            isolate: _,
        } = pod;
        let main = role == Role::Main;
        let (plan, description) = match executor {
            Some(DescribedExecutor { plan, description, .. }) => (Some(plan), description),
            None => (None, ExecutorDescription::unknown()),
        };
        Self {
            name: match role {
                Role::Before => format!("{}/before", name.value),
                Role::Main => name.value.clone(),
                Role::After => format!("{}/after", name.value),
            },
            inputs: 1,
            join: Join::Merge,
            shard_join: if main && *join == Join::Append { Join::Append } else { Join::Merge },
            when: when.as_ref().map(|when| DocumentCondition::new(when.source.clone(), when.filter.clone())),
            outputs: Vec::new(),
            shards: if main { *shards } else { 1 },
            replicas: if main { *replicas } else { 1 },
            polling: if main { polling.clone() } else { PollingTable::default() },
            strategy: if main { strategy.value.clone() } else { Strategy::Hash },
            executor: plan,
            description,
            channel_slots: 0,
            threads: 1,
            concurrency: *concurrency,
            batching: merged_batching(uses, main.then_some(batching)),
            timeout_send: timeout_send.filter(|_| main),
            timeout_ready: *timeout_ready,
            read_only: *read_only,
            placement: PodPlacement::Here,
        }
    }
}

/// Batching of the executor's YAML, overridden for the main stage by that of the pod.
fn merged_batching(uses: &Spanned<Uses>, pod: Option<&BatchingTable>) -> BatchingTable {
    let mut table = match &uses.value {
        Uses::Class(spec) => spec.batching.clone(),
        Uses::Unresolved { .. } | Uses::Broken { .. } => BatchingTable::default(),
    };
    if let Some(pod) = pod {
        table.override_with(pod.clone());
    }
    table
}
