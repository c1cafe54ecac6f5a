//! The client library and `flowrun client`: requests, replies and errors arrive unchanged, over both kinds of calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun::client::{Client, ClientError, Load, Pacing, RequestStream};
use flowrun::gateway::Token;
use flowrun::runtime::{Request, Response};
use flowrun_sdk::{Document, ErrorKind};
use serde_json::{Value, json};

use crate::serving::{Serving, write_certificate};
use crate::support::client::{serve_flow, serve_with_token};
use crate::support::program::{PASS, command, directory, flowrun, json_lines, text};
use crate::support::{documents, gate, ids};

fn request(endpoint: &str, ids: &[&str]) -> Request {
    Request { endpoint: endpoint.to_owned(), documents: documents(ids.iter().copied()), ..Request::default() }
}

async fn connect(address: impl ToString) -> Client {
    Client::connect(&address.to_string(), None, None).await.unwrap()
}

/// Sends the request as a unary call and on a stream. Returns both results.
async fn send_both_ways(client: &Client, request: &Request) -> [Result<Response, ClientError>; 2] {
    [client.send(request).await, RequestStream::open(client.clone()).send(request).await]
}

#[tokio::test]
async fn documents_parameters_and_results_arrive_unchanged() {
    let served = serve_flow(
        "",
        "- {name: probe, uses: {jtype: Probe, with: {name: client, matches: ['x=1', 'y=2']}}}",
    )
    .await;
    let client = connect(served.address()).await;
    let mut request = request("/index", &[]);
    request.documents =
        [Document::new("a").with_text("t").with_embedding(vec![1.0, 2.0])].into_iter().collect();
    request.parameters.insert("top_k".to_owned(), 1.into());
    for response in send_both_ways(&client, &request).await {
        let Response { documents, failures, results } = response.unwrap();
        let document = &documents[0];
        assert_eq!(
            (document.text.as_deref(), document.embedding.as_ref()),
            (Some("t"), request.documents[0].embedding.as_ref())
        );
        assert_eq!(document.tags["client/0"], true);
        assert_eq!((ids(&document.matches), document.matches[0].score().unwrap().value), (vec!["x"], 1.0));
        assert_eq!(failures, []);
        assert_eq!(Value::from(results)["probe/rep-0"], json!({"documents": 1}));
    }
}

#[tokio::test]
async fn failed_requests_have_a_kind_and_failed_documents_are_listed() {
    let served = serve_flow("", "- {name: probe, uses: {jtype: Probe, with: {name: partial}}}").await;
    let client = connect(served.address()).await;
    for response in send_both_ways(&client, &request("/index", &["good", "bad"])).await {
        let response = response.unwrap();
        assert_eq!(ids(&response.documents), ["good"]);
        let failures: Vec<String> = response.failures.iter().map(ToString::to_string).collect();
        assert_eq!(failures, ["bad: bad (in `probe`)"]);
    }
    for response in send_both_ways(&client, &request("/fail", &["a"])).await {
        let Err(ClientError::Failed(failed)) = response else { panic!("{response:?}") };
        assert_eq!(
            (failed.error.kind(), failed.error.message()),
            (ErrorKind::Resource, "failing on request")
        );
    }
}

