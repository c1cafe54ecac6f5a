//! Starts a flow: checks executors against each other, builds them, then starts channels and workers.
//!
//! Nothing runs until every executor has been built. [`checks`] compares what pods expect of each other, first by their
//! descriptions and then, for facts that were unknown, by the built executors. [`build`] constructs executors and reports
//! failures, [`pods`] wires the graph, [`shard_workers`] starts threads and tasks.

mod build;
mod checks;
mod pods;
mod shard_workers;

use flowrun_sdk::{Catalog, ExecutorDescription};

use self::build::BuiltExecutor;
use super::flow::Flow;
use super::watchdog::HangPolicy;
use super::worker::ThreadPriority;
use crate::diagnostic::Report;
use crate::topology::Topology;

/// Starts the flow of `topology` with executors of `catalog`. Returns `None` when an executor cannot be started; the report
/// names it and the cause.
pub async fn launch(topology: &Topology, catalog: &Catalog, report: &mut Report) -> Option<Flow> {
    launch_with(ThreadPriority::default(), HangPolicy::Wait, topology, catalog, report).await
}

/// Starts a flow that is served to clients: executors run at a lower priority than the threads that serve connections, and
/// requests fail immediately while all workers of a shard that they need hang.
pub async fn launch_background(topology: &Topology, catalog: &Catalog, report: &mut Report) -> Option<Flow> {
    launch_with(ThreadPriority::background(), HangPolicy::FailFast, topology, catalog, report).await
}

async fn launch_with(
    priority: ThreadPriority,
    hang_policy: HangPolicy,
    topology: &Topology,
    catalog: &Catalog,
    report: &mut Report,
) -> Option<Flow> {
    let planned: Vec<_> = topology.pods.iter().map(|pod| pod.description.clone()).collect();
    if !checks::check(topology, &planned, report) {
        return None;
    }
    let built = build::build_executors(priority, topology, catalog, report).await?;
    let descriptions = complete(planned, &built);
    if !checks::check(topology, &descriptions, report) {
        return None;
    }
    Some(pods::start(topology, &descriptions, built, priority, hang_policy))
}

/// Fills the unknown facts of each description from the built executors of its pod.
fn complete(
    descriptions: Vec<ExecutorDescription>,
    built: &[Vec<BuiltExecutor>],
) -> Vec<ExecutorDescription> {
    let fill = |(description, built): (ExecutorDescription, &Vec<BuiltExecutor>)| match built.first() {
        Some(first) => description.or(ExecutorDescription::from_instance(&first.instance)),
        None => description,
    };
    descriptions.into_iter().zip(built).map(fill).collect()
}
