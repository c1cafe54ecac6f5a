//! `flowrun completions`: a completion script for a shell.

use std::io::Write as _;

use super::arguments::{Arguments, CompletionsOptions};
use super::exit::Exit;

/// Prints the script.
pub(super) fn completions(options: &CompletionsOptions) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    let mut command = <Arguments as clap::CommandFactory>::command();
    clap_complete::generate(options.shell, &mut command, "flowrun", &mut script);
    let mut out = std::io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Done)
}
