//! Executors in shared libraries.

mod bad;
mod calls;
mod examples;
mod flows;
mod scaffold;

use std::path::Path;

use flowrun::diagnostic::{Code, Format, Report, Sources, render};
use flowrun::runtime::{Flow, launch};
use flowrun::yaml::Environment;

use crate::support::{self, catalog};

/// Creates a directory with a flow of the given executors.
fn directory(executors: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), executors);
    directory
}

fn write(directory: &Path, executors: &str) {
    let yaml = format!("jtype: Flow\nwith: {{endpoint: /index}}\nexecutors:\n{executors}");
    std::fs::write(directory.join("flow.yml"), yaml).unwrap();
}

/// Reads and starts the flow of a directory. Fails with the diagnostics.
async fn start(directory: &Path) -> Result<Flow, (Vec<Code>, String)> {
    start_in(directory, &Environment::default()).await
}

async fn start_in(directory: &Path, environment: &Environment) -> Result<Flow, (Vec<Code>, String)> {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let path = directory.join("flow.yml");
    let read = flowrun::read(&path, environment, &catalog(), &mut sources, &mut report);
    let flow = match read {
        Some((_, topology)) if !report.has_errors() => launch(&topology, &catalog(), &mut report).await,
        _ => None,
    };
    let codes = report.sorted().iter().map(|diagnostic| diagnostic.code).collect();
    flow.ok_or_else(|| (codes, render(&report, &sources, Format::Human, false)))
}

/// Starts a flow in a directory that contains the test plugins as `trials.so`.
async fn start_test_plugin(executors: &str) -> (tempfile::TempDir, Flow) {
    let directory = directory(executors);
    std::fs::copy(support::plugin::test_plugin(), directory.path().join("trials.so")).unwrap();
    let flow = start(directory.path()).await.unwrap_or_else(|(_, report)| panic!("{report}"));
    (directory, flow)
}
