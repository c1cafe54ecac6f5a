//! `flowrun plugin check`: what a library offers and what is wrong with it, without executing it.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use flowrun_plugin::{Inspection, in_words, look};
use flowrun_sdk::LibraryError;
use flowrun_sdk::abi::{DescribedExecutor, Description, FLOWRUN_ABI_VERSION};
use serde_json::{Value, json};

use super::executors::{print, table};
use super::exit::Exit;
use crate::diagnostic::{Diagnostic, Format, Report, Sources, render};
use crate::topology::{format_bytes, library_fault_code};

/// `flowrun plugin`.
#[derive(Debug, Args)]
pub(super) struct PluginOptions {
    #[command(subcommand)]
    verb: PluginVerb,
}

#[derive(Debug, Subcommand)]
enum PluginVerb {
    /// Says what a library offers and what is wrong with it, without executing it
    Check(CheckOptions),
}

#[derive(Debug, Args)]
struct CheckOptions {
    /// The library.
    file: PathBuf,
    /// How to say it.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: PluginFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum PluginFormat {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
}

/// Looks into a library.
pub(super) fn plugin(options: &PluginOptions) -> anyhow::Result<Exit> {
    let PluginVerb::Check(options) = &options.verb;
    let (inspection, faults) = match look(&options.file) {
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
        text.push_str(&facts(inspection));
        let executors = inspection.description.iter().flat_map(|description| &description.executors);
        executors.for_each(|one| text.push_str(&executor(one)));
    }
    let mut report = Report::default();
    for fault in faults {
        let diagnostic = Diagnostic::new(library_fault_code(fault.fault), fault.message.clone());
        report.push(diagnostic.maybe_help(fault.help.map(str::to_owned)));
    }
    let colour = std::io::stdout().is_terminal();
    text.push_str(&format!("\n{}", render(&report, &Sources::default(), Format::Human, colour)));
    if faults.is_empty() {
        text.push_str("nothing to complain of");
    }
    text.trim_end().to_owned()
}

fn facts(inspection: &Inspection) -> String {
    let none = Description {
        sdk: String::new(),
        library: String::new(),
        version: String::new(),
        executors: Vec::new(),
    };
    let description = inspection.description.as_ref().unwrap_or(&none);
    let sdk = match description.sdk.as_str() {
        "" => String::new(),
        sdk => format!(", made with SDK {sdk}"),
    };
    let boundary = inspection
        .abi_version
        .map(|version| format!("version {version}{sdk}; this flowrun speaks version {FLOWRUN_ABI_VERSION}"));
    let library = format!("{} {}", description.library, description.version);
    let size = format!("{} ({} bytes)", format_bytes(inspection.bytes), inspection.bytes);
    let facts = [
        ("library", Some(library.trim().to_owned()).filter(|library| !library.is_empty())),
        ("boundary", boundary),
        ("size", Some(size)),
        ("sha256", Some(inspection.sha256.clone())),
    ];
    facts.into_iter().filter_map(|(name, value)| Some(format!("  {name:<9} {}\n", value?))).collect()
}

fn executor(executor: &DescribedExecutor) -> String {
    let mut text = format!("\n{}: {}\n", executor.name, executor.summary);
    if !executor.aliases.is_empty() {
        text.push_str(&format!("also called {}\n", executor.aliases.join(", ")));
    }
    if executor.parameters.is_empty() {
        text.push_str("It has no parameters.\n");
        return text;
    }
    let rows = executor.parameters.iter().map(|parameter| {
        let (kind, default) = in_words(parameter);
        vec![parameter.name.clone(), kind, default, parameter.doc.clone()]
    });
    text.push_str(&table(&["parameter", "value", "default", "meaning"], rows.collect()));
    text.push('\n');
    text
}
