//! Wires the pods of a flow: outputs, workers, inputs, from the exit to the entrance.
//!
//! The order is backwards because the sender owns the sending end of a channel: a pod's workers need the inputs of the
//! pods after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flowrun_sdk::{Batching, Endpoints, ExecutorDescription, Ranking};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::build::BuiltExecutor;
use super::shard_workers::{ShardWorkers, StartedWorkers};
use crate::runtime::condition::PodCondition;
use crate::runtime::edges::{PodInput, PodOutput};
use crate::runtime::endpoint_check::EndpointCheck;
use crate::runtime::flow::{Flow, RunningPod};
use crate::runtime::metrics::{PodMetrics, RequestCounters};
use crate::runtime::request::ExecutorNames;
use crate::runtime::routing::PodShards;
use crate::runtime::watchdog::{CallLimit, HangPolicy, Watchdog};
use crate::runtime::worker::{BatchPolicy, PartSender, ThreadPriority};
use crate::spec::BatchingTable;
use crate::topology::{DocumentCondition, InputPort, PodPlan, Topology, executor_name};

/// Starts all workers and returns the flow. `descriptions` and `built` have one entry for each pod of `topology`.
pub(super) fn start(
    topology: &Topology,
    descriptions: &[ExecutorDescription],
    built: Vec<Vec<BuiltExecutor>>,
    priority: ThreadPriority,
    hang_policy: HangPolicy,
) -> Flow {
    let inputs = topology.pods.iter().map(|_| None).collect();
    let mut wiring = Wiring {
        topology,
        priority,
        hang_policy,
        pods: Vec::new(),
        inputs,
        started: StartedWorkers::default(),
    };
    let pods = topology.pods.iter().zip(descriptions).enumerate().zip(built);
    for ((position, (plan, description)), built) in pods.rev() {
        wiring.start_pod(position, plan, description, built);
    }
    let entrance = wiring.edges(&topology.entry_ports);
    wiring.pods.reverse();
    Flow {
        entrance: Mutex::new(Some(Arc::new(entrance))),
        credits: Arc::new(Semaphore::new(topology.credits)),
        when_full: topology.when_full,
        timeout: topology.timeout,
        request_bytes_max: topology.memory.request_bytes_max,
        restores_order: topology.pods.iter().any(|pod| pod.when.is_some()),
        counters: Arc::new(RequestCounters::default()),
        endpoint_check: EndpointCheck::new(wiring.pods.iter().map(|pod| &pod.endpoints)),
        pods: wiring.pods,
        watchdog: Watchdog::start(wiring.started.watches),
        workers: Mutex::new(wiring.started.exits),
    }
}

/// The part of the flow that has been started.
struct Wiring<'a> {
    topology: &'a Topology,
    priority: ThreadPriority,
    hang_policy: HangPolicy,
    /// Started pods, the last of the topology first.
    pods: Vec<RunningPod>,
    /// Input of each started pod.
    inputs: Vec<Option<Arc<PodInput>>>,
    started: StartedWorkers,
}

