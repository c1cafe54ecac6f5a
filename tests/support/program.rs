//! The program `flowrun`, run as a process.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A flow that returns its documents unchanged.
pub(crate) const PASS: &str = "jtype: Flow\nwith: {endpoint: /index}\nexecutors: [{name: a, uses: Pass}]\n";

/// Creates a directory with `flow.yml`.
pub(crate) fn directory(flow: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    directory
}

/// Command with an empty environment.
pub(crate) fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowrun"));
    command.args(arguments).current_dir(directory).env_clear().stdin(Stdio::null());
    command
}

pub(crate) fn flowrun(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).output().unwrap()
}

/// Runs the batch job of a flow file with more variables, and checks that it succeeds.
pub(crate) fn run_with<'a>(flow: &Path, environment: impl IntoIterator<Item = (&'a str, &'a Path)>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowrun"));
    let output = command.arg("run").arg(flow).envs(environment).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
