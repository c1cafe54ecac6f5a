//! Helpers for tests of whole flows: planning, launching and calling flows, and executors that misbehave on purpose.

pub(crate) mod artifact;
pub(crate) mod browser;
pub(crate) mod chaos;
pub(crate) mod child;
pub(crate) mod client;
pub(crate) mod collector;
pub(crate) mod crowd;
pub(crate) mod fragile;
pub(crate) mod gate;
pub(crate) mod models;
pub(crate) mod plugin;
pub(crate) mod probe;
pub(crate) mod program;
pub(crate) mod recorded;
pub(crate) mod workers;

use std::path::Path;

use flowrun::diagnostic::{Format, Report, Sources, render};
use flowrun::runtime::{Flow, Outcome, Request, RequestError, Response, launch};
use flowrun::topology::Topology;
use flowrun::yaml::Environment;
use flowrun_sdk::{Catalog, Document, Documents, Value};

/// The built-in executors and the executors for tests.
pub(crate) fn catalog() -> Catalog {
    child::register();
    let mut catalog = flowrun::catalog::built_in();
    catalog.add(chaos::CHAOS);
    catalog.add(crowd::CROWD);
    catalog.add(fragile::FRAGILE);
    catalog.add(gate::GATE);
    catalog.add(gate::GATE_STORE);
    catalog.add(probe::PROBE);
    catalog.add(recorded::MISC);
    catalog.add(recorded::MISC_V2);
    catalog.add(recorded::ENC);
    catalog
}

/// Plans the flow in `yaml`, written to `directory`. Panics with the rendered report if it has errors.
pub(crate) fn plan(yaml: &str, directory: &Path, environment: &Environment) -> Topology {
    let path = directory.join("flow.yml");
    std::fs::write(&path, yaml).unwrap();
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let read = flowrun::read(&path, environment, &catalog(), &mut sources, &mut report);
    assert!(!report.has_errors(), "{}\n{yaml}", render(&report, &sources, Format::Human, false));
    read.unwrap().1
}

/// Starts a planned flow. Panics with the report if that fails.
pub(crate) async fn start(topology: &Topology) -> Flow {
    let mut report = Report::default();
    let flow = launch(topology, &catalog(), &mut report).await;
    flow.unwrap_or_else(|| panic!("{:?}", report.sorted()))
}

/// Plans and starts a Jina 3 flow with these pods.
pub(crate) async fn flow(executors: &str) -> Flow {
    let directory = tempfile::tempdir().unwrap();
    let yaml = format!("jtype: Flow\nexecutors:\n{executors}");
    start(&plan(&yaml, directory.path(), &Environment::default())).await
}

/// Sends documents with these ids to `endpoint` and returns the outcome.
pub(crate) async fn send(flow: &Flow, endpoint: &str, ids: &[&str]) -> Outcome {
    let request = Request {
        endpoint: endpoint.to_owned(),
        documents: documents(ids.iter().copied()),
        ..Request::default()
    };
    flow.submit(request).await.unwrap().outcome().await
}

/// Sends documents to `endpoint` and returns the response. Panics if the request or a document failed.
pub(crate) async fn call(
    flow: &Flow,
    endpoint: &str,
    documents: Vec<Document>,
    parameters: Value,
) -> Response {
    let request = Request {
        endpoint: endpoint.to_owned(),
        documents: documents.into(),
        parameters: parameters.as_object().unwrap().clone(),
        ..Request::default()
    };
    let response = reply(flow.submit(request).await.unwrap().outcome().await);
    assert!(response.failures.is_empty(), "{:?}", response.failures);
    response
}

/// A temporary directory in memory if possible, so that tests do not wait for a disk.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Returns the response. Panics if the request failed.
pub(crate) fn reply(outcome: Outcome) -> Response {
    match outcome {
        Outcome::Reply(response) => response,
        Outcome::Failed(error) => panic!("{error}"),
    }
}

/// Returns the error. Panics if the request succeeded.
pub(crate) fn error(outcome: Outcome) -> RequestError {
    match outcome {
        Outcome::Reply(response) => panic!("{response:?}"),
        Outcome::Failed(error) => error,
    }
}

/// Documents with these ids.
pub(crate) fn documents<S: Into<String>>(ids: impl IntoIterator<Item = S>) -> Documents {
    ids.into_iter().map(Document::new).collect()
}

/// Ids of documents, in order.
pub(crate) fn ids(documents: &[Document]) -> Vec<&str> {
    documents.iter().map(|document| document.id.as_str()).collect()
}
