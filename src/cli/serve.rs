//! `flowrun serve`: a flow as a service, until a signal drains it.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use flowrun_sdk::guard;
use serde_json::json;

use super::async_runtime::block_on;
use super::exit::{EarlyExit, Exit};
use super::flow_file::{FlowFile, FlowOptions};
use super::listen_options::ListenOptions;
use super::media_tools::MEDIA_TOOLS;
use super::shutdown::{Signals, exit_of_drained};
use super::terminal::{is_json, is_quiet};
use crate::diagnostic::Severity;
use crate::gateway::{self, Collector, Gateway, LogStream, Server, TraceExporter};
use crate::job;
use crate::limits::DRAIN_TIMEOUT;
use crate::runtime;
use crate::spec::TokenSource;
use crate::topology::{Topology, WorkerIdentity};

/// Options of `flowrun serve`.
#[derive(Debug, Args)]
pub(super) struct ServeOptions {
    #[command(flatten)]
    flow: FlowOptions,
    #[command(flatten)]
    listen: ListenOptions,
}

/// Reads the flow, launches it, and serves it until a signal arrives.
pub(super) fn serve(options: &ServeOptions, log: &LogStream) -> anyhow::Result<Exit> {
    serve_file(&options.flow.read(), &options.listen, log)
}

/// Launches and serves a flow that has been read.
pub(super) fn serve_file(file: &FlowFile, listen: &ListenOptions, log: &LogStream) -> anyhow::Result<Exit> {
    let checked = file.checked(Severity::Note);
    file.hide_values(checked.and_then(|topology| serve_topology(file, topology, None, listen, log)))
}

/// Launches and serves `topology`, which is all of a flow or the part of it that a worker runs.
pub(super) fn serve_topology(
    file: &FlowFile,
    topology: &Topology,
    worker: Option<WorkerIdentity>,
    listen: &ListenOptions,
    log: &LogStream,
) -> anyhow::Result<Exit> {
    let tokens = listen.tokens(&topology.gateway)?;
    let of_workers = file.placement.as_ref().and_then(|placement| placement.token.as_ref());
    if !tokens.is_empty() || of_workers.is_some() {
        hide_environment(topology.gateway.tokens.iter().map(|token| &token.source).chain(of_workers));
    }
    let addresses = listen.addresses(&topology.gateway)?;
    let health_address = listen.health_address(&topology.gateway)?;
    for address in addresses.iter().chain(&health_address) {
        gateway::check_bind(*address, &tokens, listen.insecure, worker.is_some())
            .map_err(EarlyExit::usage)?;
    }
    let tls = listen.tls(&topology.gateway).map_err(EarlyExit::usage)?;
    let collector = Collector::from_spec(&topology.gateway.traces, |name| std::env::var(name).ok());
    let collector = collector.map_err(EarlyExit::usage)?;
    // Executors open files on behalf of clients, so access is restricted before the first one is created.
    guard::restrict_files_to(&readable_directories(topology));
    block_on(async {
        // Taken before the launch, so that no signal is lost.
        let signals = Signals::take()?;
        let flow = file.launch(topology, Severity::Note, runtime::launch_background).await?;
        let gateway = Gateway::new(Arc::new(flow), topology, tokens);
        let gateway = gateway.with_pages(MEDIA_TOOLS, log.clone());
        let gateway = match worker {
            Some(worker) => gateway.with_identity(worker),
            None => gateway,
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let gateway = match tls {
            Some(tls) => gateway.with_tls(tls),
            None => gateway,
        };
        let gateway = match collector {
            Some(collector) => gateway.with_traces(TraceExporter::start(collector, &topology.name)),
            None => gateway,
        };
        let server = gateway::serve(gateway, &addresses, health_address).await.with_context(|| {
            let all: Vec<SocketAddr> = addresses.iter().copied().chain(health_address).collect();
            format!("cannot listen on {}", list(&all))
        })?;
        announce(&server, scheme)?;
        if listen.open {
            open_page(&server, scheme);
        }
        run_until_stopped(server, signals, listen.drain_delay(), topology.exit_on_hang).await
    })
}

/// Hides the tokens in the environment from executors in child processes: they do not inherit the variables, and cannot
/// read `/proc/PID/environ` of this process. The latter also disables core dumps and debuggers without the rights of root.
pub(super) fn hide_environment<'a>(tokens: impl Iterator<Item = &'a TokenSource>) {
    let variable = |token: &TokenSource| match token {
        TokenSource::Variable(name) => Some(name.clone()),
        TokenSource::File(_) => None,
    };
    guard::hide_variables(tokens.filter_map(variable).collect());
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::warn!(%error, "the environment of the process is readable for its children");
    }
}

