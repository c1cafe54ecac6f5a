//! `flowrun run`: a flow as a batch job over its input. A flow without input is served instead.
//!
//! The stages of the program in their order: read (load, parse, build, plan), launch, feed, drain.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;

use super::async_runtime::block_on;
use super::exit::Exit;
use super::flow_file::{FlowFile, FlowOptions};
use super::listen_options::ListenOptions;
use super::request_options::{RequestOptions, endpoint_path};
use super::serve::serve_file;
use super::shutdown::{Signals, exit_of_drained};
use crate::diagnostic::{Code, Diagnostic, Report, Severity, Span};
use crate::gateway::LogStream;
use crate::job::{self, Input, Job, Output, Progress, Summary};
use crate::limits::{DRAIN_TIMEOUT, REQUEST_SIZE_DEFAULT};
use crate::runtime::{self, Flow};
use crate::topology::Topology;

/// Options of `flowrun run`.
#[derive(Debug, Args)]
pub(super) struct RunOptions {
    #[command(flatten)]
    flow: FlowOptions,
    /// Input files, directories or glob patterns; a `.jsonl` file has one document per line; `-` is standard input.
    #[arg(short, long, value_name = "PATH", num_args = 1..)]
    input: Vec<PathBuf>,
    /// Endpoint that requests are sent to, for example `/index`.
    #[arg(short, long, value_name = "PATH")]
    endpoint: Option<String>,
    /// File that results are written to as JSON lines; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    request: RequestOptions,
    /// Number of documents per request.
    #[arg(long, value_name = "N")]
    request_size: Option<usize>,
    /// Timeout of one request in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = super::value_parsers::seconds)]
    timeout: Option<Duration>,
    /// Exit with 0 even if documents fail.
    #[arg(long)]
    keep_going: bool,
    /// File that the summary is written to as JSON.
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    #[command(flatten)]
    listen: ListenOptions,
}

impl RunOptions {
    /// Returns whether there are options that apply to a batch job only.
    fn is_job(&self) -> bool {
        !self.input.is_empty()
            || self.endpoint.is_some()
            || self.output.is_some()
            || self.summary.is_some()
            || self.request.top_k.is_some()
            || !self.request.parameters.is_empty()
    }

    /// File that results are written to: of the command line, or else of the flow.
    fn output<'a>(&'a self, topology: &'a Topology) -> Option<&'a std::path::Path> {
        self.output.as_deref().or(topology.job.output.as_deref())
    }
}

/// Reads the flow, launches it, feeds it the input, and drains it.
pub(super) fn run(options: &RunOptions, log: &LogStream) -> anyhow::Result<Exit> {
    let mut file = options.flow.read();
    if !options.is_job() && file.topology.as_ref().is_some_and(|topology| topology.job.input.is_empty()) {
        return serve_file(&file, &options.listen, log);
    }
    let job = plan_job(options, &mut file);
    let topology = file.checked(Severity::Note)?;
    let Some(job) = job else { return Ok(Exit::Usage) };
    block_on(async {
        let started = Instant::now();
        tracing::debug!("{}", flowrun_index::build_description());
        let flow = file.launch(topology, Severity::Note, runtime::launch).await?;
        tracing::info!(pods = topology.pods.len(), took = ?started.elapsed(), "ready");
        feed_and_drain(options, flow, job, topology).await
    })
}

/// Feeds the job's documents to the flow until the input ends or a signal arrives, drains the flow, and prints the
/// summary.
async fn feed_and_drain(
    options: &RunOptions,
    flow: Flow,
    job: Job,
    topology: &Topology,
) -> anyhow::Result<Exit> {
    let output = Output::new(options.output(topology))?;
    let has_lines = job.inputs.iter().any(|input| !matches!(input, Input::File(_)));
    let progress = Progress::new((!has_lines).then_some(job.inputs.len() as u64));
    let (shutdown, forced_exit) = Signals::take()?.into_shutdown();
    let flow = Arc::new(flow);
    // A task of its own, so that a signal can end the program even if writing results blocks.
    let feeding =
        tokio::spawn(job::run(Arc::clone(&flow), job, output, progress, shutdown.clone().requested()));
    let feeding_and_draining = async {
        let summary = feeding.await;
        tracing::info!("draining");
        (summary, flow.pod_statistics(), flow.drain(DRAIN_TIMEOUT).await)
    };
    let (summary, pods, drained) = tokio::select! {
        ended = feeding_and_draining => ended,
        exit = forced_exit => return Ok(exit),
    };
    let mut summary =
        summary?.context("cannot write the results; the rest of the input was not processed")?;
    summary.pods = pods;
    let exit = exit_of_drained(&drained, shutdown.signal());
    print_summary(options, &summary)?;
    let documents_failed = summary.failed > 0 && !options.keep_going;
    Ok(if exit == Exit::Done && documents_failed { Exit::Failed } else { exit })
}

