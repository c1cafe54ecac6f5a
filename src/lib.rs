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
use topology::{Machine, Topology};
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
    let tree = yaml::load(path, environment, sources, report)?;
    let spec = spec::parse(&tree, environment, sources, report)?;
    // Before the graph is built, so that one run reports the errors of both stages.
    let executors = topology::resolve(&spec, catalog, sources.directory(tree.span.file), report);
    let graph = graph::build(spec, report)?;
    let executors = topology::describe(executors, report);
    let topology = topology::plan(&graph, executors, Machine::local());
    Some((graph, topology))
}
