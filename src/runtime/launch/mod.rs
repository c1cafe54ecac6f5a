//! Starts a flow: builds all executors, checks them against each other, then starts channels and workers.
//!
//! Nothing runs until every executor has been built. [`build`] constructs executors and reports failures, [`checks`]
//! compares what pods expect of each other, [`pods`] wires the graph, [`shard_workers`] starts threads and tasks.

mod build;
mod checks;
mod pods;
mod shard_workers;

use super::flow::Flow;
use super::worker::ThreadPriority;
use crate::diagnostic::Report;
use crate::topology::Topology;

/// Starts the flow of `topology`. Returns `None` when an executor cannot be started; the report names it and the cause.
pub async fn launch(topology: &Topology, report: &mut Report) -> Option<Flow> {
    launch_with(ThreadPriority::default(), topology, report).await
}

/// Starts a flow that is served to clients: executors run at a lower priority than the threads that serve connections.
pub async fn launch_background(topology: &Topology, report: &mut Report) -> Option<Flow> {
    launch_with(ThreadPriority::background(), topology, report).await
}

async fn launch_with(priority: ThreadPriority, topology: &Topology, report: &mut Report) -> Option<Flow> {
    let built = build::build_executors(priority, topology, report).await?;
    if !checks::check_dimensions(topology, &built, report)
        || !checks::check_strategies(topology, &built, report)
    {
        return None;
    }
    Some(pods::start(topology, built, priority))
}
