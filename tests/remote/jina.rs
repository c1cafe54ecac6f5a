//! The real Jina: executors of its own that a flow calls, and a flow of its own that calls one.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use flowrun::runtime::{Flow, Request};
use flowrun_sdk::{Document, ErrorKind};
use serde_json::{Value, json};

use super::ask;
use super::trouble::free_port;
use crate::clients::environment;
use crate::serving::Serving;
use crate::support::{error, flow};

/// An executor of Jina's, served by itself or behind a gateway. Ends with its test.
struct Jina {
    child: Child,
    /// It ends when nobody holds this any more.
    input: Option<ChildStdin>,
    port: u16,
}

impl Jina {
    /// Serves it from the environment of a schema; `None` where there is none.
    fn serve(schema: &str, behind: &str) -> Option<Self> {
        let port = free_port();
        let mut child = python(schema, "executor.py")?
            .args([&port.to_string(), behind])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "serving"), "it has ended before it served");
        // What it says later must not fill the pipe.
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

/// A script of Jina's, to be run in the environment of a schema; an end is made of those that hang.
fn python(schema: &str, script: &str) -> Option<Command> {
    let environment = environment(schema)?;
    let mut command = Command::new("timeout");
    command
        .arg("120")
        .arg(environment.join("bin/python"))
        .arg(format!("tests/clients/{script}"))
        // They must not call home.
        .env("NO_VERSION_CHECK", "1")
        .env("JINA_OPTOUT_TELEMETRY", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    Some(command)
}

async fn calling(port: u16) -> Flow {
    flow(&format!("- {{name: far, external: true, host: 127.0.0.1, port: {port}}}")).await
}

/// Documents, parameters, results and errors, to and fro.
async fn talk(schema: &str, behind: &str) {
    let Some(jina) = Jina::serve(schema, behind) else { return };
    let flow = calling(jina.port).await;
    let names: Vec<String> = (0..300).map(|number| format!("id-{number}")).collect();
    let mut request = Request {
        endpoint: "/shout".to_owned(),
        documents: names.iter().map(|name| Document::new(name).with_text("text")).collect(),
        ..Request::default()
    };
    request.parameters.insert("marks".to_owned(), 2.into());
    let response = ask(&flow, request.clone()).await;
    let came: Vec<(&str, Option<&str>)> =
        response.documents.iter().map(|document| (document.id.as_str(), document.text.as_deref())).collect();
    let expected: Vec<(&str, Option<&str>)> =
        names.iter().map(|name| (name.as_str(), Some("TEXT!!"))).collect();
    assert_eq!(came, expected);

    request.endpoint = "/count".to_owned();
    let response = ask(&flow, request.clone()).await;
    assert_eq!(Value::from(response.results), json!({"shouter/rep-0": {"count": 300}}));

    request.endpoint = "/fail".to_owned();
    let failed = error(flow.submit(request.clone()).await.unwrap().outcome().await);
    assert_eq!(failed.error.kind(), ErrorKind::Internal);
    let told = format!("`Shouter` at 127.0.0.1:{}: ValueError('told to', 300) (in `far`)", jina.port);
    assert_eq!(failed.to_string(), told);

    // Nobody handles it: the documents come back as they went.
    request.endpoint = "/other".to_owned();
    let sent = request.documents.clone();
    assert_eq!(ask(&flow, request).await.documents, sent);
    assert_eq!(flow.unhealthy_pods(), []);
}

#[tokio::test]
async fn an_executor_of_jina_is_called_in_the_first_schema() {
    talk("v1", "executor").await;
}

#[tokio::test]
async fn an_executor_of_jina_is_called_in_the_second_schema() {
    talk("v2", "executor").await;
}

#[tokio::test]
async fn a_gateway_of_jina_is_called_in_the_first_schema() {
    talk("v1", "gateway").await;
}

#[tokio::test]
async fn a_gateway_of_jina_is_called_in_the_second_schema() {
    talk("v2", "gateway").await;
}

#[test]
fn a_flow_of_jina_calls_what_is_served_here() {
    let directory = tempfile::tempdir().unwrap();
    let Some(mut caller) = python("v1", "external_executor.py") else { return };
    std::fs::copy("tests/clients/flow.yml", directory.path().join("flow.yml")).unwrap();
    let serving = Serving::start(directory.path(), &["flow.yml"]);
    let output = caller.arg(&serving.addresses[0]).arg(free_port().to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.trim_end().ends_with("done"), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
