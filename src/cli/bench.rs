//! `flowrun bench`: load test of a service, or of a flow file that it serves for the duration of the test.
//!
//! The load generator itself is [`client::Load`](crate::client::Load).

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table};
use flowrun_sdk::Document;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::async_runtime::block_on;
use super::connection_options::{ConnectionOptions, check_endpoint};
use super::exit::{EarlyExit, Exit};
use super::flow_file::FlowFile;
use super::request_options::{RequestOptions, endpoint_path};
use super::value_parsers::{positive_integer, rate, seconds};
use crate::catalog::built_in;
use crate::client::{Load, LoadReport, Pacing};
use crate::diagnostic::{Policy, Severity};
use crate::gateway::{self, Gateway, Server, Token};
use crate::job::{self, TABLE_STYLE};
use crate::limits::DRAIN_TIMEOUT;
use crate::runtime::{self, Request};
use crate::yaml::Environment;

/// Latency quantiles of the report.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];

/// Options of `flowrun bench`.
#[derive(Debug, Args)]
pub(super) struct BenchOptions {
    /// Address of the service, HOST:PORT, grpc://HOST:PORT or grpcs://HOST:PORT; or a flow YAML file to serve during the
    /// test.
    #[arg(value_name = "ADDRESS|FLOW")]
    target: String,
    /// Endpoint that requests are sent to.
    #[arg(short, long, value_name = "PATH", default_value = "/")]
    endpoint: String,
    /// Closed loop: number of requests in flight; each reply triggers the next request.
    #[arg(short, long, value_name = "N", default_value_t = 64, value_parser = positive_integer)]
    concurrency: usize,
    /// Open loop: requests per second, sent regardless of replies.
    #[arg(long, value_name = "PER_SECOND", value_parser = rate, conflicts_with = "concurrency")]
    rate: Option<f64>,
    /// Number of connections that share the requests.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive_integer)]
    connections: usize,
    /// Send all requests of a connection on one bidirectional stream instead of unary calls.
    #[arg(long)]
    stream: bool,
    /// Duration of the test in seconds.
    #[arg(short, long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    duration: Duration,
    /// Number of documents per request.
    #[arg(long, value_name = "N", default_value_t = 1)]
    documents: usize,
    /// Size of the text of each document in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    bytes: usize,
    /// Read the documents from this file, directory or glob pattern, as `flowrun client` does, instead of generating them;
    /// may be repeated.
    #[arg(short, long, value_name = "PATH", conflicts_with = "bytes")]
    input: Vec<PathBuf>,
    #[command(flatten)]
    request: RequestOptions,
    #[command(flatten)]
    connection: ConnectionOptions,
    /// Output format of the report.
    #[arg(long, value_enum, default_value_t)]
    format: BenchFormat,
}

/// Output format of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum BenchFormat {
    /// Table for people.
    #[default]
    Table,
    /// JSON object for programs.
    Json,
}

/// Runs the load test and prints its report.
pub(super) fn bench(options: &BenchOptions) -> anyhow::Result<Exit> {
    let documents = documents(options)?;
    let token = options.connection.token()?;
    let load = Load {
        request: Request {
            endpoint: endpoint_path(&options.endpoint),
            documents: documents.into(),
            parameters: options.request.parameters(None),
            ..Request::default()
        },
        pacing: match options.rate {
            Some(rate) => Pacing::OpenLoop { rate },
            None => Pacing::ClosedLoop { concurrency: options.concurrency },
        },
        stream: options.stream,
        duration: options.duration,
    };
    block_on(async {
        if !Path::new(&options.target).is_file() {
            if is_flow_path(&options.target) {
                let missing = format!("there is no flow file `{}`", options.target);
                return Err(EarlyExit::usage(missing).into());
            }
            let probe = options.connection.connect(&options.target, token.as_ref()).await?;
            check_endpoint(&probe, &load.request.endpoint).await?;
            return measure(&options.target, token.as_ref(), load, options).await;
        }
        let server = serve(Path::new(&options.target), token.clone()).await?;
        let address = server.addresses().first().map(ToString::to_string).unwrap_or_default();
        let exit = measure(&address, token.as_ref(), load, options).await;
        server.drain(DRAIN_TIMEOUT).await;
        exit
    })
}

