//! Executors that are written in Python.

mod guide;
mod jina;
mod native;
mod served;
mod trip;

use std::path::{Path, PathBuf};

use flowrun::runtime::{Flow, Outcome, Request, RequestError};
use flowrun::topology::Topology;
use flowrun::yaml::Environment;
use flowrun_sdk::{Document, Documents};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::support;

/// Where the executors of these tests are.
fn executors() -> PathBuf {
    Path::new("tests/python/executors").canonicalize().unwrap()
}

/// A flow of these executors, in which `@` stands for the directory of the tests' own.
fn planned(pods: &str) -> (TempDir, Topology) {
    let directory = tempfile::tempdir().unwrap();
    let pods = pods.replace('@', &executors().to_string_lossy());
    let yaml = format!("jtype: Flow\nexecutors:\n{pods}\n");
    let topology = support::plan(&yaml, directory.path(), &Environment::default());
    (directory, topology)
}

/// The same, started.
async fn started(pods: &str) -> (TempDir, Flow) {
    let (directory, topology) = planned(pods);
    let flow = support::start(&topology).await;
    (directory, flow)
}

/// A pod `e` of a class in `native.py`.
fn native(class: &str, more: &str) -> String {
    format!("- {{name: e, uses: {class}, py_modules: ['@/native.py']{more}}}")
}

async fn send(flow: &Flow, endpoint: &str, documents: Documents, parameters: &Value) -> Outcome {
    let parameters: Map<String, Value> = parameters.as_object().cloned().unwrap_or_default();
    let request = Request { endpoint: endpoint.to_owned(), documents, parameters, ..Request::default() };
    flow.submit(request).await.unwrap().outcome().await
}

/// Documents of these texts, which are their ids too.
fn texts(texts: &[&str]) -> Documents {
    texts.iter().map(|text| Document::new(*text).with_text(*text)).collect()
}

fn said(documents: &[Document]) -> Vec<&str> {
    documents.iter().map(|document| document.text.as_deref().unwrap_or_default()).collect()
}

/// What the pod `e` answers beside documents.
async fn result(flow: &Flow, endpoint: &str, parameters: &Value) -> Value {
    let outcome = send(flow, endpoint, texts(&["a"]), parameters).await;
    support::reply(outcome).results["e/rep-0"].clone()
}

async fn fails(flow: &Flow, endpoint: &str) -> RequestError {
    support::error(send(flow, endpoint, texts(&["a"]), &Value::Null).await)
}

/// Where the documents are from, as the pod `pod` sees it behind branches that it wants side by side.
async fn sees_origins(pod: &str) {
    let branches = "- {name: b, uses: Pass, needs: gateway}\n- {name: c, uses: Pass, needs: gateway}\n";
    for (more, matrix, map) in [
        (
            ", needs: [b, c], no_reduce: true",
            json!([["x!", "y"], ["x", "y"]]),
            json!({"b": ["x!", "y"], "c": ["x", "y"]}),
        ),
        (", needs: [b, c]", json!([["x!", "y"]]), json!({})),
    ] {
        let (_directory, flow) = started(&format!("{branches}{}{more}}}", pod.trim_end_matches('}'))).await;
        let answer = support::reply(send(&flow, "/origins", texts(&["x", "y"]), &Value::Null).await);
        let docs: Vec<Value> =
            matrix.as_array().unwrap().iter().flat_map(|part| part.as_array().unwrap().clone()).collect();
        assert_eq!(
            answer.results["e/rep-0"],
            json!({"docs": docs, "matrix": matrix, "map": map}),
            "{pod}{more}"
        );
    }
}
