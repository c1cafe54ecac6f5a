//! `flowrun completions`: a completion script for a shell.

use std::io::Write as _;

use clap::Args;

use super::exit::Exit;

/// Options of `flowrun completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsOptions {
    /// Shell that the script is for.
    shell: clap_complete::Shell,
}

/// Prints the script for `grammar`, the grammar of the whole command line.
pub(super) fn completions(options: &CompletionsOptions, mut grammar: clap::Command) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut grammar, "flowrun", &mut script);
    let mut out = std::io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Done)
}
