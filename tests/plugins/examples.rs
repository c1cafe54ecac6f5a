//! The plugins of `executors/examples`, run with their flows in `flows/plugins`.

use std::path::Path;

use serde_json::json;

use crate::support::plugin;
use crate::support::program::{json_lines, text};

/// Runs a flow of `flows/plugins` with its plugin in `plugins`, and returns the documents.
fn run_flow(flow: &str, plugins: &Path) -> Vec<serde_json::Value> {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("in.jsonl");
    std::fs::write(
        &input,
        "{\"id\": \"a\", \"text\": \"hello\", \"tags\": {\"n\": 1}}\n{\"id\": \"b\", \"text\": \"world\"}\n",
    )
    .unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_flowrun"))
        .args([&format!("flows/plugins/{flow}"), "-o", "-", "-i"])
        .arg(&input)
        .env("PLUGINS", plugins)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    json_lines(text(&output.stdout))
}

fn assert_marked(documents: &[serde_json::Value]) {
    assert_eq!(
        (&documents[0]["text"], &documents[1]["text"]),
        (&json!("hello?!"), &json!("world?!")),
        "{documents:?}"
    );
    assert_eq!(documents[0]["tags"], json!({"n": 1}));
}

#[test]
fn the_example_in_rust_runs_in_its_flow() {
    assert_marked(&run_flow("rust.yml", plugin::rust_example().parent().unwrap()));
}

#[test]
fn the_example_in_c_runs_in_its_flow() {
    let directory = tempfile::tempdir().unwrap();
    plugin::compile_c_example(&directory.path().join("libshout_c.so"));
    assert_marked(&run_flow("c.yml", directory.path()));
}
