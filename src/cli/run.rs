//! `flowrun run`: a flow as a batch job over its input; a flow without input is served.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use anyhow::Context as _;
use flowrun_sdk::RequestParameters;
use serde_json::Value;
use tokio::sync::watch;

use super::arguments::RunOptions;
use super::exit::Exit;
use super::signals::Signals;
use crate::diagnostic::{Code, Diagnostic, Format, Report, Severity, Sources, render};
use crate::gateway::LogStream;
use crate::job::{self, Input, Job, Output, Progress, Summary};
use crate::limits::{DRAIN_TIMEOUT, REQUEST_SIZE_DEFAULT};
use crate::runtime::{self, Flow};
use crate::topology::Topology;

/// Reads the flow, launches it, feeds it, and says what became of it.
pub(super) fn run(options: &RunOptions, log: &LogStream) -> anyhow::Result<Exit> {
    let catalog = crate::catalog::built_in();
    let (mut sources, mut report) = (Sources::default(), Report::new(options.flow.policy(false)));
    let read =
        crate::read(&options.flow.flow, &options.flow.environment(), &catalog, &mut sources, &mut report);
    let topology = read.map(|(_, topology)| topology);
    if !options.is_job() && topology.as_ref().is_some_and(|topology| topology.job.input.is_empty()) {
        let flow = Read { topology, sources, report };
        return super::serve::serve_read(flow, &options.listen, options.flow.policy(false), log);
    }
    let job = topology.as_ref().and_then(|topology| job(options, topology, &mut report));
    let output = options.output.as_deref().or_else(|| topology.as_ref()?.job.output.as_deref());
    if let (Some(job), Some(output)) = (&job, output)
        && let Some(input) = job.inputs.iter().find(|input| input.is_at(output))
    {
        let message = format!("the results would be written over the input {}", input.path().display());
        report.push(Diagnostic::new(Code::OutputIsInput, message).help("name another file with `-o`"));
    }
    complain(&report, &sources, Severity::Note)?;
    let (Some(topology), Some(job), false) = (topology, job, report.has_errors()) else {
        return Ok(Exit::Usage);
    };
    let tasks = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let exit = tasks.block_on(async {
        let started = Instant::now();
        tracing::debug!("{}", flowrun_index::build_description());
        let mut report = Report::new(options.flow.policy(false));
        let flow = runtime::launch(&topology, &mut report).await;
        complain(&report, &sources, Severity::Note)?;
        tracing::info!(pods = topology.pods.len(), took = ?started.elapsed(), "ready");
        match flow {
            Some(flow) => work(options, flow, job, &topology).await,
            None => Ok(not_launched(&report)),
        }
    });
    // A worker that did not end in time must not keep the program.
    tasks.shutdown_background();
    exit
}

/// A flow that was read, with what there is to say about it.
pub(super) struct Read {
    pub(super) topology: Option<Topology>,
    pub(super) sources: Sources,
    pub(super) report: Report,
}

/// How the program ends when an executor could not be had.
pub(super) fn not_launched(report: &Report) -> Exit {
    let late = report.sorted().iter().any(|diagnostic| diagnostic.code == Code::NotReady);
    if late { Exit::NotReady } else { Exit::Usage }
}

/// Runs the job and ends the flow.
async fn work(options: &RunOptions, flow: Flow, job: Job, topology: &Topology) -> anyhow::Result<Exit> {
    let output = Output::new(options.output.as_deref().or(topology.job.output.as_deref()))?;
    let lines = job.inputs.iter().any(|input| !matches!(input, Input::File(_)));
    let progress = Progress::new((!lines).then_some(job.inputs.len() as u64));
    let (stop, stopped) = watch::channel(false);
    let signalled = OnceLock::new();
    let signals = Signals::take()?.watch(stop, &signalled);
    let flow = Arc::new(flow);
    // A task of its own: whatever holds it up, a signal can still end the program.
    let running = tokio::spawn(job::run(Arc::clone(&flow), job, output, progress, stopped));
    let ending = async {
        let summary = running.await;
        tracing::info!("draining");
        (summary, flow.pod_statistics(), flow.drain(DRAIN_TIMEOUT).await)
    };
    let (summary, pods, drained) = tokio::select! {
        ended = ending => ended,
        exit = signals => return Ok(exit),
    };
    let mut summary = summary?.context("the results could not be written; what was not yet sent was left")?;
    summary.pods = pods;
    for end in &drained.failed_workers {
        tracing::error!("a worker did not end well: {end:?}");
    }
    report_summary(options, &summary)?;
    Ok(match signalled.get() {
        _ if !drained.completed() => Exit::NotDrained,
        Some(exit) => *exit,
        None if !drained.failed_workers.is_empty() => Exit::Failed,
        None if summary.failed > 0 && !options.keep_going => Exit::Failed,
        None => Exit::Done,
    })
}

