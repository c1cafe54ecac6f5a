//! `flowrun client`: asks a flow that is served somewhere, and shows what it says as a batch job does.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use flowrun_remote::{Address, Trust};
use tokio::sync::watch;

use super::arguments::ClientOptions;
use super::exit::Exit;
use super::run::{parameters, path};
use super::serve::token;
use super::signals::Signals;
use crate::client::Client;
use crate::job::{self, Input, Job, Output, Progress};
use crate::limits::CLIENT_REQUESTS_IN_FLIGHT;

/// Connects, asks, and says what became of it.
pub(super) fn client(options: &ClientOptions) -> anyhow::Result<Exit> {
    let Some(inputs) = inputs(&options.files)? else { return Ok(Exit::Usage) };
    let token = token(options.asking.token_file.as_deref())?;
    let trust = trust(options.asking.ca.as_deref(), &options.address)?;
    let job = Job {
        inputs,
        contents: true,
        endpoint: path(&options.endpoint),
        parameters: parameters(&options.asking.parameters, options.asking.top_k),
        request_size: options.request_size,
        credits: CLIENT_REQUESTS_IN_FLIGHT,
        timeout: options.timeout,
    };
    let tasks = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let exit = tasks.block_on(async {
        let client = Client::connect(&options.address, token.as_ref(), trust.as_ref()).await?;
        work(Arc::new(client.converse()), job, options).await
    });
    // A thread that waits for standard input must not keep the program.
    tasks.shutdown_background();
    exit
}

async fn work<A: job::Answers>(asked: Arc<A>, job: Job, options: &ClientOptions) -> anyhow::Result<Exit> {
    let output = Output::new(options.output.as_deref())?;
    let progress = Progress::new(None);
    let (stop, stopped) = watch::channel(false);
    let signalled = OnceLock::new();
    let signals = Signals::take()?.watch(stop, &signalled);
    let summary = tokio::select! {
        summary = job::run(asked, job, output, progress, stopped) => summary?,
        exit = signals => return Ok(exit),
    };
    let mut err = std::io::stderr().lock();
    for failure in &summary.failures {
        writeln!(err, "failed: {failure}")?;
    }
    writeln!(err, "{}", summary.line())?;
    Ok(match signalled.get() {
        Some(exit) => *exit,
        None if summary.failed > 0 => Exit::Failed,
        None => Exit::Done,
    })
}

/// The authorities in a file, if one is named, for that address.
pub(super) fn trust(file: Option<&Path>, address: &str) -> anyhow::Result<Option<Trust>> {
    let Some(file) = file else { return Ok(None) };
    let tls = address.parse::<Address>().is_ok_and(|address| address.tls());
    anyhow::ensure!(tls, "`--ca` is of use beneath TLS alone; write the address as `grpcs://HOST:PORT`");
    Trust::file(file).map(Some).map_err(anyhow::Error::msg)
}

/// The files that are named; `None`, and the reason said, when one of them is not there.
pub(super) fn inputs(named: &[PathBuf]) -> std::io::Result<Option<Vec<Input>>> {
    let located: Result<Vec<Vec<Input>>, _> = named.iter().map(|pattern| job::locate(pattern)).collect();
    match located {
        Ok(located) => Ok(Some(located.concat())),
        Err(error) => {
            writeln!(std::io::stderr().lock(), "error: {error}")?;
            Ok(None)
        }
    }
}
