//! Placement: the pods of a topology that run on workers, in other processes or on other machines.
//!
//! [`check_placement`] compares a placement file with a planned flow. [`Topology::placed`] is the part of the flow that a
//! gateway runs, [`Topology::of_worker`] that of one worker.

use std::path::PathBuf;

use flowrun_sdk::{ExecutorDescription, Fact, RawParameters, Value};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::budget::MemoryBound;
use super::chain::is_chain;
use super::executor::{ComponentPlan, ExecutorPlan, ExecutorRef};
use super::plan::share_threads;
use super::{InputPort, JobPlan, Machine, PodPlan, Topology, TopologySpans, Worker, WorkerIdentity};
use crate::routes::Role;
use crate::spec::{BatchingTable, GatewaySpec, Join, REMOTE_EXECUTOR, TokenSource, TokenSpec, WhenFull};

/// Pods that run on workers, and the settings for calling them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Addresses by pod or chain (`POD+POD`), shard and replica.
    pub pods: IndexMap<String, Vec<Vec<String>>>,
    /// Certificate authorities of the workers; those of the machine if absent.
    pub ca: Option<PathBuf>,
    /// Token that gateways send and workers require.
    pub token: Option<TokenSource>,
}

/// Workers of a pod that a process runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum PodPlacement {
    /// All of them.
    #[default]
    Here,
    /// None: each shard is called on its workers, by the executor at its position.
    Elsewhere(Vec<ExecutorPlan>),
    /// One of them; a gateway in another process calls it.
    Only(Worker),
}

impl Placement {
    /// The address of a worker; `None` unless the placement has it.
    pub fn address(&self, pod: &str, worker: Worker) -> Option<&str> {
        let shards = self.pods.get(pod)?;
        shards.get(worker.shard)?.get(worker.replica).map(String::as_str)
    }
}

impl Topology {
    /// The part of the flow that a gateway runs on `machine`: the workers in `placement` are called.
    #[must_use]
    pub fn placed(&self, placement: &Placement, machine: Machine) -> Self {
        let mut placed = self.clone();
        let fingerprint = self.fingerprint();
        placement.pods.keys().for_each(|name| placed.join_chain(name));
        for pod in &mut placed.pods {
            let Some(shards) = placement.pods.get(&pod.name) else { continue };
            let shards = shards.iter().enumerate().map(|(shard, addresses)| {
                let worker = Worker { shard, replica: 0 };
                let identity = WorkerIdentity::in_flow(fingerprint.clone(), &pod.name, worker);
                caller(pod, addresses, &identity, placement)
            });
            pod.placement = PodPlacement::Elsewhere(shards.collect());
            // The worker applies it, from the start of the call there; here the call may also wait for other calls.
            pod.timeout_send = None;
        }
        share_threads(&mut placed.pods, machine);
        placed
    }

    /// The part of the flow that a worker of `pod`, which may be a chain, runs on `machine`: a flow of these pods alone. `None`
    /// if there is no such worker.
    #[must_use]
    pub fn of_worker(
        &self,
        pod: &str,
        worker: Worker,
        placement: &Placement,
        machine: Machine,
    ) -> Option<Self> {
        let positions = self.chain_positions(pod)?;
        let planned: Vec<&PodPlan> =
            positions.iter().filter_map(|position| self.pods.get(*position)).collect();
        if planned.iter().any(|planned| worker.shard >= planned.shards || worker.replica >= planned.replicas)
        {
            return None;
        }
        let worker_pod = |(position, planned): (usize, &&PodPlan)| {
            let next = Some(position + 1).filter(|next| *next < positions.len());
            PodPlan {
                outputs: vec![InputPort { pod: next, input: 0 }],
                ..worker_pod(planned, worker, is_chain(pod))
            }
        };
        let mut pods: Vec<PodPlan> = planned.iter().enumerate().map(worker_pod).collect();
        share_threads(&mut pods, machine);
        let entry_ports = vec![InputPort { pod: Some(0), input: 0 }];
        Some(Self {
            memory: MemoryBound::new(&pods, &entry_ports, self.credits, machine.memory),
            pods,
            entry_ports,
            exit_inputs: 1,
            // The gateways have admitted their requests.
            when_full: WhenFull::Wait,
            job: JobPlan::default(),
            gateway: worker_gateway(&self.gateway, placement),
            spans: TopologySpans {
                pods: positions.iter().filter_map(|position| self.spans.pod(*position)).cloned().collect(),
                job_inputs: Vec::new(),
            },
            ..self.clone()
        })
    }
}

