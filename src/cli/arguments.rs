//! What can be said on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::index::IndexOptions;
use super::new::NewOptions;
use super::plugin::PluginOptions;
use crate::diagnostic::{self, Policy};
use crate::graph::draw;
use crate::limits::REQUEST_SIZE_DEFAULT;
use crate::yaml::Environment;

/// flowrun runs Jina-style Flow YAML as one fast process.
#[derive(Debug, Parser)]
#[command(
    name = "flowrun",
    version,
    long_version = long_version(),
    about,
    max_term_width = 100,
    after_help = "`flowrun FLOW` is short for `flowrun run FLOW`."
)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// What is running, and for which processors its numeric parts were built.
fn long_version() -> String {
    format!("{}\n{}", env!("CARGO_PKG_VERSION"), flowrun_index::build_description())
}

/// What every verb understands.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// How log lines are written.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) log_format: LogFormat,
    /// Says more: once for what happens, twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Runs a flow: as a batch job over its input, or as a service when it has none
    Run(RunOptions),
    /// Runs a flow as a service
    Serve(ServeOptions),
    /// Asks a flow that is served, here or elsewhere
    Client(ClientOptions),
    /// Measures how fast a flow answers
    Bench(BenchOptions),
    /// Says what is wrong with a flow, what it means and how much memory it may hold
    Check(CheckOptions),
    /// Draws a flow
    Graph(GraphOptions),
    /// Lists the built-in executors, or the parameters of one
    Executors(ExecutorsOptions),
    /// Looks into an index, checks, copies, fills or empties it, while no flow has it open
    Index(IndexOptions),
    /// Looks into a plugin's library, without executing it
    Plugin(PluginOptions),
    /// Says what this machine offers, and what is used of it
    Doctor(DoctorOptions),
    /// Writes an executor or a flow to begin with
    New(NewOptions),
    /// Writes a completion script for a shell
    Completions(CompletionsOptions),
}

/// A flow file and how it is read.
#[derive(Debug, Args)]
pub(super) struct FlowOptions {
    /// The flow's YAML file.
    #[arg(value_name = "FLOW")]
    pub(super) flow: PathBuf,
    /// Sets a variable of the flow file, before the environment.
    #[arg(long = "set", value_name = "VAR=VALUE", value_parser = assignment)]
    pub(super) set: Vec<(String, String)>,
    /// Turns the errors that Jina does not make into warnings.
    #[arg(long)]
    pub(super) lenient: bool,
}

impl FlowOptions {
    /// The variables that the flow file sees.
    pub(super) fn environment(&self) -> Environment {
        Environment::from_process(self.set.iter().cloned())
    }

    /// How strictly the file is read.
    pub(super) fn policy(&self, inspect: bool) -> Policy {
        Policy { lenient: self.lenient, inspect }
    }
}

/// `flowrun doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorOptions {
    /// Fetches ONNX Runtime into the cache when there is none, by Python's client; models run faster on it.
    #[arg(long)]
    pub(super) fix: bool,
}

/// `flowrun run`.
#[derive(Debug, Args)]
pub(super) struct RunOptions {
    #[command(flatten)]
    pub(super) flow: FlowOptions,
    /// Files, directories or patterns; a `.jsonl` file has a document a line; `-` is standard input.
    #[arg(short, long, value_name = "PATH", num_args = 1..)]
    pub(super) input: Vec<PathBuf>,
    /// Where the requests go, for example `/index`.
    #[arg(short, long, value_name = "PATH")]
    pub(super) endpoint: Option<String>,
    /// Writes results as JSON lines; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// How many matches to ask for.
    #[arg(short = 'k', long, value_name = "N")]
    pub(super) top_k: Option<usize>,
    /// A request parameter; the value is JSON, or else a text.
    #[arg(short, long = "parameter", value_name = "NAME=VALUE", value_parser = assignment)]
    pub(super) parameters: Vec<(String, String)>,
    /// Documents in one request.
    #[arg(long, value_name = "N")]
    pub(super) request_size: Option<usize>,
    /// How long one request may take, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) timeout: Option<Duration>,
    /// Ends with 0 even when documents failed.
    #[arg(long)]
    pub(super) keep_going: bool,
    /// Writes the summary as JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) summary: Option<PathBuf>,
    #[command(flatten)]
    pub(super) listen: ListenOptions,
}

impl RunOptions {
    /// Whether what is said makes sense for a batch job only.
    pub(super) fn is_job(&self) -> bool {
        !self.input.is_empty()
            || self.endpoint.is_some()
            || self.output.is_some()
            || self.summary.is_some()
            || self.top_k.is_some()
            || !self.parameters.is_empty()
    }
}

/// `flowrun serve`.
#[derive(Debug, Args)]
pub(super) struct ServeOptions {
    #[command(flatten)]
    pub(super) flow: FlowOptions,
    #[command(flatten)]
    pub(super) listen: ListenOptions,
}

