//! `flowrun bench`: load on a service, and how it bears it.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use comfy_table::{CellAlignment, Table};
use flowrun_sdk::Document;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::arguments::{BenchFormat, BenchOptions};
use super::client::{inputs, trust};
use super::exit::Exit;
use super::run::{complain, parameters, path};
use super::serve::token;
use crate::client::{Client, Load, Measured, Pace};
use crate::diagnostic::{Report, Severity, Sources};
use crate::gateway::{self, Gateway, Server, Token};
use crate::job::{self, TABLE_STYLE};
use crate::limits::DRAIN_TIMEOUT;
use crate::runtime::{self, Request};
use crate::yaml::Environment;

/// The shares of requests whose latency is told.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];

/// Puts load on a service, one of its own if a flow is given, and writes the figures.
pub(super) fn bench(options: &BenchOptions) -> anyhow::Result<Exit> {
    let Some(documents) = documents(options)? else { return Ok(Exit::Usage) };
    let token = token(options.asking.token_file.as_deref())?;
    let load = Load {
        request: Request {
            endpoint: path(&options.endpoint),
            documents: documents.into(),
            parameters: parameters(&options.asking.parameters, options.asking.top_k),
            ..Request::default()
        },
        pace: options.rate.map_or(Pace::Closed(options.concurrency), Pace::Open),
        stream: options.stream,
        duration: options.duration,
    };
    let tasks = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let exit = tasks.block_on(async {
        if !Path::new(&options.target).is_file() {
            return measure(&options.target, token.as_ref(), load, options).await;
        }
        let Some(server) = serve(Path::new(&options.target), token.clone()).await? else {
            return Ok(Exit::Usage);
        };
        let address = server.addresses().first().map(ToString::to_string).unwrap_or_default();
        let exit = measure(&address, token.as_ref(), load, options).await;
        server.drain(DRAIN_TIMEOUT).await;
        exit
    });
    tasks.shutdown_background();
    exit
}

/// The documents of a request; `None` when they cannot be had, which has been said.
fn documents(options: &BenchOptions) -> anyhow::Result<Option<Vec<Document>>> {
    if options.input.is_empty() {
        let text = "x".repeat(options.bytes);
        let document = |number: usize| match text.as_str() {
            "" => Document::new(number.to_string()),
            text => Document::new(number.to_string()).with_text(text),
        };
        return Ok(Some((0..options.documents).map(document).collect()));
    }
    let Some(inputs) = inputs(&options.input)? else { return Ok(None) };
    job::first_documents(inputs, options.documents).map(Some).map_err(anyhow::Error::msg)
}

/// Serves a flow to this machine; `None` when it cannot be, which has been said.
async fn serve(flow: &Path, token: Option<Token>) -> anyhow::Result<Option<Server>> {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let environment = Environment::from_process([]);
    let read = crate::read(flow, &environment, &crate::catalog::built_in(), &mut sources, &mut report);
    let launched = match &read {
        Some((_, topology)) if !report.has_errors() => {
            runtime::launch_background(topology, &mut report).await
        }
        _ => None,
    };
    complain(&report, &sources, Severity::Warning)?;
    let (Some((_, topology)), Some(launched)) = (read, launched) else { return Ok(None) };
    let gateway = Gateway::new(Arc::new(launched), &topology, token);
    Ok(Some(gateway::serve(gateway, &[(Ipv4Addr::LOCALHOST, 0).into()]).await?))
}

/// Measures the service at an address. Requests that were not answered are a failure when none was.
async fn measure(
    address: &str,
    token: Option<&Token>,
    load: Load,
    options: &BenchOptions,
) -> anyhow::Result<Exit> {
    let trust = trust(options.asking.ca.as_deref(), address)?;
    let mut clients = Vec::new();
    for _ in 0..options.connections {
        clients.push(Client::connect(address, token, trust.as_ref()).await?);
    }
    let measured = load.run(clients).await?;
    let mut out = std::io::stdout().lock();
    match options.format {
        BenchFormat::Json => writeln!(out, "{}", json(&measured))?,
        BenchFormat::Table => writeln!(out, "{}", table(&measured))?,
    }
    Ok(if measured.latencies.is_empty() { Exit::Failed } else { Exit::Done })
}

/// Milliseconds within which that share of the requests was answered.
fn milliseconds(latencies: &Histogram<u64>, share: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of an hour fit")]
    let microseconds = latencies.value_at_quantile(share) as f64;
    microseconds / 1_000.0
}

fn json(measured: &Measured) -> Value {
    let quantiles = |latencies: &Histogram<u64>| -> serde_json::Map<String, Value> {
        let told = QUANTILES.iter();
        told.map(|(name, share)| ((*name).to_owned(), milliseconds(latencies, *share).into())).collect()
    };
    json!({
        "answered": measured.latencies.len(),
        "seconds": measured.took.as_secs_f64(),
        "requests_per_second": measured.rate(),
        "latency_milliseconds": quantiles(&measured.latencies),
        "errors": measured.errors,
        "error_latency_milliseconds": quantiles(&measured.failures),
    })
}

fn table(measured: &Measured) -> Table {
    let mut table = Table::new();
    table.load_style(TABLE_STYLE).set_header(["what", "figure"]);
    table.add_row(["answered".to_owned(), measured.latencies.len().to_string()]);
    table.add_row(["requests/s".to_owned(), format!("{:.0}", measured.rate())]);
    for (name, share) in QUANTILES {
        table.add_row([name.to_owned(), format!("{:.2} ms", milliseconds(&measured.latencies, share))]);
    }
    for (kind, count) in &measured.errors {
        table.add_row([kind.clone(), count.to_string()]);
    }
    if !measured.failures.is_empty() {
        table.add_row([
            "errors told within, p99".to_owned(),
            format!("{:.2} ms", milliseconds(&measured.failures, 0.99)),
        ]);
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}