/// Announces the addresses: as JSON on standard output for programs, on a terminal of standard error and in the log for
/// people.
fn announce(server: &Server, scheme: &str) -> std::io::Result<()> {
    let addresses = list(server.addresses());
    let listening: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    let mut out = std::io::stdout().lock();
    let announcement = match server.health_address() {
        Some(address) => json!({ "listening": listening, "health": address.to_string() }),
        None => json!({ "listening": listening }),
    };
    writeln!(out, "{announcement}")?;
    out.flush()?;
    tracing::info!("serving gRPC, HTTP and WebSocket at {addresses}");
    let mut err = std::io::stderr().lock();
    if err.is_terminal() && !is_json() && !is_quiet() {
        for address in server.addresses() {
            writeln!(err, "serving {scheme}://{address} (documentation: /docs); Ctrl-C drains and stops")?;
        }
    }
    Ok(())
}

/// Opens the search page in a browser, which ends independently of this process.
fn open_page(server: &Server, scheme: &str) {
    let Some(address) = server.addresses().first() else { return };
    let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { host_of(address) };
    let url = format!("{scheme}://{host}:{}/", address.port());
    let browser = std::env::var_os("BROWSER").filter(|browser| !browser.is_empty());
    let mut command = Command::new(browser.unwrap_or_else(|| "xdg-open".into()));
    command.arg(&url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        // A thread reaps the process when it ends.
        Ok(mut child) => drop(std::thread::spawn(move || child.wait())),
        Err(error) => {
            tracing::warn!(%error, "cannot open {url} in a browser; set BROWSER to the name of a program");
        }
    }
}

/// The host of an address as URLs contain it.
fn host_of(address: &SocketAddr) -> String {
    if address.is_ipv6() { format!("[{}]", address.ip()) } else { address.ip().to_string() }
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Waits for a signal, reports the service as not ready for `delay`, then drains requests in flight. A second signal exits
/// immediately. With `exit_on_hang`, a worker that hangs ends the service like a signal, without the delay.
async fn run_until_stopped(
    server: Server,
    signals: Signals,
    delay: Duration,
    exit_on_hang: bool,
) -> anyhow::Result<Exit> {
    let (shutdown, forced_exit) = signals.into_shutdown(delay);
    tokio::pin!(forced_exit);
    let hang = server.hang();
    let hung = tokio::select! {
        exit = &mut forced_exit => return Ok(exit),
        () = shutdown.clone().requested() => false,
        _ = hang, if exit_on_hang => true,
    };
    server.announce_shutdown();
    if !hung {
        tokio::select! {
            exit = &mut forced_exit => return Ok(exit),
            () = tokio::time::sleep(delay) => {}
        }
    }
    let drained = tokio::select! {
        exit = &mut forced_exit => return Ok(exit),
        drained = server.drain(DRAIN_TIMEOUT) => drained,
    };
    let exit = exit_of_drained(&drained, shutdown.signal());
    Ok(if hung { Exit::Hung } else { exit })
}

/// Directories whose files the documents of clients may name: the `files` of the flow, and the directories of its input.
fn readable_directories(topology: &Topology) -> Vec<PathBuf> {
    let inputs = topology.job.input.iter().map(|input| job::directory_of(input));
    topology.gateway.files.iter().cloned().chain(inputs).collect()
}
