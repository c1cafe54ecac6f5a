//! `flowrun doctor`: the hardware, libraries and interpreter that flowrun uses on this machine.

use clap::Args;
use flowrun_onnx::runtime;
use flowrun_sdk::cache_directory;

use super::exit::Exit;
use super::optional;
use super::tables::{print, table};
use super::terminal::print_error;
use crate::topology::Machine;

/// Options of `flowrun doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorOptions {
    /// Download ONNX Runtime into the cache with pip if it is missing; models run faster on it.
    #[arg(long)]
    fix: bool,
}

/// Prints the report; with `--fix` downloads ONNX Runtime before. Fails if no model can run.
pub(super) fn doctor(options: &DoctorOptions) -> anyhow::Result<Exit> {
    if options.fix
        && let Err(error) = fix()
    {
        print_error(&format!("cannot download ONNX Runtime: {error}"))?;
        return Ok(Exit::Failed);
    }
    let (models, exit) = match models() {
        Ok(models) => (models, Exit::Done),
        Err(reason) => (reason, Exit::Failed),
    };
    let cores = Machine::local().cores;
    let python = flowrun_process::default_interpreter().map(|path| path.display().to_string());
    let cache = cache_directory().map(|path| path.display().to_string());
    let rows = [
        ("flowrun", env!("CARGO_PKG_VERSION").to_owned()),
        ("processors", format!("{cores}, shared by the replicas of a flow")),
        ("numeric code", flowrun_index::build_description()),
        ("features", optional::features()),
        ("models", models),
        ("libraries", libraries()),
        ("videos", videos()),
        ("Python", python.unwrap_or_else(|reason| reason)),
        ("cache", cache.unwrap_or_else(|| "none".to_owned())),
    ];
    let rows = rows.into_iter().map(|(component, value)| vec![component.to_owned(), value]).collect();
    print(&table(&["component", "in use"], rows))?;
    Ok(exit)
}

/// Describes the inference runtime and its devices.
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
        runtime::Backend::Tract => format!("tract (compiled in); devices: {devices}"),
    })
}

/// Downloads ONNX Runtime, unless a usable library is installed.
fn fix() -> Result<(), runtime::FetchError> {
    if matches!(runtime::report().chosen(), Ok(Some(_))) {
        return Ok(());
    }
    runtime::fetch().map(drop)
}

/// Describes the installed ffmpeg, or the commands that install it.
fn videos() -> String {
    flowrun_video::installed().map_or_else(|reason| reason, |version| format!("ffmpeg {version}"))
}

/// Lists the ONNX Runtime libraries that were found, each with its version or the reason why it is not usable.
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
        true => "no ONNX Runtime found; run `flowrun doctor --fix` to download it".to_owned(),
        false => lines.join("\n"),
    }
}
