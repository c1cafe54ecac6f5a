//! `flowrun plugin check`: the executors of a plugin library and its faults, without executing the library.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use flowrun_plugin::{Inspection, inspect_file, parameter_text};
use flowrun_sdk::LibraryError;
use flowrun_sdk::abi::{DescribedExecutor, FLOWRUN_ABI_VERSION};
use serde_json::{Value, json};

use super::diagnostics::NO_PROBLEMS;
use super::executors::describe_executor;
use super::exit::Exit;
use super::tables::print;
use super::terminal::has_colour;
use crate::diagnostic::{Diagnostic, Format, Report, Sources, render};
use crate::topology::{format_bytes, library_fault_code};

/// Options of `flowrun plugin`.
#[derive(Debug, Args)]
pub(super) struct PluginOptions {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// List the executors of a library and report its faults, without executing it
    Check(CheckOptions),
}

#[derive(Debug, Args)]
struct CheckOptions {
    /// Shared library of the plugin.
    file: PathBuf,
    /// Output format of the report.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: PluginFormat,
}

/// Output format of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum PluginFormat {
    /// Text for people.
    #[default]
    Human,
    /// JSON object for programs.
    Json,
}

/// Inspects a library and prints the report.
pub(super) fn plugin(options: &PluginOptions) -> anyhow::Result<Exit> {
    let PluginCommand::Check(options) = &options.command;
    let (inspection, faults) = match inspect_file(&options.file) {
        Ok(inspection) => (Some(inspection.clone()), inspection.faults),
        Err(error) => (None, vec![error]),
    };
    match options.format {
        PluginFormat::Json => print(&format!("{:#}", as_json(options, inspection.as_ref(), &faults)))?,
        PluginFormat::Human => print(&as_text(options, inspection.as_ref(), &faults))?,
    }
    Ok(if faults.is_empty() { Exit::Done } else { Exit::Usage })
}

fn as_json(options: &CheckOptions, inspection: Option<&Inspection>, faults: &[LibraryError]) -> Value {
    let fault = |fault: &LibraryError| {
        let code = library_fault_code(fault.fault);
        json!({"code": code.number(), "name": code.slug(), "message": fault.message, "help": fault.help})
    };
    let description = inspection.and_then(|inspection| inspection.description.as_ref());
    json!({
        "file": options.file.display().to_string(),
        "bytes": inspection.map(|inspection| inspection.bytes),
        "sha256": inspection.map(|inspection| &inspection.sha256),
        "abi_version": inspection.and_then(|inspection| inspection.abi_version),
        "flowrun_abi_version": FLOWRUN_ABI_VERSION,
        "description": description,
        "faults": faults.iter().map(fault).collect::<Vec<_>>(),
    })
}

fn as_text(options: &CheckOptions, inspection: Option<&Inspection>, faults: &[LibraryError]) -> String {
    let mut text = format!("{}\n", options.file.display());
    if let Some(inspection) = inspection {
        text.push_str(&properties(inspection));
        for executor in inspection.description.iter().flat_map(|description| &description.executors) {
            text.push_str(&format!("\n{}\n", describe(executor)));
        }
    }
    let mut report = Report::default();
    for fault in faults {
        let diagnostic = Diagnostic::new(library_fault_code(fault.fault), fault.message.clone());
        report.push(diagnostic.maybe_help(fault.help.map(str::to_owned)));
    }
    let colour = has_colour(&std::io::stdout());
    text.push_str(&format!("\n{}", render(&report, &Sources::default(), Format::Human, colour)));
    if faults.is_empty() {
        text.push_str(NO_PROBLEMS);
    }
    text.trim_end().to_owned()
}

/// Lines with the properties of the library; unknown ones are left out.
fn properties(inspection: &Inspection) -> String {
    let description = inspection.description.as_ref();
    let library = description.map(|library| format!("{} {}", library.library, library.version));
    let sdk = description.map(|library| library.sdk.as_str()).filter(|sdk| !sdk.is_empty());
    let sdk = sdk.map_or_else(String::new, |sdk| format!(", built with SDK {sdk}"));
    let abi = inspection.abi_version.map(|version| {
        format!("version {version}{sdk}; this flowrun supports version {FLOWRUN_ABI_VERSION}")
    });
    let size = format!("{} ({} bytes)", format_bytes(inspection.bytes), inspection.bytes);
    let properties = [
        ("library", library.map(|library| library.trim().to_owned()).filter(|library| !library.is_empty())),
        ("ABI", abi),
        ("size", Some(size)),
        ("sha256", Some(inspection.sha256.clone())),
    ];
    properties.into_iter().filter_map(|(name, value)| Some(format!("  {name:<9} {}\n", value?))).collect()
}

fn describe(executor: &DescribedExecutor) -> String {
    let rows = executor.parameters.iter().map(|parameter| {
        let (kind, default) = parameter_text(parameter);
        vec![parameter.name.clone(), kind, default, parameter.doc.clone()]
    });
    describe_executor(&executor.name, &executor.summary, &executor.aliases.join(", "), rows.collect())
}
