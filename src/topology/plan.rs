//! Plans a graph: pods become workers and channels.

use std::sync::Arc;

use super::budget::{Machine, MemoryBound};
use super::resolve::PodExecutors;
use super::{ExecutorPlan, InputPort, PodPlan, Topology};
use crate::diagnostic::Spanned;
use crate::graph::{FlowGraph, Vertex};
use crate::spec::{BatchingTable, Join, PodSpec, PollingTable, Strategy, Uses};

/// Plans `graph`, whose pods have these executors, for `machine`.
pub fn plan(graph: &FlowGraph, executors: Vec<PodExecutors>, machine: Machine) -> Topology {
    let spec = graph.spec();
    let mut planner = Planner { graph, executors, pods: Vec::new(), ends: Vec::new() };
    for position in graph.order() {
        planner.pod(*position);
    }
    let Planner { mut pods, ends, .. } = planner;
    let (entrance, exit_inputs) = connect(graph, &mut pods, &ends);
    let workers: usize = pods.iter().map(|pod| pod.shards * pod.replicas).sum();
    for pod in &mut pods {
        pod.channel_slots = spec.prefetch;
        pod.threads = machine.threads_each(workers);
    }
    Topology {
        name: spec.name.clone(),
        memory: MemoryBound::of(&pods, &entrance, spec.prefetch),
        pods,
        entry_ports: entrance,
        exit_inputs,
        credits: spec.prefetch,
        when_full: spec.when_full,
        timeout: spec.timeout,
        job: spec.job.clone(),
        gateway: spec.gateway.clone(),
    }
}

/// Where a pod of the graph begins and ends among the planned ones: an executor before it and one behind it are pods
/// of their own.
#[derive(Clone, Copy, Debug)]
struct Ends {
    position: usize,
    first: usize,
    last: usize,
}

struct Planner<'a> {
    graph: &'a FlowGraph,
    executors: Vec<PodExecutors>,
    pods: Vec<PodPlan>,
    ends: Vec<Ends>,
}

impl Planner<'_> {
    /// Adds the pod at `position`, with what stands before and behind it.
    fn pod(&mut self, position: usize) {
        let Some(pod) = self.graph.pod(position) else { return };
        let first = self.pods.len();
        let executors = self.executors.get_mut(position).map(std::mem::take).unwrap_or_default();
        let stages = [
            (pod.uses_before.as_ref(), executors.before, "before"),
            (Some(&pod.executor), executors.own, ""),
            (pod.uses_after.as_ref(), executors.after, "after"),
        ];
        for (executor, resolved, role) in stages {
            let Some(executor) = executor else { continue };
            self.pods.push(stage(pod, executor, resolved, role));
        }
        let last = self.pods.len().saturating_sub(1);
        for between in first..last {
            if let Some(pod) = self.pods.get_mut(between) {
                pod.outputs.push(InputPort { pod: Some(between + 1), input: 0 });
            }
        }
        self.ends.push(Ends { position, first, last });
    }
}

/// The plan of one stage. The main one has the copies and the polling; the others route.
fn stage(pod: &PodSpec, executor: &Spanned<Uses>, plan: Option<ExecutorPlan>, role: &str) -> PodPlan {
    let main = role.is_empty();
    PodPlan {
        name: if main { pod.name.value.clone() } else { format!("{}/{role}", pod.name.value) },
        inputs: 1,
        join: Join::Merge,
        shard_join: if main && pod.join == Join::Append { Join::Append } else { Join::Merge },
        when: pod.when.as_ref().map(|when| Arc::new(when.filter.clone())),
        outputs: Vec::new(),
        shards: if main { pod.shards } else { 1 },
        replicas: if main { pod.replicas } else { 1 },
        polling: if main { pod.polling.clone() } else { PollingTable::default() },
        strategy: match main {
            true => pod.strategy.clone(),
            false => Spanned::new(Strategy::Hash, executor.span),
        },
        executor: plan,
        channel_slots: 0,
        threads: 1,
        concurrency: pod.concurrency,
        batching: batching(pod, executor, main),
        timeout_send: pod.timeout_send.filter(|_| main),
        timeout_ready: pod.timeout_ready,
        read_only: pod.read_only,
        span: executor.span,
    }
}

/// Which batches are formed: as the executor's YAML says, and over it, for the main stage, the pod.
fn batching(pod: &PodSpec, executor: &Spanned<Uses>, main: bool) -> BatchingTable {
    let mut table = match &executor.value {
        Uses::Class(spec) => spec.batching.clone(),
        Uses::Unresolved { .. } | Uses::Broken { .. } => BatchingTable::default(),
    };
    if main {
        table.override_with(pod.batching.clone());
    }
    table
}

/// Connects the planned pods as the graph says; returns where requests go first, and how many parts make a reply.
fn connect(graph: &FlowGraph, pods: &mut [PodPlan], ends: &[Ends]) -> (Vec<InputPort>, usize) {
    let mut entrance = Vec::new();
    let mut feed = |needs: Vec<Vertex>, target: Option<usize>, pods: &mut [PodPlan]| {
        for (input, need) in needs.into_iter().enumerate() {
            let port = InputPort { pod: target, input };
            let source = ends.iter().find(|ends| need == Vertex::Pod(ends.position));
            match source.and_then(|ends| pods.get_mut(ends.last)) {
                Some(pod) => pod.outputs.push(port),
                None => entrance.push(port),
            }
        }
    };
    for Ends { position, first, .. } in ends {
        let needs = graph.needs(Vertex::Pod(*position));
        if let (Some(plan), Some(spec)) = (pods.get_mut(*first), graph.pod(*position)) {
            plan.inputs = needs.len();
            plan.join = spec.join;
        }
        feed(needs, Some(*first), pods);
    }
    let leaves = graph.needs(Vertex::Exit);
    let exit_inputs = leaves.len();
    feed(leaves, None, pods);
    (entrance, exit_inputs)
}
