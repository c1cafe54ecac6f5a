//! Interoperability with the real Jina: flowrun calls Jina executors, and a Jina flow calls flowrun.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use flowrun::runtime::{Flow, Request};
use flowrun_sdk::{Document, ErrorKind};
use serde_json::{Value, json};

use super::failures::free_port;
use super::submit;
use crate::clients::environment;
use crate::serving::Serving;
use crate::support::{error, flow};

/// A Jina executor, served directly or through a Jina gateway. Exits when it is dropped.
struct Jina {
    child: Child,
    /// The process exits when this is closed.
    input: Option<ChildStdin>,
    port: u16,
}

impl Jina {
    /// Starts the executor from the Python environment of a schema. Returns `None` if the environment was not built.
    fn serve(schema: &str, mode: &str) -> Option<Self> {
        let port = free_port();
        let mut child = python(schema, "executor.py")?
            .args([&port.to_string(), mode])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "serving"), "Jina exited before it was ready");
        // Later output must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let input = child.stdin.take();
        Some(Self { child, input, port })
    }
}

impl Drop for Jina {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.child.wait();
    }
}

/// Command that runs a script in the Python environment of a schema, for at most 120 s.
fn python(schema: &str, script: &str) -> Option<Command> {
    let environment = environment(schema)?;
    let mut command = Command::new("timeout");
    command
        .arg("120")
        .arg(environment.join("bin/python"))
        .arg(format!("tests/clients/{script}"))
        // No network access except to the test.
        .env("NO_VERSION_CHECK", "1")
        .env("JINA_OPTOUT_TELEMETRY", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    Some(command)
}

async fn start_caller(port: u16) -> Flow {
    flow(&format!("- {{name: far, external: true, host: 127.0.0.1, port: {port}}}")).await
}

/// Checks documents, parameters, results and errors of calls to a Jina executor.
async fn check_calls(schema: &str, mode: &str) {
    let Some(jina) = Jina::serve(schema, mode) else { return };
    let flow = start_caller(jina.port).await;
    let names: Vec<String> = (0..300).map(|number| format!("id-{number}")).collect();
    let mut request = Request {
        endpoint: "/shout".to_owned(),
        documents: names.iter().map(|name| Document::new(name).with_text("text")).collect(),
        ..Request::default()
    };
    request.parameters.insert("marks".to_owned(), 2.into());
    let response = submit(&flow, request.clone()).await;
    let received: Vec<(&str, Option<&str>)> =
        response.documents.iter().map(|document| (document.id.as_str(), document.text.as_deref())).collect();
    let expected: Vec<(&str, Option<&str>)> =
        names.iter().map(|name| (name.as_str(), Some("TEXT!!"))).collect();
    assert_eq!(received, expected);

    request.endpoint = "/count".to_owned();
    let response = submit(&flow, request.clone()).await;
    assert_eq!(Value::from(response.results), json!({"shouter/rep-0": {"count": 300}}));

    request.endpoint = "/fail".to_owned();
    let failed = error(flow.submit(request.clone()).await.unwrap().outcome().await);
    assert_eq!(failed.error.kind(), ErrorKind::Internal);
    let expected = format!("`Shouter` at 127.0.0.1:{}: ValueError('told to', 300) (in `far`)", jina.port);
    assert_eq!(failed.to_string(), expected);

    // No method handles this endpoint: the documents are returned unchanged.
    request.endpoint = "/other".to_owned();
    let sent = request.documents.clone();
    assert_eq!(submit(&flow, request).await.documents, sent);
    assert_eq!(flow.unhealthy_pods(), []);
}

#[tokio::test]
async fn a_jina_executor_is_called_with_schema_v1() {
    check_calls("v1", "executor").await;
}

#[tokio::test]
async fn a_jina_executor_is_called_with_schema_v2() {
    check_calls("v2", "executor").await;
}

#[tokio::test]
async fn a_jina_gateway_is_called_with_schema_v1() {
    check_calls("v1", "gateway").await;
}

#[tokio::test]
async fn a_jina_gateway_is_called_with_schema_v2() {
    check_calls("v2", "gateway").await;
}

#[test]
fn a_jina_flow_calls_a_served_flow() {
    let directory = tempfile::tempdir().unwrap();
    let Some(mut caller) = python("v1", "external_executor.py") else { return };
    std::fs::copy("tests/clients/flow.yml", directory.path().join("flow.yml")).unwrap();
    let serving = Serving::start(directory.path(), &["flow.yml"]);
    let output = caller.arg(&serving.addresses[0]).arg(free_port().to_string()).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.trim_end().ends_with("done"), "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
}