/// A pod of a worker. Joins and conditions are applied by the gateway, and batches are formed by it, except those of a chain.
fn worker_pod(planned: &PodPlan, worker: Worker, is_chain: bool) -> PodPlan {
    let pod = PodPlan {
        inputs: 1,
        join: Join::Merge,
        when: None,
        placement: PodPlacement::Only(worker),
        ..planned.clone()
    };
    if is_chain {
        return pod;
    }
    // Batches by rules that only the running executor knows cannot be formed by the gateway.
    let batching = planned.description.batching.known().map_or(Fact::Unknown, |_| Fact::Known(Vec::new()));
    PodPlan {
        batching: BatchingTable::default(),
        description: ExecutorDescription { batching, ..planned.description.clone() },
        ..pod
    }
}

/// Settings for serving a worker: those of the flow that do not concern its clients.
fn worker_gateway(flow: &GatewaySpec, placement: &Placement) -> GatewaySpec {
    let token = |source: &TokenSource| TokenSpec { role: Role::Admin, source: source.clone() };
    GatewaySpec {
        tokens: placement.token.as_ref().map(token).into_iter().collect(),
        no_debug_endpoints: true,
        logserver: flow.logserver,
        files: flow.files.clone(),
        traces: flow.traces.clone(),
        ..GatewaySpec::default()
    }
}

/// The executor that calls the workers of a shard at `addresses`.
fn caller(
    pod: &PodPlan,
    addresses: &[String],
    identity: &WorkerIdentity,
    placement: &Placement,
) -> ExecutorPlan {
    let writes = match &pod.description.write_endpoints {
        Fact::Known(endpoints) => endpoints.clone(),
        Fact::Unknown if pod.description.stores_documents => vec!["*".to_owned()],
        Fact::Unknown => Vec::new(),
    };
    let mut with = RawParameters::new();
    with.insert("addresses".to_owned(), json!(addresses));
    with.insert("worker".to_owned(), identity.without_replica().into());
    with.insert("writes".to_owned(), json!(writes));
    if let Some(ca) = &placement.ca {
        with.insert("ca".to_owned(), ca.to_string_lossy().into());
    }
    match &placement.token {
        Some(TokenSource::Variable(name)) => drop(with.insert("token_variable".to_owned(), json!(name))),
        Some(TokenSource::File(path)) => {
            drop(with.insert("token_file".to_owned(), path.to_string_lossy().into()));
        }
        None => {}
    }
    let component = ComponentPlan {
        executor: ExecutorRef::BuiltIn { name: REMOTE_EXECUTOR.to_owned() },
        class: REMOTE_EXECUTOR.to_owned(),
        with,
        workspace: PathBuf::new(),
        // Paths are resolved already.
        directory: PathBuf::new(),
        read_only: pod.read_only,
        stores: false,
    };
    ExecutorPlan {
        name: REMOTE_EXECUTOR.to_owned(),
        components: vec![component],
        programs: Vec::new(),
        pass_unmatched: false,
    }
}

impl PodPlan {
    /// All workers that this process starts, shard by shard; for a pod elsewhere, one per shard that calls its workers.
    pub fn workers(&self) -> impl Iterator<Item = Worker> {
        let (shards, replicas) = match &self.placement {
            PodPlacement::Here => (0..self.shards, 0..self.replicas),
            PodPlacement::Elsewhere(shards) => (0..shards.len(), 0..1),
            PodPlacement::Only(Worker { shard, replica }) => (*shard..shard + 1, *replica..replica + 1),
        };
        shards.flat_map(move |shard| replicas.clone().map(move |replica| Worker { shard, replica }))
    }

    /// Number of executors of the pod that compute in this process.
    pub(super) fn executors_here(&self) -> usize {
        match &self.placement {
            PodPlacement::Here => self.shards * self.replicas,
            PodPlacement::Elsewhere(_) => 0,
            PodPlacement::Only(_) => 1,
        }
    }

    /// Number of shards whose documents are in this process.
    pub(super) fn shards_here(&self) -> usize {
        match &self.placement {
            PodPlacement::Here | PodPlacement::Elsewhere(_) => self.shards,
            PodPlacement::Only(_) => 1,
        }
    }

    /// The executor that this process runs for a shard: that of the pod, or the one that calls its workers.
    pub fn executor_of_shard(&self, shard: usize) -> Option<&ExecutorPlan> {
        match &self.placement {
            PodPlacement::Here | PodPlacement::Only(_) => self.executor.as_ref(),
            PodPlacement::Elsewhere(shards) => shards.get(shard),
        }
    }

    /// Addresses of the workers of each shard; empty unless the pod runs elsewhere.
    pub fn worker_addresses(&self) -> Vec<Vec<&str>> {
        let PodPlacement::Elsewhere(shards) = &self.placement else { return Vec::new() };
        let addresses = shards.iter().map(|plan| plan.components.first()?.with.get("addresses")?.as_array());
        addresses.map(|list| list.into_iter().flatten().filter_map(Value::as_str).collect()).collect()
    }
}