/// Where a service listens, and to whom.
#[derive(Debug, Args)]
pub(super) struct ListenOptions {
    /// The port to listen at, or several; 0 is any that is free. Each speaks gRPC, HTTP and WebSocket.
    #[arg(long, value_name = "PORT", num_args = 1..)]
    pub(super) port: Vec<u16>,
    /// The address to listen at.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) host: Option<String>,
    /// A file with the token that clients must show; the variable FLOWRUN_TOKEN does the same.
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// The certificate to show, in PEM form: every port speaks TLS alone.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// The private key of that certificate, in PEM form.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// Listens to everyone without a token.
    #[arg(long)]
    pub(super) insecure: bool,
}

/// `flowrun client`.
#[derive(Debug, Args)]
pub(super) struct ClientOptions {
    /// Where the flow is served: HOST:PORT or grpc://HOST:PORT, or grpcs://HOST:PORT beneath TLS.
    pub(super) address: String,
    /// Where the requests go, for example `/search`.
    pub(super) endpoint: String,
    /// Files, directories or patterns; a `.jsonl` file has a document a line; `-` is standard input. Without any, there
    /// is one request without documents.
    #[arg(value_name = "FILES")]
    pub(super) files: Vec<PathBuf>,
    /// Writes results as JSON lines; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) asking: AskingOptions,
    /// Documents in one request.
    #[arg(long, value_name = "N", default_value_t = REQUEST_SIZE_DEFAULT, value_parser = from_one)]
    pub(super) request_size: usize,
    /// How long one request may take, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) timeout: Option<Duration>,
}

/// What requests to a service say beside their documents.
#[derive(Debug, Args)]
pub(super) struct AskingOptions {
    /// How many matches to ask for.
    #[arg(short = 'k', long, value_name = "N")]
    pub(super) top_k: Option<usize>,
    /// A request parameter; the value is JSON, or else a text.
    #[arg(short, long = "parameter", value_name = "NAME=VALUE", value_parser = assignment)]
    pub(super) parameters: Vec<(String, String)>,
    /// A file with the token to show; the variable FLOWRUN_TOKEN does the same.
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// The authorities to trust at `grpcs://`, or the server's certificate itself, in PEM form; absent: the system's.
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
}

/// `flowrun bench`.
#[derive(Debug, Args)]
pub(super) struct BenchOptions {
    /// Where the flow is served, HOST:PORT, grpc://HOST:PORT or grpcs://HOST:PORT; or the flow's YAML file, to serve it here meanwhile.
    #[arg(value_name = "ADDRESS|FLOW")]
    pub(super) target: String,
    /// Where the requests go.
    #[arg(short, long, value_name = "PATH", default_value = "/")]
    pub(super) endpoint: String,
    /// Closed loop: requests under way at once; the next is sent when one is answered.
    #[arg(short, long, value_name = "N", default_value_t = 64, value_parser = from_one)]
    pub(super) concurrency: usize,
    /// Open loop: requests sent in a second, answered or not.
    #[arg(long, value_name = "PER_SECOND", value_parser = rate, conflicts_with = "concurrency")]
    pub(super) rate: Option<f64>,
    /// Connections that the requests are spread over.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = from_one)]
    pub(super) connections: usize,
    /// One stream a connection, instead of requests one by one.
    #[arg(long)]
    pub(super) stream: bool,
    /// How long, in seconds.
    #[arg(short, long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(super) duration: Duration,
    /// Documents in one request.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) documents: usize,
    /// Bytes of each document's text.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub(super) bytes: usize,
    /// Takes the documents from these files instead, as `flowrun client` does.
    #[arg(short, long, value_name = "PATH", num_args = 1.., conflicts_with = "bytes")]
    pub(super) input: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) asking: AskingOptions,
    /// How the figures are written.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: BenchFormat,
}

/// How figures are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum BenchFormat {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// `flowrun check`.
#[derive(Debug, Args)]
pub(super) struct CheckOptions {
    #[command(flatten)]
    pub(super) flow: FlowOptions,
    /// How diagnostics are written.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: diagnostic::Format,
}

/// `flowrun graph`.
#[derive(Debug, Args)]
pub(super) struct GraphOptions {
    #[command(flatten)]
    pub(super) flow: FlowOptions,
    /// How the graph is drawn.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: draw::Format,
}

/// `flowrun executors`.
#[derive(Debug, Args)]
pub(super) struct ExecutorsOptions {
    /// One of them.
    pub(super) name: Option<String>,
}

/// `flowrun completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsOptions {
    /// The shell.
    pub(super) shell: clap_complete::Shell,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn from_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "write a number from 1 on".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "write a number of requests a second, greater than 0".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write a number of seconds")?;
    if seconds <= 0.0 {
        return Err("write a number of seconds greater than 0".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
