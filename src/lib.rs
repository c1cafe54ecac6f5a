//! flowrun runs Jina-style Flow YAML as one fast process.
//!
//! ```text
//!  bytes ─yaml─▶ spanned tree ─spec─▶ FlowSpec ─graph─▶ FlowGraph ─topology─▶ Topology ─runtime─▶ Flow ─job─▶ the world
//! ```
//!
//! Six stages, six nouns; data moves forward only, and no stage imports a later one. Each of the first four hands on
//! what it has and a [report](diagnostic::Report); only a report without errors unlocks the launch. Executors are
//! seen through `flowrun_sdk` alone.

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

/// The first four stages: from the file at `path` to what would run.
///
/// `None` when a stage has nothing to hand on; otherwise the report may still hold errors, and then nothing may be
/// launched.
pub fn read(
    path: &Path,
    environment: &Environment,
    catalog: &Catalog,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<(FlowGraph, Topology)> {
    let tree = yaml::load(path, environment, sources, report)?;
    let spec = spec::parse(&tree, environment, sources, report)?;
    // Before the graph is built, so that one run tells what is wrong with either.
    let executors = topology::resolve(&spec, catalog, sources.directory(tree.span.file), report);
    let graph = graph::build(spec, report)?;
    let topology = topology::plan(&graph, executors, Machine::local());
    Some((graph, topology))
}