/// Returns whether the target is the path of a flow file rather than an address.
fn is_flow_path(target: &str) -> bool {
    let has_extension = Path::new(target).extension().is_some_and(|name| name == "yml" || name == "yaml");
    !target.contains("://") && (has_extension || target.contains('/'))
}

/// Documents of each request.
fn documents(options: &BenchOptions) -> anyhow::Result<Vec<Document>> {
    if options.input.is_empty() {
        let text = "x".repeat(options.bytes);
        let document = |number: usize| match text.as_str() {
            "" => Document::new(number.to_string()),
            text => Document::new(number.to_string()).with_text(text),
        };
        return Ok((0..options.documents).map(document).collect());
    }
    let inputs = job::locate_all(&options.input).map_err(EarlyExit::usage)?;
    Ok(job::first_documents(inputs, options.documents).map_err(EarlyExit::usage)?)
}

/// Serves a flow on a free port of the loopback interface.
async fn serve(path: &Path, token: Option<Token>) -> anyhow::Result<Server> {
    let file =
        FlowFile::read(path, None, None, &Environment::from_process([]), built_in(), Policy::default());
    let topology = file.checked(Severity::Warning)?;
    let flow = file.launch(topology, Severity::Warning, runtime::launch_background).await?;
    let gateway = Gateway::new(Arc::new(flow), topology, token);
    Ok(gateway::serve(gateway, &[(Ipv4Addr::LOCALHOST, 0).into()], None).await?)
}

/// Runs the load test against the service at `address`, and prints the report. The test fails only if no request succeeded.
async fn measure(
    address: &str,
    token: Option<&Token>,
    load: Load,
    options: &BenchOptions,
) -> anyhow::Result<Exit> {
    let mut clients = Vec::new();
    for _ in 0..options.connections {
        clients.push(options.connection.connect(address, token).await?);
    }
    let report = load.run(clients).await?;
    let mut out = std::io::stdout().lock();
    match options.format {
        BenchFormat::Json => writeln!(out, "{}", json(&report))?,
        BenchFormat::Table => writeln!(out, "{}", table(&report))?,
    }
    Ok(if report.latencies.is_empty() { Exit::Failed } else { Exit::Done })
}

fn milliseconds(latencies: &Histogram<u64>, quantile: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of an hour fit")]
    let microseconds = latencies.value_at_quantile(quantile) as f64;
    microseconds / 1_000.0
}

fn json(report: &LoadReport) -> Value {
    let quantiles = |latencies: &Histogram<u64>| -> serde_json::Map<String, Value> {
        let milliseconds = |quantile| milliseconds(latencies, quantile).into();
        QUANTILES.iter().map(|(name, quantile)| ((*name).to_owned(), milliseconds(*quantile))).collect()
    };
    json!({
        "answered": report.latencies.len(),
        "seconds": report.elapsed.as_secs_f64(),
        "requests_per_second": report.rate(),
        "latency_milliseconds": quantiles(&report.latencies),
        "errors": report.errors,
        "error_latency_milliseconds": quantiles(&report.failure_latencies),
    })
}

fn table(report: &LoadReport) -> Table {
    let mut table = Table::new();
    table.load_style(TABLE_STYLE).set_header(["metric", "value"]);
    table.add_row(["succeeded".to_owned(), report.latencies.len().to_string()]);
    table.add_row(["requests/s".to_owned(), format!("{:.0}", report.rate())]);
    for (name, quantile) in QUANTILES {
        table.add_row([name.to_owned(), format!("{:.2} ms", milliseconds(&report.latencies, quantile))]);
    }
    for (kind, count) in &report.errors {
        table.add_row([kind.clone(), count.to_string()]);
    }
    if !report.failure_latencies.is_empty() {
        let p99 = milliseconds(&report.failure_latencies, 0.99);
        table.add_row(["error latency, p99".to_owned(), format!("{p99:.2} ms")]);
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

#[cfg(test)]
mod tests {
    use super::is_flow_path;

    #[test]
    fn a_target_with_an_extension_or_a_directory_is_a_flow_file() {
        for path in ["nothere.yml", "flows/query", "a.yaml"] {
            assert!(is_flow_path(path), "{path}");
        }
        for address in ["127.0.0.1:8080", "grpc://host:1", "grpcs://host.yml:1", "localhost:80"] {
            assert!(!is_flow_path(address), "{address}");
        }
    }
}