/// The job that the command line and the flow ask for; the command line wins.
fn job(options: &RunOptions, topology: &Topology, report: &mut Report) -> Option<Job> {
    let own = &topology.job;
    let inputs = inputs(options, topology, report);
    let endpoint = options.endpoint.clone().or_else(|| own.endpoint.clone());
    let Some(endpoint) = endpoint else {
        let help = "type `--endpoint /index` or `--endpoint /search`, or write `endpoint: /index` under the flow's `with:`";
        let message = format!("nothing says where the requests of `{}` go", topology.name);
        report.push(Diagnostic::new(Code::NoEndpoint, message).help(help));
        return None;
    };
    Some(Job {
        inputs: inputs?,
        contents: false,
        endpoint: path(&endpoint),
        parameters: parameters(&options.parameters, options.top_k.or(topology.job.top_k)),
        request_size: options.request_size.or(own.request_size).unwrap_or(REQUEST_SIZE_DEFAULT).max(1),
        credits: topology.credits,
        timeout: options.timeout,
    })
}

/// The endpoint with the stroke that it begins with.
pub(super) fn path(endpoint: &str) -> String {
    if endpoint.starts_with('/') { endpoint.to_owned() } else { format!("/{endpoint}") }
}

/// The files that the command line or the flow names.
fn inputs(options: &RunOptions, topology: &Topology, report: &mut Report) -> Option<Vec<Input>> {
    let named: Vec<(PathBuf, Option<crate::diagnostic::Span>)> = if options.input.is_empty() {
        topology.job.input.iter().map(|path| (path.value.clone(), Some(path.span))).collect()
    } else {
        options.input.iter().map(|path| (path.clone(), None)).collect()
    };
    if named.is_empty() {
        let message = format!("`{}` has no input for a batch job", topology.name);
        let help = "type `--input 'clips/*.gif'`, or write `input: …` under the flow's `with:`; `flowrun serve` waits for requests instead";
        report.push(Diagnostic::new(Code::NoInput, message).help(help));
        return None;
    }
    let mut inputs = Vec::new();
    for (pattern, span) in named {
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

/// The parameters of every request. A value that is not JSON is a text.
pub(super) fn parameters(given: &[(String, String)], top_k: Option<usize>) -> RequestParameters {
    let given = given.iter().map(|(name, value)| {
        (name.clone(), serde_json::from_str(value).unwrap_or_else(|_| Value::from(value.as_str())))
    });
    let mut parameters: RequestParameters = given.collect();
    if let Some(top_k) = top_k {
        parameters.insert("top_k".to_owned(), top_k.into());
    }
    parameters
}

/// Prints what is at least that bad, and a verdict when there are errors.
pub(super) fn complain(report: &Report, sources: &Sources, least: Severity) -> std::io::Result<()> {
    let shown = report.at_least(least);
    let mut out = std::io::stderr().lock();
    out.write_all(render(&shown, sources, Format::Human, out.is_terminal()).as_bytes())?;
    if report.has_errors() {
        writeln!(out, "{}", super::check::verdict(report))?;
    }
    out.flush()
}

/// Says what became of the job: in a table for people, as JSON where asked for.
fn report_summary(options: &RunOptions, summary: &Summary) -> std::io::Result<()> {
    if let Some(path) = &options.summary {
        std::fs::write(path, format!("{:#}\n", summary.to_json()))?;
    }
    tracing::info!(documents = summary.succeeded + summary.failed, failed = summary.failed, "job done");
    writeln!(std::io::stderr().lock(), "{summary}")
}
