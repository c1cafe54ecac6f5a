//! `flowrun new`: an executor or a flow to begin with, that builds, runs and has a test.

mod sdk;
mod template;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::exit::Exit;
use template::{Template, fill};

/// `flowrun new`.
#[derive(Debug, Args)]
pub(super) struct NewOptions {
    #[command(subcommand)]
    verb: NewVerb,
}

#[derive(Debug, Subcommand)]
enum NewVerb {
    /// An executor of one's own, with a flow that uses it
    Executor(ExecutorOptions),
    /// A flow of built-in executors, with documents to try it on
    Flow(FlowOptions),
}

#[derive(Debug, Args)]
struct ExecutorOptions {
    /// Its name, which is also that of the new directory: letters, digits, `-` and `_`.
    #[arg(value_parser = name)]
    name: String,
    /// The language that it is written in.
    #[arg(long, value_enum, default_value_t, value_name = "LANGUAGE")]
    lang: Language,
}

#[derive(Debug, Args)]
struct FlowOptions {
    /// Its name, which is also that of the new directory: letters, digits, `-` and `_`.
    #[arg(value_parser = name)]
    name: String,
}

/// A language that executors are written in. One more is a variant here and its template in `Language::template`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Language {
    /// A crate with the SDK beside it.
    #[default]
    Rust,
    /// One file and the header.
    C,
    /// One file.
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

/// Writes it, and says what to type next.
pub(super) fn new(options: &NewOptions) -> anyhow::Result<Exit> {
    let (name, template, with_sdk) = match &options.verb {
        NewVerb::Executor(options) => {
            (&options.name, options.lang.template(), options.lang == Language::Rust)
        }
        NewVerb::Flow(options) => (&options.name, template::FLOW, false),
    };
    let directory = PathBuf::from(name);
    if directory.exists() {
        writeln!(std::io::stderr(), "error: `{name}` is there already; choose another name")?;
        return Ok(Exit::Usage);
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

/// A name that can be a directory, a crate, a library and, written otherwise, a class.
fn name(text: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic());
    if !begins || !text.chars().all(plain) || text.len() > 64 {
        return Err(
            "a name is made of letters, digits, `-` and `_`, begins with a letter, and has at most 64"
                .to_owned(),
        );
    }
    // Crates of these names do not compile, or hide what is needed.
    if ["flowrun-sdk", "flowrun_sdk", "std", "core", "test", "vendor"].contains(&text) {
        return Err(format!("`{text}` is taken"));
    }
    Ok(text.to_owned())
}
