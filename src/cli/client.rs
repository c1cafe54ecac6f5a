//! `flowrun client`: sends documents to a service and writes its replies as a batch job does.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::async_runtime::block_on;
use super::connection_options::{ConnectionOptions, check_endpoint};
use super::continuation_options::ContinuationOptions;
use super::exit::{EarlyExit, Exit};
use super::job_report::{JobReport, progress};
use super::request_options::{RequestOptions, endpoint_path};
use super::shutdown::Signals;
use super::value_parsers::{positive_integer, seconds};
use crate::client::RequestStream;
use crate::job::{self, Job};
use crate::limits::{CLIENT_REQUESTS_IN_FLIGHT, REQUEST_SIZE_DEFAULT};

/// Options of `flowrun client`.
#[derive(Debug, Args)]
pub(super) struct ClientOptions {
    /// Address of the service: HOST:PORT or grpc://HOST:PORT, or grpcs://HOST:PORT for TLS.
    address: String,
    /// Endpoint that requests are sent to, for example `/search`.
    endpoint: String,
    /// Input files, directories or glob patterns; a `.jsonl` file has one document per line; `-` is standard input.
    /// Without input, one request without documents is sent.
    #[arg(value_name = "FILES")]
    files: Vec<PathBuf>,
    /// File that results are written to as JSON lines; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// File that the summary is written to as JSON, with every failed document; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    #[command(flatten)]
    request: RequestOptions,
    #[command(flatten)]
    connection: ConnectionOptions,
    /// Number of documents per request.
    #[arg(long, value_name = "N", default_value_t = REQUEST_SIZE_DEFAULT, value_parser = positive_integer)]
    request_size: usize,
    /// Timeout of one request in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    #[command(flatten)]
    continuation: ContinuationOptions,
}

/// Connects, sends the documents, and prints a summary.
pub(super) fn client(options: &ClientOptions) -> anyhow::Result<Exit> {
    let inputs = job::locate_all(&options.files).map_err(EarlyExit::usage)?;
    let token = options.connection.token()?;
    let job = Job {
        skipped: 0,
        inputs,
        embed_content: true,
        endpoint: endpoint_path(&options.endpoint),
        parameters: options.request.parameters(None),
        request_size: options.request_size,
        credits: CLIENT_REQUESTS_IN_FLIGHT,
        timeout: options.timeout,
        part: options.continuation.part,
    };
    block_on(async {
        let client = options.connection.connect(&options.address, token.as_ref()).await?;
        check_endpoint(&client, &job.endpoint).await?;
        run_job(RequestStream::open(client), job, options).await
    })
}

async fn run_job(stream: RequestStream, job: Job, options: &ClientOptions) -> anyhow::Result<Exit> {
    let opened = options.continuation.open(&job, options.output.as_deref());
    let (checkpoint, output) = opened.map_err(EarlyExit::usage)?;
    let report = JobReport::create(options.summary.as_deref()).map_err(EarlyExit::usage)?;
    let progress = progress(&job, options.output.as_deref());
    let (shutdown, forced_exit) = Signals::take()?.into_shutdown(Duration::ZERO);
    let summary = tokio::select! {
        summary = job::run(Arc::new(stream), job, checkpoint, output, progress, shutdown.clone().requested()) => summary?,
        exit = forced_exit => return Ok(exit),
    };
    report.write(&summary)?;
    Ok(match shutdown.signal() {
        Some(exit) => exit,
        None if summary.failed > 0 => Exit::Failed,
        None => Exit::Done,
    })
}
