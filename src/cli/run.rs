//! `flowrun run`: a flow as a batch job over its input. A flow without input is served instead.
//!
//! The stages of the program in their order: read (load, parse, build, plan), launch, feed, drain.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use futures_util::FutureExt as _;

use super::async_runtime::block_on;
use super::exit::{EarlyExit, Exit};
use super::flow_file::{FlowFile, FlowOptions};
use super::job_options::JobOptions;
use super::job_report::{JobReport, progress};
use super::listen_options::ListenOptions;
use super::serve::{hide_environment, serve_file};
use super::shutdown::{Signals, exit_of_drained};
use crate::diagnostic::Severity;
use crate::gateway::LogStream;
use crate::job::{self, Job};
use crate::limits::DRAIN_TIMEOUT;
use crate::runtime::{self, Flow};
use crate::topology::Topology;

/// Options of `flowrun run`.
#[derive(Debug, Args)]
pub(super) struct RunOptions {
    #[command(flatten)]
    flow: FlowOptions,
    #[command(flatten)]
    job: JobOptions,
    /// Exit with 0 even if documents fail.
    #[arg(long)]
    keep_going: bool,
    /// File that the summary is written to as JSON, with every failed document; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    #[command(flatten)]
    listen: ListenOptions,
}

/// Reads the flow, launches it, feeds it the input, and drains it.
pub(super) fn run(options: &RunOptions, log: &LogStream) -> anyhow::Result<Exit> {
    let mut file = options.flow.read();
    let is_job = options.job.is_given() || options.summary.is_some() || options.keep_going;
    if !is_job && file.topology.as_ref().is_some_and(|topology| topology.job.input.is_empty()) {
        return serve_file(&file, &options.listen, log);
    }
    let FlowFile { topology, report, .. } = &mut file;
    let job = topology.as_ref().and_then(|topology| options.job.plan(topology, report));
    let topology = file.checked(Severity::Note)?;
    let Some(job) = job else { return Ok(Exit::Usage) };
    if let Some(token) = file.placement.as_ref().and_then(|placement| placement.token.as_ref()) {
        hide_environment(std::iter::once(token));
    }
    file.hide_values(block_on(async {
        let started = Instant::now();
        tracing::debug!("{}", flowrun_index::build_description());
        let flow = file.launch(topology, Severity::Note, runtime::launch).await?;
        let signals = Signals::take()?;
        tracing::info!(pods = topology.pods.len(), took = ?started.elapsed(), "ready");
        feed_and_drain(options, flow, job, topology, signals).await
    }))
}

/// Feeds the job's documents to the flow until the input ends or a signal arrives, drains the flow, and prints the
/// summary.
async fn feed_and_drain(
    options: &RunOptions,
    flow: Flow,
    job: Job,
    topology: &Topology,
    signals: Signals,
) -> anyhow::Result<Exit> {
    let path = options.job.output(topology);
    let (checkpoint, output) = options.job.open(&job, path).map_err(EarlyExit::usage)?;
    // Created before the job, which may take hours, so that a wrong path is reported first.
    let report = JobReport::create(options.summary.as_deref()).map_err(EarlyExit::usage)?;
    let progress = progress(&job, path);
    let (shutdown, forced_exit) = signals.into_shutdown(Duration::ZERO);
    let flow = Arc::new(flow);
    let (requested, hang) = (shutdown.clone().requested(), flow.hang(true));
    let stop = async {
        tokio::select! {
            () = requested => {}
            _ = hang => {}
        }
    };
    // A task of its own, so that a signal can end the program even if writing results blocks.
    let feeding = tokio::spawn(job::run(Arc::clone(&flow), job, checkpoint, output, progress, stop));
    let feeding_and_draining = async {
        let summary = feeding.await;
        tracing::info!("draining");
        (summary, flow.pod_statistics(), flow.drain(DRAIN_TIMEOUT).await)
    };
    let (summary, pods, drained) = tokio::select! {
        ended = feeding_and_draining => ended,
        exit = forced_exit => return Ok(exit),
    };
    let mut summary = summary?
        .context("cannot write the results or the checkpoint; the rest of the input was not processed")?;
    summary.pods = pods;
    let exit = exit_of_drained(&drained, shutdown.signal());
    report.write(&summary)?;
    if let Some(hang) = flow.hang(true).now_or_never() {
        tracing::error!("{}; the job was ended, and the rest of the input was not processed", hang.message);
        return Ok(Exit::Hung);
    }
    let documents_failed = summary.failed > 0 && !options.keep_going;
    Ok(if exit == Exit::Done && documents_failed { Exit::Failed } else { exit })
}
