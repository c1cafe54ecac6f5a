//! flowrun runs Jina-style Flow YAML as one fast process.
//!
//! ```text
//!  bytes ─yaml─▶ spanned tree ─spec─▶ FlowSpec ─graph─▶ FlowGraph ─topology─▶ Topology ─runtime─▶ Flow ─gateway, job─▶ clients, files
//! ```
//!
//! Each stage is a module named after it, with one data type as its output. Data only moves forward: no stage imports a
//! later one. The first four stages add diagnostics to a [report](diagnostic::Report) and continue as far as they can;
//! a flow may be launched only if the report has no errors. Concrete executors are known only to the [catalog], and the
//! stages use them through `flowrun_sdk`.

pub mod catalog;
pub mod cli;
pub mod client;
pub mod diagnostic;
pub mod gateway;
pub mod graph;
pub mod job;
pub mod limits;
pub mod routes;
pub mod runtime;
pub mod spec;
pub mod topology;
pub mod yaml;

use std::path::Path;

use diagnostic::{Report, Sources};
use flowrun_sdk::Catalog;
use graph::FlowGraph;
use spec::{FlowSpec, PlacementSpec};
use topology::{Machine, Placement, RunsHere, Topology, chain_members};
use yaml::Environment;

/// Runs the first four stages: loads, parses, builds and plans the flow file at `path`.
///
/// Adds the files that were read to `sources`, and diagnostics to `report`. Returns `None` if a stage has no output. A
/// result may be launched only if the report has no errors.
pub fn read(
    path: &Path,
    environment: &Environment,
    catalog: &Catalog,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<(FlowGraph, Topology)> {
    let flow = parse_flow(path, environment, sources, report)?;
    plan_flow(flow, |_| RunsHere { main: true, around: true }, catalog, report)
}

/// Files of a flow some of whose pods run on workers.
#[derive(Clone, Copy, Debug)]
pub struct PlacedFlow<'a> {
    /// The flow file.
    pub flow: &'a Path,
    /// The placement file.
    pub placement: &'a Path,
    /// The pod, or the chain `POD+POD`, that this process is to run alone; `None` for a gateway.
    pub worker: Option<&'a str>,
}

/// Like [`read`], for a flow with a placement. The topology is that of the whole flow: [`Topology::placed`] and
/// [`Topology::of_worker`] are the parts of it that processes run.
pub fn read_placed(
    PlacedFlow { flow, placement, worker }: PlacedFlow<'_>,
    environment: &Environment,
    catalog: &Catalog,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<(FlowGraph, Topology, Placement)> {
    let flow = parse_flow(flow, environment, sources, report);
    // Before the flow is planned, so that one run reports the errors of both files.
    let placement = yaml::load(placement, environment, sources, report)
        .and_then(|tree| spec::parse_placement(&tree, environment, sources, report))
        .unwrap_or_default();
    let runs_here = |pod: &str| match worker {
        None => RunsHere { main: !is_placed(&placement, pod), around: true },
        Some(worker) => RunsHere { main: chain_members(worker).any(|member| member == pod), around: false },
    };
    let (graph, topology) = plan_flow(flow?, runs_here, catalog, report)?;
    let placement = topology::check_placement(&placement, &topology, catalog, report);
    let workers = placement
        .pods
        .iter()
        .flat_map(|(name, shards)| chain_members(name).map(move |member| (member, shards.clone())));
    Some((graph.with_workers(workers), topology, placement))
}

fn is_placed(placement: &PlacementSpec, pod: &str) -> bool {
    let mut names = placement.pods.iter().flat_map(|placed| chain_members(&placed.name.value));
    names.any(|name| name == pod)
}

/// A parsed flow and the directory of its file.
type ParsedFlow = (FlowSpec, std::path::PathBuf);

fn parse_flow(
    path: &Path,
    environment: &Environment,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<ParsedFlow> {
    let tree = yaml::load(path, environment, sources, report)?;
    let spec = spec::parse(&tree, environment, sources, report)?;
    Some((spec, sources.directory(tree.span.file).to_owned()))
}

/// Builds and plans a parsed flow. `runs_here` states which executors of a pod this process runs.
fn plan_flow(
    (spec, directory): ParsedFlow,
    runs_here: impl Fn(&str) -> RunsHere,
    catalog: &Catalog,
    report: &mut Report,
) -> Option<(FlowGraph, Topology)> {
    // Before the graph is built, so that one run reports the errors of both stages.
    let executors = topology::resolve(&spec, catalog, &directory, report);
    let here: Vec<RunsHere> = spec.pods.iter().map(|pod| runs_here(&pod.name.value)).collect();
    let graph = graph::build(spec, report)?;
    let executors = topology::describe(executors, &here, report);
    let topology = topology::plan(&graph, executors, Machine::local());
    Some((graph, topology))
}