#[tokio::test]
async fn a_stream_matches_replies_to_requests_with_equal_ids() {
    let served = serve_flow("", "- {name: a, uses: Pass}").await;
    let stream = Arc::new(RequestStream::open(connect(served.address()).await));
    let requests = (0..200).map(|number| {
        let stream = Arc::clone(&stream);
        tokio::spawn(async move {
            let id = number.to_string();
            let response = stream.send(&request("/index", &[&id])).await.unwrap();
            assert_eq!(ids(&response.documents), [id]);
        })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap();
    }
}

#[tokio::test]
async fn the_deadline_of_a_request_is_sent_to_the_service() {
    let served = serve_flow("", "- {name: gate, uses: Gate}").await;
    let closed = gate::close();
    let client = connect(served.address()).await;
    let mut request = request("/index", &["a"]);
    request.deadline = Some(Instant::now() + Duration::from_millis(20));
    let [unary, stream] = send_both_ways(&client, &request).await;
    assert_eq!(unary.unwrap_err().kind(), "DEADLINE_EXCEEDED");
    assert_eq!(stream.unwrap_err().kind(), "failed: expired");
    drop(closed);
}

#[tokio::test]
async fn requests_without_the_token_are_unauthenticated_and_bad_addresses_are_reported() {
    let served = serve_with_token("", "- {name: a, uses: Pass}", Some("secret")).await;
    let address = served.address().to_string();
    let token = Token::new("secret");
    let client = Client::connect(&format!("grpc://{address}"), token.as_ref(), None).await.unwrap();
    assert!(send_both_ways(&client, &request("/index", &["a"])).await.iter().all(Result::is_ok));
    for rejected in send_both_ways(&connect(&address).await, &request("/index", &["a"])).await {
        assert_eq!(rejected.unwrap_err().kind(), "UNAUTHENTICATED");
    }
    for (address, kind) in [("nowhere", "USAGE"), ("ftp://a:1", "USAGE"), ("127.0.0.1:1", "UNREACHABLE")] {
        assert_eq!(Client::connect(address, None, None).await.err().unwrap().kind(), kind);
    }
}

#[tokio::test]
async fn closed_and_open_loops_count_every_request() {
    let served = serve_flow("", "- {name: probe, uses: {jtype: Probe, with: {name: load}}}").await;
    let client = connect(served.address()).await;
    let closed = Pacing::ClosedLoop { concurrency: 4 };
    let open = Pacing::OpenLoop { rate: 200.0 };
    for (pacing, stream) in [(closed, false), (closed, true), (open, true)] {
        for (endpoint, succeeds) in [("/index", true), ("/fail", false)] {
            let load = Load {
                request: request(endpoint, &["a"]),
                pacing,
                stream,
                duration: Duration::from_millis(100),
            };
            let report = load.run(vec![client.clone()]).await.unwrap();
            let failed = report.errors.get("failed: resource").copied().unwrap_or_default();
            assert_eq!((!report.latencies.is_empty(), failed > 0), (succeeds, !succeeds), "{report:?}");
            if pacing == open {
                assert_eq!(report.latencies.len() + failed, 20);
            }
        }
    }
}

#[test]
fn the_client_command_reads_files_and_prints_results_like_a_job() {
    let directory = directory(PASS);
    let serving = Serving::start(directory.path(), &["serve", "flow.yml"]);
    std::fs::write(directory.path().join("a.jsonl"), "{\"id\": \"a\", \"text\": \"t\"}\n{\"id\": \"b\"}\n")
        .unwrap();
    std::fs::write(directory.path().join("c.bin"), b"bytes").unwrap();
    let arguments =
        ["client", &serving.addresses[0], "index", "a.jsonl", "c.bin", "-o", "-", "--request-size", "1"];
    let output = flowrun(directory.path(), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines = json_lines(text(&output.stdout));
    assert_eq!((&lines[0], &lines[1]), (&json!({"id": "a", "text": "t"}), &json!({"id": "b"})));
    // The content of the file is sent, because the service cannot read the file.
    assert_eq!(lines[2]["blob"], "Ynl0ZXM=");
    assert!(text(&output.stderr).contains("3 succeeded, 0 failed"), "{}", text(&output.stderr));

    let empty = flowrun(directory.path(), &["client", &serving.addresses[0], "/index", "-o", "-"]);
    assert_eq!((empty.status.code(), text(&empty.stdout)), (Some(0), ""));
    let missing = flowrun(directory.path(), &["client", &serving.addresses[0], "/index", "none.gif"]);
    assert_eq!(missing.status.code(), Some(2));
    let unreachable = flowrun(directory.path(), &["client", "127.0.0.1:1", "/index"]);
    assert_eq!(
        (unreachable.status.code(), text(&unreachable.stderr).contains("cannot reach 127.0.0.1:1")),
        (Some(1), true)
    );
}

#[test]
fn the_client_and_bench_commands_verify_the_certificate_of_the_service() {
    let directory = directory(PASS);
    write_certificate(directory.path(), "tls");
    let serve = ["serve", "flow.yml", "--tls-cert", "tls.crt", "--tls-key", "tls.key"];
    let serving = Serving::start(directory.path(), &serve);
    let address = format!("grpcs://{}", serving.addresses[0]);
    let trusted = flowrun(directory.path(), &["client", &address, "/index", "--ca", "tls.crt"]);
    assert!(trusted.status.success(), "{}", text(&trusted.stderr));
    let load = ["bench", &address, "--ca", "tls.crt", "-d", "0.1", "--format", "json"];
    let measured = flowrun(directory.path(), &load);
    assert!(measured.status.success(), "{}", text(&measured.stderr));
    let report: Value = serde_json::from_slice(&measured.stdout).unwrap();
    assert!(report["answered"].as_u64().unwrap() > 0, "{report}");

    let untrusted = flowrun(directory.path(), &["client", &address, "/index"]);
    assert!(!untrusted.status.success(), "{}", text(&untrusted.stderr));
    let without_tls =
        flowrun(directory.path(), &["client", &serving.addresses[0], "/index", "--ca", "tls.crt"]);
    assert!(!without_tls.status.success() && text(&without_tls.stderr).contains("`grpcs://HOST:PORT`"));
}

#[test]
fn the_bench_command_measures_a_service_or_a_flow_file() {
    let directory = directory(PASS);
    let serving = Serving::start(directory.path(), &["serve", "flow.yml"]);
    for target in [serving.addresses[0].as_str(), "flow.yml"] {
        let arguments = ["bench", target, "-d", "0.1", "-c", "2", "--documents", "3", "--format", "json"];
        let output = command(directory.path(), &arguments).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(report["answered"].as_u64().unwrap() > 0, "{report}");
        assert!(report["latency_milliseconds"]["p99"].as_f64().unwrap() > 0.0, "{report}");
        assert_eq!(report["errors"], json!({}));
    }
}
