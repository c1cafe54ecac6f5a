//! `flowrun new`: creates an executor or a flow from a template that builds, runs and has a test, or a first placement of a
//! flow.

mod placement;
mod sdk;
mod template;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::exit::{EarlyExit, Exit};
use super::flow_file::ReadOptions;
use crate::diagnostic::Severity;
use template::{Template, fill};

/// Options of `flowrun new`.
#[derive(Debug, Args)]
pub(super) struct NewOptions {
    #[command(subcommand)]
    command: NewCommand,
}

#[derive(Debug, Subcommand)]
enum NewCommand {
    /// Create an executor, and a flow that uses it
    Executor(ExecutorOptions),
    /// Create the flows of a search, of built-in executors
    Flow(FlowOptions),
    /// Create a placement of a flow, with its pods on workers
    Placement(PlacementOptions),
}

#[derive(Debug, Args)]
struct ExecutorOptions {
    /// Name of the executor and of its directory: letters, digits, `-` and `_`.
    #[arg(value_parser = name)]
    name: String,
    /// Programming language of the executor.
    #[arg(long, value_enum, default_value_t, value_name = "LANGUAGE")]
    lang: Language,
}

#[derive(Debug, Args)]
struct FlowOptions {
    /// Name of the flow and of its directory: letters, digits, `-` and `_`.
    #[arg(value_parser = name)]
    name: String,
    /// Documents that the flow searches.
    #[arg(long, value_enum, default_value_t, value_name = "TEMPLATE")]
    template: Search,
}

#[derive(Debug, Args)]
struct PlacementOptions {
    /// YAML file of the flow.
    #[arg(value_name = "FLOW")]
    flow: PathBuf,
    /// File to create.
    #[arg(long, short, value_name = "FILE", default_value = "placement.yml")]
    output: PathBuf,
    #[command(flatten)]
    read: ReadOptions,
}

/// Programming language of an executor. To add one, add a variant here and its template in [`Language::template`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Language {
    /// A crate with a copy of the SDK.
    #[default]
    Rust,
    /// A C file and the header of the SDK.
    C,
    /// A Python file.
    Python,
}

impl Language {
    fn template(self) -> Template {
        match self {
            Self::Rust => template::RUST,
            Self::C => template::C,
            Self::Python => template::PYTHON,
        }
    }
}

/// Documents that a new flow searches. To add some, add a variant here and its template in [`Search::template`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Search {
    /// Texts, with example documents.
    #[default]
    Texts,
    /// Pictures, by their colours and edges.
    Images,
    /// Scenes of videos, by pictures.
    Videos,
}

impl Search {
    fn template(self) -> Template {
        match self {
            Self::Texts => template::TEXTS,
            Self::Images => template::IMAGES,
            Self::Videos => template::VIDEOS,
        }
    }
}

/// Writes the files of the template and prints the next commands to type.
pub(super) fn new(options: &NewOptions) -> anyhow::Result<Exit> {
    let (name, template, with_sdk) = match &options.command {
        NewCommand::Executor(options) => {
            (&options.name, options.lang.template(), options.lang == Language::Rust)
        }
        NewCommand::Flow(options) => (&options.name, options.template.template(), false),
        NewCommand::Placement(options) => return new_placement(options),
    };
    let directory = PathBuf::from(name);
    if directory.exists() {
        let message = format!("`{name}` exists already; choose another name");
        return Err(EarlyExit::usage(message).into());
    }
    let mut files: Vec<(PathBuf, String)> =
        template.files.iter().map(|(path, text)| (fill(path, name).into(), fill(text, name))).collect();
    if with_sdk {
        files.extend(sdk::files().into_iter().map(|(path, text)| (Path::new("vendor").join(path), text)));
    }
    for (path, text) in files {
        let path = directory.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, text)?;
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", fill(template.next, name).trim_end())?;
    out.flush()?;
    Ok(Exit::Done)
}

/// Writes a placement and prints the commands that start its processes.
fn new_placement(options: &PlacementOptions) -> anyhow::Result<Exit> {
    let file = options.read.inspect(&options.flow);
    let topology = file.checked(Severity::Error)?;
    let path = &options.output;
    let created = placement::placement(&file, topology, &options.flow, path);
    let mut output = match std::fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let message = format_args!("`{}` exists already; name another file: `-o FILE`", path.display());
            return Err(EarlyExit::usage(message).into());
        }
        opened => opened?,
    };
    output.write_all(created.yaml.as_bytes())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "created {}; start each of these processes:\n", path.display())?;
    out.write_all(created.commands.as_bytes())?;
    out.flush()?;
    Ok(Exit::Done)
}

/// Parses a name that is valid for a directory, a crate and a library, and for a class after [`fill`].
fn name(text: &str) -> Result<String, String> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let starts_with_letter = text.starts_with(|letter: char| letter.is_ascii_alphabetic());
    if !starts_with_letter || !text.chars().all(allowed) || text.len() > 64 {
        return Err("a name starts with a letter and has at most 64 letters, digits, `-` and `_`".to_owned());
    }
    // A crate with such a name does not compile, or shadows a crate that the template needs.
    if ["flowrun-sdk", "flowrun_sdk", "std", "core", "test", "vendor"].contains(&text) {
        return Err(format!("`{text}` is a reserved name"));
    }
    Ok(text.to_owned())
}
