//! Grammar of the command line: the subcommands, and the options that all of them accept.
//!
//! The options of a subcommand are declared in its own file. Options that several subcommands share have files of their
//! own: [`flow_file`](super::flow_file), [`request_options`](super::request_options),
//! [`connection_options`](super::connection_options) and [`listen_options`](super::listen_options).

use clap::{Parser, Subcommand};

use super::bench::BenchOptions;
use super::check::CheckOptions;
use super::client::ClientOptions;
use super::completions::CompletionsOptions;
use super::doctor::DoctorOptions;
use super::executors::ExecutorsOptions;
use super::graph::GraphOptions;
use super::index::IndexOptions;
use super::logging::LogOptions;
use super::new::NewOptions;
use super::plugin::PluginOptions;
use super::run::RunOptions;
use super::serve::ServeOptions;
use super::worker::WorkerOptions;

/// Examples under `--help`.
const EXAMPLES: &str = concat!(
    "\
Examples:
  flowrun flows/flower/index.yml -i ~/Pictures     run a flow over files; short for `flowrun run …`
  flowrun serve flow.yml --port 8080               serve a flow
  flowrun client 127.0.0.1:8080 /search a.jpg      query a served flow
  flowrun check *.yml                              report the mistakes of flow files

Documentation: ",
    env!("CARGO_PKG_REPOSITORY")
);

/// Runs Jina-style Flow YAML as one fast process.
#[derive(Debug, Parser)]
#[command(
    name = "flowrun",
    version,
    long_version = long_version(),
    about,
    max_term_width = 100,
    after_help = EXAMPLES
)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) log: LogOptions,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The version, and the instruction sets that the numeric code was compiled for.
fn long_version() -> String {
    format!("{}\n{}", env!("CARGO_PKG_VERSION"), flowrun_index::build_description())
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a flow: as a batch job over its input, or as a service if it has no input
    Run(Box<RunOptions>),
    /// Serve a flow over gRPC, HTTP and WebSocket
    Serve(ServeOptions),
    /// Serve one replica of a pod to the gateways of its flow, in another process or on another machine
    Worker(WorkerOptions),
    /// Send documents to a running service, on this machine or another
    Client(Box<ClientOptions>),
    /// Measure the throughput and latency of a service or a flow
    Bench(BenchOptions),
    /// Check a flow file: print its diagnostics, its normal form and its memory bound
    Check(CheckOptions),
    /// Draw the graph of a flow
    Graph(GraphOptions),
    /// List the built-in executors, or the parameters of one
    Executors(ExecutorsOptions),
    /// Inspect, verify, copy, fill or compact an index on disk
    Index(IndexOptions),
    /// Inspect a plugin library without executing it
    Plugin(PluginOptions),
    /// Show the hardware and libraries that flowrun uses on this machine
    Doctor(DoctorOptions),
    /// Create a new executor or flow from a template
    New(NewOptions),
    /// Print a completion script for a shell
    Completions(CompletionsOptions),
}
