//! Turns the graph into workers and channels.

use super::budget::MemoryBound;
use super::describe::DescribedExecutor;
use super::machine::Machine;
use super::pod_plan::Role;
use super::resolve::PodExecutors;
use super::spans::{PodSpans, TopologySpans};
use super::{InputPort, JobPlan, PodPlan, Topology};
use crate::graph::{FlowGraph, Vertex};
use crate::spec::{FlowSpec, JobSpec};

/// Turns `graph` into a topology for `machine`. `executors` has one entry for each pod, in the order of the flow file.
pub fn plan(
    graph: &FlowGraph,
    executors: Vec<PodExecutors<DescribedExecutor>>,
    machine: Machine,
) -> Topology {
    // Without `..`, so that a new field of a flow does not compile before it is planned or listed with those that are not.
    let FlowSpec {
        name,
        prefetch,
        when_full,
        timeout,
        exit_on_hang,
        job,
        gateway,
        // Read before this stage.
        dialect: _,
        span: _,
        plugins: _,
        pods: _,
    } = graph.spec();
    let mut planner = Planner { graph, executors, pods: Vec::new(), spans: Vec::new(), stages: Vec::new() };
    for position in graph.order() {
        planner.add_pod(*position);
    }
    let Planner { mut pods, spans, stages, .. } = planner;
    let (entry_ports, exit_inputs) = connect(graph, &mut pods, &stages);
    for pod in &mut pods {
        pod.channel_slots = *prefetch;
    }
    share_threads(&mut pods, machine);
    Topology {
        name: name.clone(),
        memory: MemoryBound::new(&pods, &entry_ports, *prefetch, machine.memory),
        pods,
        entry_ports,
        exit_inputs,
        credits: *prefetch,
        when_full: *when_full,
        timeout: *timeout,
        exit_on_hang: *exit_on_hang,
        job: job_plan(job),
        gateway: gateway.clone(),
        spans: TopologySpans { pods: spans, job_inputs: job.input.iter().map(|path| path.span).collect() },
    }
}

/// Shares the threads of the machine among the workers that compute in this process.
pub(super) fn share_threads(pods: &mut [PodPlan], machine: Machine) {
    let workers = pods.iter().map(PodPlan::executors_here).sum();
    for pod in pods {
        pod.threads = machine.threads_per_worker(workers);
    }
}

fn job_plan(JobSpec { input, include, endpoint, output, top_k, request_size }: &JobSpec) -> JobPlan {
    JobPlan {
        input: input.iter().map(|path| path.value.clone()).collect(),
        include: include.clone(),
        endpoint: endpoint.clone(),
        output: output.clone(),
        top_k: *top_k,
        request_size: *request_size,
    }
}

/// Positions of the planned pods that one pod of the graph became: `uses_before`, `uses` and `uses_after` are pods of their
/// own.
#[derive(Clone, Copy, Debug)]
struct Stages {
    /// Position in the graph.
    graph_position: usize,
    /// Positions of the first and last planned pod, which may be the same.
    first: usize,
    last: usize,
}

struct Planner<'a> {
    graph: &'a FlowGraph,
    executors: Vec<PodExecutors<DescribedExecutor>>,
    pods: Vec<PodPlan>,
    spans: Vec<PodSpans>,
    stages: Vec<Stages>,
}

impl Planner<'_> {
    /// Plans the pod at `position` of the graph, and connects its stages.
    fn add_pod(&mut self, position: usize) {
        let Some(pod) = self.graph.pod(position) else { return };
        let first = self.pods.len();
        let executors = self.executors.get_mut(position).map(std::mem::take).unwrap_or_default();
        let stages = [
            (pod.uses_before.as_ref(), executors.before, Role::Before),
            (Some(&pod.executor), executors.main, Role::Main),
            (pod.uses_after.as_ref(), executors.after, Role::After),
        ];
        for (uses, executor, role) in stages {
            let Some(uses) = uses else { continue };
            let components = executor.as_ref().map(|executor| executor.spans.clone());
            self.spans.push(PodSpans {
                executor: uses.span,
                strategy: if role == Role::Main { pod.strategy.span } else { uses.span },
                components: components.unwrap_or_default(),
            });
            self.pods.push(PodPlan::new(pod, uses, executor, role));
        }
        let last = self.pods.len().saturating_sub(1);
        for position in first..last {
            if let Some(pod) = self.pods.get_mut(position) {
                pod.outputs.push(InputPort { pod: Some(position + 1), input: 0 });
            }
        }
        self.stages.push(Stages { graph_position: position, first, last });
    }
}

/// Connects the planned pods by the edges of the graph. Returns the entry ports and the number of inputs at the exit.
fn connect(graph: &FlowGraph, pods: &mut [PodPlan], stages: &[Stages]) -> (Vec<InputPort>, usize) {
    let mut entry_ports = Vec::new();
    let mut feed = |needs: Vec<Vertex>, target: Option<usize>, pods: &mut [PodPlan]| {
        for (input, need) in needs.into_iter().enumerate() {
            let port = InputPort { pod: target, input };
            let source = stages.iter().find(|stages| need == Vertex::Pod(stages.graph_position));
            match source.and_then(|stages| pods.get_mut(stages.last)) {
                Some(pod) => pod.outputs.push(port),
                None => entry_ports.push(port),
            }
        }
    };
    for Stages { graph_position, first, .. } in stages {
        let needs = graph.needs(Vertex::Pod(*graph_position));
        if let (Some(plan), Some(spec)) = (pods.get_mut(*first), graph.pod(*graph_position)) {
            plan.inputs = needs.len();
            plan.join = spec.join;
        }
        feed(needs, Some(*first), pods);
    }
    let leaves = graph.needs(Vertex::Exit);
    let exit_inputs = leaves.len();
    feed(leaves, None, pods);
    (entry_ports, exit_inputs)
}
