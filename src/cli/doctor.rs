//! `flowrun doctor`: what this machine offers, and what flowrun will really use of it.

use std::io::Write as _;

use flowrun_onnx::runtime;

use super::arguments::DoctorOptions;
use super::executors::{print, table};
use super::exit::Exit;
use super::optional;
use crate::topology::Machine;

/// Prints what will be used; with `--fix` fetches what is missing first.
pub(super) fn doctor(options: &DoctorOptions) -> anyhow::Result<Exit> {
    if options.fix
        && let Err(error) = fix()
    {
        writeln!(std::io::stderr(), "error: ONNX Runtime could not be fetched: {error}")?;
        return Ok(Exit::Failed);
    }
    let (models, exit) = match models() {
        Ok(models) => (models, Exit::Done),
        Err(reason) => (reason, Exit::Failed),
    };
    let cores = Machine::local().cores;
    let python = flowrun_process::default_interpreter().map(|path| path.display().to_string());
    let rows = [
        ("flowrun", env!("CARGO_PKG_VERSION").to_owned()),
        ("processors", format!("{cores}, which the replicas of a flow share")),
        ("numbers", flowrun_index::build_description()),
        ("features", optional::features()),
        ("models", models),
        ("libraries", libraries()),
        ("Python", python.unwrap_or_else(|reason| reason)),
        (
            "cache",
            runtime::cache_directory().map_or_else(|| "none".to_owned(), |path| path.display().to_string()),
        ),
    ];
    let rows = rows.into_iter().map(|(what, value)| vec![what.to_owned(), value]).collect();
    print(&table(&["what", "what is used"], rows))?;
    Ok(exit)
}

/// Describes the runtime that models use and its devices.
///
/// # Errors
/// The reason if models cannot run at all.
fn models() -> Result<String, String> {
    let runtime = runtime::start().map_err(|error| error.to_string())?;
    let devices = runtime.devices().join(", ");
    Ok(match runtime.backend() {
        runtime::Backend::OnnxRuntime { path, version } => {
            format!("ONNX Runtime {version} ({}); devices: {devices}", path.display())
        }
        runtime::Backend::Tract => format!("tract, which is compiled in; devices: {devices}"),
    })
}

/// Fetches ONNX Runtime, unless models run on one already.
fn fix() -> Result<(), runtime::FetchError> {
    if matches!(runtime::report().chosen(), Ok(Some(_))) {
        return Ok(());
    }
    runtime::fetch().map(drop)
}

/// Every library of ONNX Runtime that was looked into.
fn libraries() -> String {
    let report = runtime::report();
    let lines: Vec<String> = report
        .libraries
        .iter()
        .map(|(candidate, outcome)| {
            let outcome = outcome.as_ref().map_or_else(
                |reason| format!("not used: {reason}"),
                |version| format!("ONNX Runtime {version}"),
            );
            format!("{}: {outcome}", candidate.path.display())
        })
        .collect();
    match lines.is_empty() {
        true => "none of ONNX Runtime; `flowrun doctor --fix` fetches one".to_owned(),
        false => lines.join("\n"),
    }
}
