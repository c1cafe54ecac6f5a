//! Reading and launching a flow file, as the commands that take one do.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::Args;
use flowrun_sdk::Catalog;

use super::diagnostics::print_diagnostics;
use super::exit::{EarlyExit, Exit};
use super::message;
use super::value_parsers::assignment;
use crate::PlacedFlow;
use crate::diagnostic::{Code, Policy, Report, Severity, Sources};
use crate::graph::FlowGraph;
use crate::runtime::Flow;
use crate::topology::{Machine, Placement, Topology};
use crate::yaml::Environment;

/// A flow file and options for reading it.
#[derive(Debug, Args)]
pub(super) struct FlowOptions {
    /// YAML file of the flow.
    #[arg(value_name = "FLOW")]
    path: PathBuf,
    #[command(flatten)]
    placement: PlacementOption,
    #[command(flatten)]
    read: ReadOptions,
}

/// The placement of a flow.
#[derive(Debug, Args)]
pub(super) struct PlacementOption {
    /// File with the pods that run on workers, and the addresses of the workers. Other pods run in the gateway.
    #[arg(long, value_name = "FILE")]
    pub(super) placement: Option<PathBuf>,
}

/// Options for reading flow files.
#[derive(Debug, Args)]
pub(super) struct ReadOptions {
    /// Set a variable of the flow file; overrides the environment.
    #[arg(long = "set", value_name = "VAR=VALUE", value_parser = assignment)]
    variables: Vec<(String, String)>,
    /// Downgrade errors that Jina does not report to warnings.
    #[arg(long)]
    lenient: bool,
    /// Run encoders whose model the flow does not name without one: texts are compared by their words, images by their
    /// colours and edges.
    #[arg(long)]
    stand_in: bool,
}

impl FlowOptions {
    /// Reads the flow file in order to run it.
    pub(super) fn read(&self) -> FlowFile {
        self.read.flow(&self.path, &self.placement)
    }

    /// Reads the flow file in order to run the pod `worker` of it alone.
    pub(super) fn read_worker(&self, worker: &str) -> FlowFile {
        self.read.flow_with(&self.path, &self.placement, Some(worker), false)
    }

    /// Reads the flow file in order to draw it: nothing is launched.
    pub(super) fn inspect(&self) -> FlowFile {
        self.read.flow_with(&self.path, &self.placement, None, true)
    }
}

impl ReadOptions {
    /// Reads the flow file at `path` in order to run it.
    pub(super) fn flow(&self, path: &Path, placement: &PlacementOption) -> FlowFile {
        self.flow_with(path, placement, None, false)
    }

    /// Reads the flow file at `path` without a placement, in order to inspect it.
    pub(super) fn inspect(&self, path: &Path) -> FlowFile {
        self.flow_with(path, &PlacementOption { placement: None }, None, true)
    }

    fn flow_with(
        &self,
        path: &Path,
        PlacementOption { placement }: &PlacementOption,
        worker: Option<&str>,
        inspect: bool,
    ) -> FlowFile {
        let environment = Environment::from_process(self.variables.iter().cloned());
        let catalog = crate::catalog::built_in().with_stand_ins(self.stand_in);
        let policy = Policy { lenient: self.lenient, inspect };
        FlowFile::read(path, placement.as_deref(), worker, &environment, catalog, policy)
    }
}

/// A flow file that has been read, with the diagnostics of all stages.
pub(super) struct FlowFile {
    /// Absent if loading, parsing or building the graph failed.
    pub(super) graph: Option<FlowGraph>,
    /// Present together with the graph. It may be launched only if the report has no errors. For a worker, that of the whole
    /// flow.
    pub(super) topology: Option<Topology>,
    /// Present together with the graph, if the command line names one.
    pub(super) placement: Option<Placement>,
    /// Executors that the topology names.
    pub(super) catalog: Catalog,
    pub(super) sources: Sources,
    pub(super) report: Report,
}

impl FlowFile {
    /// Loads, parses, builds and plans the flow at `path`, with the executors of `catalog`: for a gateway, or for a worker
    /// that runs the pod `worker`.
    pub(super) fn read(
        path: &Path,
        placement: Option<&Path>,
        worker: Option<&str>,
        environment: &Environment,
        catalog: Catalog,
        policy: Policy,
    ) -> Self {
        let (mut sources, mut report) = (Sources::default(), Report::new(policy));
        let Some(placement) = placement else {
            let read = crate::read(path, environment, &catalog, &mut sources, &mut report);
            let (graph, topology) = read.unzip();
            return Self { graph, topology, placement: None, catalog, sources, report };
        };
        let files = PlacedFlow { flow: path, placement, worker };
        let read = crate::read_placed(files, environment, &catalog, &mut sources, &mut report);
        let Some((graph, flow, placement)) = read else {
            return Self { graph: None, topology: None, placement: None, catalog, sources, report };
        };
        let topology = match worker {
            None => flow.placed(&placement, Machine::local()),
            Some(_) => flow,
        };
        Self {
            graph: Some(graph),
            topology: Some(topology),
            placement: Some(placement),
            catalog,
            sources,
            report,
        }
    }

    /// Prints the diagnostics of severity `least` and above, and returns the topology.
    ///
    /// # Errors
    /// [`Exit::Usage`] if there are errors among the diagnostics.
    pub(super) fn checked(&self, least: Severity) -> anyhow::Result<&Topology> {
        print_diagnostics(&self.report, &self.sources, least)?;
        let topology = self.topology.as_ref().filter(|_| !self.report.has_errors());
        Ok(topology.ok_or_else(|| EarlyExit::reported(Exit::Usage))?)
    }

    /// Replaces the values of variables in the error of a command by their expressions.
    pub(super) fn hide_values<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        result.map_err(|error| match self.sources.variables.as_written(&message(&error)) {
            Cow::Borrowed(_) => error,
            Cow::Owned(message) => {
                let exit = error.downcast_ref::<EarlyExit>().map_or(Exit::Failed, |early| early.exit);
                EarlyExit { exit, message }.into()
            }
        })
    }

    /// Launches the flow by one of the functions of [`runtime`](crate::runtime), and prints the diagnostics of severity
    /// `least` and above.
    ///
    /// # Errors
    /// [`Exit::Usage`] if an executor could not be started, [`Exit::NotReady`] if it was not ready within
    /// `timeout_ready`.
    pub(super) async fn launch(
        &self,
        topology: &Topology,
        least: Severity,
        launch: impl AsyncFnOnce(&Topology, &Catalog, &mut Report) -> Option<Flow>,
    ) -> anyhow::Result<Flow> {
        let mut report = Report::new(self.report.policy());
        let flow = launch(topology, &self.catalog, &mut report).await;
        print_diagnostics(&report, &self.sources, least)?;
        let late = report.sorted().iter().any(|diagnostic| diagnostic.code == Code::NotReady);
        let exit = if late { Exit::NotReady } else { Exit::Usage };
        Ok(flow.ok_or_else(|| EarlyExit::reported(exit))?)
    }
}