/// Plans the batch job from the command line and the flow, in which the command line takes precedence. Adds diagnostics
/// to the report of the file.
fn plan_job(options: &RunOptions, file: &mut FlowFile) -> Option<Job> {
    let FlowFile { topology, report, .. } = file;
    let topology = topology.as_ref()?;
    let job = new_job(options, topology, report);
    let output = options.output(topology);
    if let (Some(job), Some(output)) = (&job, output)
        && let Some(input) = job.inputs.iter().find(|input| input.is_at(output))
    {
        let message = format!("the output would overwrite the input {}", input.path().display());
        report.push(Diagnostic::new(Code::OutputIsInput, message).help("name another file with `-o`"));
    }
    job
}

fn new_job(options: &RunOptions, topology: &Topology, report: &mut Report) -> Option<Job> {
    let defaults = &topology.job;
    let inputs = inputs(options, topology, report);
    let Some(endpoint) = options.endpoint.as_ref().or(defaults.endpoint.as_ref()) else {
        let help = "type `--endpoint /index` or `--endpoint /search`, or write `endpoint: /index` under the flow's `with:`";
        let message = format!("the batch job of `{}` has no endpoint", topology.name);
        report.push(Diagnostic::new(Code::NoEndpoint, message).help(help));
        return None;
    };
    Some(Job {
        inputs: inputs?,
        embed_content: false,
        endpoint: endpoint_path(endpoint),
        parameters: options.request.parameters(defaults.top_k),
        request_size: options.request_size.or(defaults.request_size).unwrap_or(REQUEST_SIZE_DEFAULT).max(1),
        credits: topology.credits,
        timeout: options.timeout,
    })
}

/// Locates the files that the command line names, or else the flow.
fn inputs(options: &RunOptions, topology: &Topology, report: &mut Report) -> Option<Vec<Input>> {
    let patterns: Vec<(PathBuf, Option<Span>)> = if options.input.is_empty() {
        let spans = topology.spans.job_inputs.iter().copied().map(Some).chain(std::iter::repeat(None));
        topology.job.input.iter().cloned().zip(spans).collect()
    } else {
        options.input.iter().map(|path| (path.clone(), None)).collect()
    };
    if patterns.is_empty() {
        let message = format!("`{}` has no input for a batch job", topology.name);
        let help = "type `--input 'clips/*.gif'`, or write `input: …` under the flow's `with:`; `flowrun serve` waits for requests instead";
        report.push(Diagnostic::new(Code::NoInput, message).help(help));
        return None;
    }
    let mut inputs = Vec::new();
    for (pattern, span) in patterns {
        match job::locate(&pattern) {
            Ok(located) => inputs.extend(located),
            Err(error) => {
                let diagnostic = Diagnostic::new(Code::NoInput, error.to_string());
                report.push(match span {
                    Some(span) => diagnostic.label(span, "named here"),
                    None => diagnostic,
                });
            }
        }
    }
    Some(inputs)
}

/// Prints the summary, and writes it as JSON if the command line names a file.
fn print_summary(options: &RunOptions, summary: &Summary) -> std::io::Result<()> {
    if let Some(path) = &options.summary {
        std::fs::write(path, format!("{:#}\n", summary.to_json()))?;
    }
    tracing::info!(documents = summary.documents(), failed = summary.failed, "job done");
    writeln!(std::io::stderr().lock(), "{summary}")
}
