//! Executors written in Python: flowrun's own API, Jina's, the documentation, and the child processes.

mod documentation;
mod jina_executors;
mod mistakes;
mod native_executors;
mod round_trip;
mod service;
mod streaming;

use std::path::{Path, PathBuf};

use flowrun::runtime::{Flow, Outcome, Request, RequestError};
use flowrun::topology::Topology;
use flowrun::yaml::Environment;
use flowrun_sdk::{Document, Documents};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::support;

/// Directory of the test executors.
fn executor_directory() -> PathBuf {
    Path::new("tests/python/executors").canonicalize().unwrap()
}

/// Plans a flow with these pods. `@` in a pod is replaced by the directory of the executors.
fn plan_pods(pods: &str) -> (TempDir, Topology) {
    let directory = tempfile::tempdir().unwrap();
    let pods = pods.replace('@', &executor_directory().to_string_lossy());
    let yaml = format!("jtype: Flow\nexecutors:\n{pods}\n");
    let topology = support::plan(&yaml, directory.path(), &Environment::default());
    (directory, topology)
}

/// Plans and launches a flow with these pods.
async fn start_pods(pods: &str) -> (TempDir, Flow) {
    let (directory, topology) = plan_pods(pods);
    let flow = support::start(&topology).await;
    (directory, flow)
}

/// YAML of a pod `e` with a class of `native.py` and additional keys.
fn native_pod(class: &str, keys: &str) -> String {
    format!("- {{name: e, uses: {class}, py_modules: ['@/native.py']{keys}}}")
}

async fn send(flow: &Flow, endpoint: &str, documents: Documents, parameters: &Value) -> Outcome {
    let parameters: Map<String, Value> = parameters.as_object().cloned().unwrap_or_default();
    let request = Request { endpoint: endpoint.to_owned(), documents, parameters, ..Request::default() };
    flow.submit(request).await.unwrap().outcome().await
}

/// Documents with these texts, which are also their ids.
fn texts(texts: &[&str]) -> Documents {
    texts.iter().map(|text| Document::new(*text).with_text(*text)).collect()
}

fn texts_of(documents: &[Document]) -> Vec<&str> {
    documents.iter().map(|document| document.text.as_deref().unwrap_or_default()).collect()
}

/// Calls the pod `e` and returns its result that belongs to no document.
async fn call_result(flow: &Flow, endpoint: &str, parameters: &Value) -> Value {
    let outcome = send(flow, endpoint, texts(&["a"]), parameters).await;
    support::reply(outcome).results["e/rep-0"].clone()
}

async fn expect_error(flow: &Flow, endpoint: &str) -> RequestError {
    support::error(send(flow, endpoint, texts(&["a"]), &Value::Null).await)
}

/// Asserts that a pod receives the documents of both branches separately if it has `no_reduce`.
async fn assert_origins(pod: &str) {
    let branches = "- {name: b, uses: Pass, needs: gateway}\n- {name: c, uses: Pass, needs: gateway}\n";
    for (keys, matrix, map) in [
        (
            ", needs: [b, c], no_reduce: true",
            json!([["x!", "y"], ["x", "y"]]),
            json!({"b": ["x!", "y"], "c": ["x", "y"]}),
        ),
        (", needs: [b, c]", json!([["x!", "y"]]), json!({})),
    ] {
        let (_directory, flow) =
            start_pods(&format!("{branches}{}{keys}}}", pod.trim_end_matches('}'))).await;
        let answer = support::reply(send(&flow, "/origins", texts(&["x", "y"]), &Value::Null).await);
        let docs: Vec<Value> =
            matrix.as_array().unwrap().iter().flat_map(|part| part.as_array().unwrap().clone()).collect();
        assert_eq!(
            answer.results["e/rep-0"],
            json!({"docs": docs, "matrix": matrix, "map": map}),
            "{pod}{keys}"
        );
    }
}