impl Wiring<'_> {
    /// Starts the workers of one pod. The pods after it are running.
    fn start_pod(
        &mut self,
        position: usize,
        plan: &PodPlan,
        description: &ExecutorDescription,
        built: Vec<BuiltExecutor>,
    ) {
        let endpoints = description.endpoints.known().cloned().unwrap_or(Endpoints::All);
        let ranking = description.ranking.known().copied().flatten();
        let own_batching = description.batching.known().cloned().unwrap_or_default();
        let name: Arc<str> = plan.name.as_str().into();
        let output = self.output(position, plan, &name, ranking);
        let metrics = Arc::new(PodMetrics::new());
        self.pods.push(running_pod(&name, &built, endpoints.clone(), &metrics));
        let batch_policy = batch_policy(plan, (&name, &output.names), own_batching, &endpoints);
        let batches = batch_policy.is_some();
        let by_shard = by_shard(built);
        let summaries = by_shard.iter().map(|built| built.first()?.instance.shard_summary.clone());
        let whole_shard_requests = description.whole_shard_requests.clone();
        let shards = PodShards::new(&plan.strategy, summaries.collect(), whole_shard_requests);
        let condition = |when: &DocumentCondition| {
            PodCondition::new(Arc::clone(when.filter()), Arc::clone(&name), Arc::clone(&metrics))
        };
        let when = plan.when.as_ref().map(condition);
        let workers = ShardWorkers {
            plan,
            priority: self.priority,
            hang_policy: self.hang_policy,
            call_limit: CallLimit::of_pod(plan.timeout_send, self.topology.timeout),
            name,
            metrics: Arc::clone(&metrics),
            output: Arc::clone(&output),
            batch_policy,
            is_last: self.topology.exit_inputs == 1 && plan.outputs.iter().all(|port| port.pod.is_none()),
        };
        let channels: Vec<PartSender> =
            by_shard.into_iter().map(|built| workers.start(built, &mut self.started)).collect();
        if let Some(pod) = self.pods.last_mut() {
            pod.health.append(&mut self.started.health);
        }
        let input = PodInput {
            pod: position,
            inputs: plan.inputs,
            join: plan.join,
            when,
            endpoints,
            polling: plan.polling.clone(),
            shards,
            channels,
            batches,
            metrics,
            output,
        };
        if let Some(slot) = self.inputs.get_mut(position) {
            *slot = Some(Arc::new(input));
        }
    }

    /// Output side of a pod.
    fn output(
        &self,
        position: usize,
        plan: &PodPlan,
        name: &Arc<str>,
        ranking: Option<Ranking>,
    ) -> Arc<PodOutput> {
        let pod = Some((position, Arc::clone(name)));
        let own_name = plan.executor.as_ref().map_or("", |executor| &executor.name);
        let names = ExecutorNames::new(executor_name(&plan.name), own_name);
        let shard_join = plan.shard_join;
        Arc::new(PodOutput { pod, names, ranking, shard_join, ..self.edges(&plan.outputs) })
    }

    /// Edges to the given ports.
    fn edges(&self, ports: &[InputPort]) -> PodOutput {
        let mut output = PodOutput::default();
        for port in ports {
            match port.pod {
                None => output.exit = Some((port.input, self.topology.exit_inputs)),
                Some(pod) => {
                    let target = self.inputs.get(pod).and_then(Option::as_ref);
                    output.targets.extend(target.map(|target| (Arc::clone(target), port.input)));
                }
            }
        }
        let leads_on = |(target, _): &(Arc<PodInput>, usize)| target.output.leads_to_exit;
        output.leads_to_exit = output.exit.is_some() || output.targets.iter().any(leads_on);
        output
    }
}

/// Observable state of a pod. Replicas of a shard share their metrics, so those of the first replica are used.
fn running_pod(
    name: &Arc<str>,
    built: &[BuiltExecutor],
    endpoints: Endpoints,
    metrics: &Arc<PodMetrics>,
) -> RunningPod {
    let mut shards = BTreeSet::new();
    let first_replicas = built.iter().filter(|built| shards.insert(built.worker.shard));
    let executor_metrics = first_replicas
        .flat_map(|built| built.factory.metrics().map(|metrics| (built.worker.shard, metrics)))
        .collect();
    RunningPod {
        name: Arc::clone(name),
        workers: built.len(),
        endpoints,
        metrics: Arc::clone(metrics),
        executor_metrics,
        health: built.iter().flat_map(|built| built.factory.health()).collect(),
    }
}

/// Batching rules: the executor's own, overridden by the flow's. `None` when no endpoint is batched.
fn batch_policy(
    plan: &PodPlan,
    (name, names): (&Arc<str>, &ExecutorNames),
    own: Vec<(String, Batching)>,
    endpoints: &Endpoints,
) -> Option<Arc<BatchPolicy>> {
    let mut batching = BatchingTable::from_entries(own);
    batching.override_with(plan.batching.clone());
    let named = batching.entries().map(|(endpoint, _)| endpoint).filter(|endpoint| *endpoint != "*");
    for endpoint in named.filter(|endpoint| !endpoints.handles(endpoint)) {
        tracing::warn!(pod = &**name, endpoint, "batching has no effect: the executor has no such endpoint");
    }
    (!batching.is_empty()).then(|| BatchPolicy::new(name, names.clone(), batching, plan.channel_slots))
}

/// The executors of a pod, grouped by shard. A worker's process has those of one shard only.
fn by_shard(built: Vec<BuiltExecutor>) -> Vec<Vec<BuiltExecutor>> {
    let mut shards: BTreeMap<usize, Vec<BuiltExecutor>> = BTreeMap::new();
    for built in built {
        shards.entry(built.worker.shard).or_default().push(built);
    }
    shards.into_values().collect()
}
