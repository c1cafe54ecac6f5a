//! `flowrun serve`: a flow as a service.

use std::io::Write as _;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use flowrun_sdk::guard;
use serde_json::json;
use tokio::sync::watch;

use super::arguments::{ListenOptions, ServeOptions};
use super::exit::Exit;
use super::run::{Read, complain, not_launched};
use super::signals::Signals;
use crate::diagnostic::{Policy, Report, Severity, Sources};
use crate::gateway::{self, Collector, Gateway, LogStream, Server, Tls, TlsError, Token, TraceExporter};
use crate::job;
use crate::limits::DRAIN_TIMEOUT;
use crate::runtime;
use crate::spec::{GatewaySpec, TlsFiles};
use crate::topology::Topology;

/// Where clients find the token, if no file is named.
const TOKEN_VARIABLE: &str = "FLOWRUN_TOKEN";

/// Bytes of a file with a token.
const TOKEN_BYTES_MAX: u64 = 4096;

/// Listens at the machine itself alone, unless told otherwise.
const HOST_DEFAULT: &str = "127.0.0.1";

/// Reads the flow, launches it, and serves it until a signal.
pub(super) fn serve(options: &ServeOptions, log: &LogStream) -> anyhow::Result<Exit> {
    let catalog = crate::catalog::built_in();
    let policy = options.flow.policy(false);
    let (mut sources, mut report) = (Sources::default(), Report::new(policy));
    let read =
        crate::read(&options.flow.flow, &options.flow.environment(), &catalog, &mut sources, &mut report);
    let topology = read.map(|(_, topology)| topology);
    serve_read(Read { topology, sources, report }, &options.listen, policy, log)
}

/// Serves a flow that was read, if it can be.
pub(super) fn serve_read(
    flow: Read,
    listen: &ListenOptions,
    policy: Policy,
    log: &LogStream,
) -> anyhow::Result<Exit> {
    let Read { topology, sources, report } = flow;
    complain(&report, &sources, Severity::Note)?;
    let (Some(topology), false) = (topology, report.has_errors()) else { return Ok(Exit::Usage) };
    let token = token(listen.token_file.as_deref())?;
    let addresses = addresses(listen, &topology.gateway)?;
    for address in &addresses {
        if let Err(unsafe_bind) = gateway::check_bind(*address, token.as_ref(), listen.insecure) {
            writeln!(std::io::stderr().lock(), "error: {unsafe_bind}")?;
            return Ok(Exit::Usage);
        }
    }
    let tls = match tls(listen, &topology.gateway) {
        Ok(tls) => tls,
        Err(error) => {
            writeln!(std::io::stderr().lock(), "error: {error}")?;
            return Ok(Exit::Usage);
        }
    };
    let collector = match Collector::from_spec(&topology.gateway.traces, |name| std::env::var(name).ok()) {
        Ok(collector) => collector,
        Err(error) => {
            writeln!(std::io::stderr().lock(), "error: {error}")?;
            return Ok(Exit::Usage);
        }
    };
    // Before any executor is made: what it reads for strangers is bounded from its first request on.
    guard::restrict_files_to(&directories(&topology));
    let tasks = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let exit = tasks.block_on(async {
        // Taken before there is anything to end, so that no signal is lost.
        let signals = Signals::take()?;
        let mut report = Report::new(policy);
        let flow = runtime::launch_background(&topology, &mut report).await;
        complain(&report, &sources, Severity::Note)?;
        let Some(flow) = flow else { return Ok(not_launched(&report)) };
        let gateway = Gateway::new(Arc::new(flow), &topology, token);
        let gateway = gateway.with_pages(flowrun_image::thumbnail, log.clone());
        let gateway = match tls {
            Some(tls) => gateway.with_tls(tls),
            None => gateway,
        };
        let gateway = match collector {
            Some(collector) => gateway.with_traces(TraceExporter::start(collector, &topology.name)),
            None => gateway,
        };
        let server = gateway::serve(gateway, &addresses)
            .await
            .with_context(|| format!("cannot listen at {}", list(&addresses)))?;
        announce(&server)?;
        until_signal(server, signals).await
    });
    // A worker that did not end in time must not keep the program.
    tasks.shutdown_background();
    exit
}

/// Says where the flow is served: to programs on standard output, to people in the log.
fn announce(server: &Server) -> std::io::Result<()> {
    let addresses = list(server.addresses());
    let listening: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", json!({ "listening": listening }))?;
    out.flush()?;
    tracing::info!("serving gRPC, HTTP and WebSocket at {addresses}");
    Ok(())
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Waits for a signal, then lets what is under way finish; a second signal ends at once.
async fn until_signal(server: Server, signals: Signals) -> anyhow::Result<Exit> {
    let (stop, mut stopped) = watch::channel(false);
    let signalled = OnceLock::new();
    let signals = signals.watch(stop, &signalled);
    tokio::pin!(signals);
    tokio::select! {
        exit = &mut signals => return Ok(exit),
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    let drained = tokio::select! {
        exit = &mut signals => return Ok(exit),
        drained = server.drain(DRAIN_TIMEOUT) => drained,
    };
    for end in &drained.failed_workers {
        tracing::error!("a worker did not end well: {end:?}");
    }
    Ok(match signalled.get() {
        _ if !drained.completed() => Exit::NotDrained,
        Some(exit) => *exit,
        None => Exit::Done,
    })
}

/// The directories beneath which documents may name files: those that the flow declares, and those of its input.
fn directories(topology: &Topology) -> Vec<PathBuf> {
    let inputs = topology.job.input.iter().map(|input| job::directory_of(&input.value));
    topology.gateway.files.iter().cloned().chain(inputs).collect()
}

/// The token that clients must show, if there is one: that of the file, or of the variable.
pub(super) fn token(file: Option<&Path>) -> anyhow::Result<Option<Token>> {
    let Some(path) = file else {
        return Ok(std::env::var(TOKEN_VARIABLE).ok().and_then(|text| Token::new(&text)));
    };
    let text = guard::read_text(path, TOKEN_BYTES_MAX)?;
    let token = Token::new(&text).with_context(|| format!("{} holds no token", path.display()))?;
    Ok(Some(token))
}

/// The certificate to show: that of the command line, else that of the flow.
fn tls(listen: &ListenOptions, flow: &GatewaySpec) -> Result<Option<Tls>, TlsError> {
    let files = match (&listen.tls_cert, &listen.tls_key) {
        (Some(certificate), Some(key)) => {
            Some(TlsFiles { certificate: certificate.clone(), key: key.clone() })
        }
        _ => flow.tls.clone(),
    };
    files.map(Tls::read).transpose()
}

/// The addresses to listen at: those of the command line, else those of the flow.
fn addresses(listen: &ListenOptions, flow: &GatewaySpec) -> anyhow::Result<Vec<SocketAddr>> {
    let host = listen.host.as_deref().or(flow.host.as_deref()).unwrap_or(HOST_DEFAULT);
    let ports = if listen.port.is_empty() { flow.ports.as_slice() } else { listen.port.as_slice() };
    let ports = if ports.is_empty() { &[0] } else { ports };
    let address = |port: &u16| {
        let unknown = || format!("`{host}` is not an address of this machine");
        let mut found = (host, *port).to_socket_addrs().with_context(unknown)?;
        found.next().with_context(unknown)
    };
    ports.iter().map(address).collect()
}
