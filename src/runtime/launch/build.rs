//! Builds the executors of all workers in parallel, and reports those that fail or take too long.

use std::sync::Arc;

use flowrun_sdk::{BuildError, Catalog, ExecutorType, Instance};

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::runtime::worker::{BuildFailure, ExecutorFactory, ShardState, ThreadPriority};
use crate::spec::Strategy;
use crate::topology::{ComponentPlan, PodPlan, Topology, Worker, diagnostic_at, library_fault_code};

/// A built executor, and the factory that restarts it.
pub(super) struct BuiltExecutor {
    pub(super) worker: Worker,
    pub(super) instance: Instance,
    pub(super) factory: ExecutorFactory,
}

/// An executor under construction on a blocking thread.
struct PendingBuild {
    pod: usize,
    worker: Worker,
    build: tokio::task::JoinHandle<Result<(Instance, ExecutorFactory), BuildFailure>>,
}

/// Builds every executor. Returns the executors of each pod, in the order of the topology, or `None` when one failed.
pub(super) async fn build_executors(
    priority: ThreadPriority,
    topology: &Topology,
    catalog: &Catalog,
    report: &mut Report,
) -> Option<Vec<Vec<BuiltExecutor>>> {
    let pending = start_builds(priority, topology, catalog, report)?;
    let started = tokio::time::Instant::now();
    let mut built: Vec<Vec<BuiltExecutor>> = topology.pods.iter().map(|_| Vec::new()).collect();
    let mut complete = true;
    for PendingBuild { pod: position, worker, build } in pending {
        let Some(pod) = topology.pods.get(position) else { continue };
        let result = match pod.timeout_ready {
            None => Ok(build.await),
            Some(limit) => tokio::time::timeout_at(started + limit, build).await,
        };
        let diagnostic = match result {
            Ok(Ok(Ok((instance, factory)))) => {
                if let Some(workers) = built.get_mut(position) {
                    workers.push(BuiltExecutor { worker, instance, factory });
                }
                continue;
            }
            Ok(Ok(Err(failure))) => build_failed(topology, position, &failure),
            Ok(Err(error)) => {
                let message = format!("`{}` could not be started: {error}", pod.name);
                topology.spans.at_pod(Code::NotStarted, position, message)
            }
            Err(_) => not_ready(topology, position),
        };
        report.push(diagnostic);
        complete = false;
    }
    complete.then_some(built)
}

/// Starts the construction of every executor; `None` when a pod has none or its type cannot be found.
fn start_builds(
    priority: ThreadPriority,
    topology: &Topology,
    catalog: &Catalog,
    report: &mut Report,
) -> Option<Vec<PendingBuild>> {
    let mut pending = Vec::new();
    for (position, pod) in topology.pods.iter().enumerate() {
        let types = match find_types(pod, catalog) {
            Ok(types) => types,
            Err(failure) => {
                report.push(build_failed(topology, position, &failure));
                return None;
            }
        };
        let uses_summaries = uses_summaries(pod);
        let shards: Vec<ShardState> = (0..pod.shards).map(|_| ShardState::new(pod)).collect();
        for worker in pod.workers() {
            let factory =
                shards.get(worker.shard).and_then(|shard| ExecutorFactory::new(pod, &types, worker, shard));
            let Some(factory) = factory else {
                let message = format!("`{}` could not be started: it has no executor", pod.name);
                report.push(topology.spans.at_pod(Code::NotStarted, position, message));
                return None;
            };
            let build = tokio::task::spawn_blocking(move || {
                // Threads that executors start inherit the priority.
                priority.apply();
                let instance = factory.build()?;
                if let Some(summary) = instance.shard_summary.as_ref().filter(|_| uses_summaries) {
                    summary.prepare();
                }
                Ok((instance, factory))
            });
            pending.push(PendingBuild { pod: position, worker, build });
        }
    }
    Some(pending)
}

/// The executor types of the components that this process runs for a pod; equal for all of its shards.
fn find_types(pod: &PodPlan, catalog: &Catalog) -> Result<Arc<[ExecutorType]>, BuildFailure> {
    let components = pod.executor_of_shard(0).into_iter().flat_map(|plan| &plan.components).enumerate();
    let find = |(component, plan): (usize, &ComponentPlan)| {
        plan.executor.find(catalog).map_err(|error| BuildFailure { component, error })
    };
    components.map(find).collect()
}

/// Returns `true` when requests or documents are routed by the contents of the shards.
fn uses_summaries(pod: &PodPlan) -> bool {
    pod.shards > 1 && (matches!(pod.strategy, Strategy::Cluster(_)) || pod.polling.has_relevant())
}

/// Diagnostic for a constructor that failed. It points at the parameter if the error names one.
fn build_failed(topology: &Topology, position: usize, failure: &BuildFailure) -> Diagnostic {
    if let BuildError::NotReady(reason) = &failure.error {
        let not_ready = not_ready(topology, position);
        let message = format!("{}: {reason}", not_ready.message);
        return Diagnostic { message, ..not_ready };
    }
    let spans = topology.spans.pod(position);
    let component = spans.and_then(|pod| pod.components.get(failure.component));
    let parameter = match &failure.error {
        BuildError::Parameter { name, .. } => {
            component.and_then(|component| component.parameters.get(name.as_ref())).map(|(_, value)| *value)
        }
        _ => None,
    };
    let (code, help) = match &failure.error {
        BuildError::Library(error) => (library_fault_code(error.fault), error.help),
        _ => (Code::NotStarted, None),
    };
    let name = topology.pods.get(position).map_or("", |pod| pod.name.as_str());
    let message = format!("`{name}` could not be started: {}", failure.error);
    let span = parameter.or_else(|| spans.map(|pod| pod.executor));
    diagnostic_at(code, span, message).maybe_help(help.map(str::to_owned))
}

/// Diagnostic for an executor that exceeded `timeout_ready`.
fn not_ready(topology: &Topology, position: usize) -> Diagnostic {
    let pod = topology.pods.get(position);
    let name = pod.map_or("", |pod| pod.name.as_str());
    let seconds = pod.and_then(|pod| pod.timeout_ready).unwrap_or_default().as_secs_f64();
    let message = format!("`{name}` was not ready within {seconds} s");
    let help = "give it more time: `timeout_ready: 60000` (milliseconds; -1 for no limit)";
    topology.spans.at_pod(Code::NotReady, position, message).help(help)
}
