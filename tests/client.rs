//! Our own client: what it asks is what the flow is asked, and what it tells is what became of it.

use std::sync::Arc;

use flowrun::client::{Client, ClientError, Load, Pace};
use flowrun::gateway::Token;
use flowrun::runtime::{Request, Response};
use flowrun_sdk::{Document, ErrorKind};
use serde_json::{Value, json};

use crate::serving::{Serving, write_certificate};
use crate::support::client::{served, served_by};
use crate::support::program::{PASS, command, directory, flowrun, json_lines, text};
use crate::support::{documents, gate, ids};

fn request(endpoint: &str, ids: &[&str]) -> Request {
    Request { endpoint: endpoint.to_owned(), documents: documents(ids.iter().copied()), ..Request::default() }
}

async fn connected(address: impl ToString) -> Client {
    Client::connect(&address.to_string(), None, None).await.unwrap()
}

/// What a request came to by either way of asking.
async fn both_ways(client: &Client, request: &Request) -> [Result<Response, ClientError>; 2] {
    [client.ask(request).await, client.converse().ask(request).await]
}

#[tokio::test]
async fn documents_parameters_and_results_arrive_as_they_are() {
    let served =
        served("", "- {name: probe, uses: {jtype: Probe, with: {name: client, finds: ['x=1', 'y=2']}}}")
            .await;
    let client = connected(served.address()).await;
    let mut request = request("/index", &[]);
    request.documents =
        [Document::new("a").with_text("t").with_embedding(vec![1.0, 2.0])].into_iter().collect();
    request.parameters.insert("top_k".to_owned(), 1.into());
    for response in both_ways(&client, &request).await {
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
async fn failures_are_told_by_kind_and_documents_that_failed_are_listed() {
    let served = served("", "- {name: probe, uses: {jtype: Probe, with: {name: partial}}}").await;
    let client = connected(served.address()).await;
    for response in both_ways(&client, &request("/index", &["good", "bad"])).await {
        let response = response.unwrap();
        assert_eq!(ids(&response.documents), ["good"]);
        let told: Vec<String> = response.failures.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["bad: bad (in `probe`)"]);
    }
    for response in both_ways(&client, &request("/fail", &["a"])).await {
        let Err(ClientError::Failed(failed)) = response else { panic!("{response:?}") };
        assert_eq!((failed.error.kind(), failed.error.message()), (ErrorKind::Resource, "told to"));
    }
}

#[tokio::test]
async fn a_stream_carries_many_requests_of_the_same_name() {
    let served = served("", "- {name: a, uses: Pass}").await;
    let conversation = Arc::new(connected(served.address()).await.converse());
    let asked = (0..200).map(|number| {
        let conversation = Arc::clone(&conversation);
        tokio::spawn(async move {
            let id = number.to_string();
            let response = conversation.ask(&request("/index", &[&id])).await.unwrap();
            assert_eq!(ids(&response.documents), [id]);
        })
    });
    for asked in asked.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
}

#[tokio::test]
async fn the_deadline_goes_along() {
    let served = served("", "- {name: gate, uses: Gate}").await;
    let closed = gate::close();
    let client = connected(served.address()).await;
    let mut request = request("/index", &["a"]);
    request.deadline = Some(std::time::Instant::now() + std::time::Duration::from_millis(20));
    let [unary, stream] = both_ways(&client, &request).await;
    assert_eq!(unary.unwrap_err().kind(), "DEADLINE_EXCEEDED");
    assert_eq!(stream.unwrap_err().kind(), "failed: expired");
    drop(closed);
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so() {
    let served = served_by("", "- {name: a, uses: Pass}", Some("secret")).await;
    let address = served.address().to_string();
    let token = Token::new("secret");
    let client = Client::connect(&format!("grpc://{address}"), token.as_ref(), None).await.unwrap();
    assert!(both_ways(&client, &request("/index", &["a"])).await.iter().all(Result::is_ok));
    for refused in both_ways(&connected(&address).await, &request("/index", &["a"])).await {
        assert_eq!(refused.unwrap_err().kind(), "UNAUTHENTICATED");
    }
    for (address, kind) in [("nowhere", "USAGE"), ("ftp://a:1", "USAGE"), ("127.0.0.1:1", "UNREACHABLE")] {
        assert_eq!(Client::connect(address, None, None).await.err().unwrap().kind(), kind);
    }
}

#[tokio::test]
async fn either_loop_counts_every_request() {
    let served = served("", "- {name: probe, uses: {jtype: Probe, with: {name: load}}}").await;
    let client = connected(served.address()).await;
    for (pace, stream) in [(Pace::Closed(4), false), (Pace::Closed(4), true), (Pace::Open(200.0), true)] {
        for (endpoint, answered) in [("/index", true), ("/fail", false)] {
            let load = Load {
                request: request(endpoint, &["a"]),
                pace,
                stream,
                duration: std::time::Duration::from_millis(100),
            };
            let measured = load.run(vec![client.clone()]).await.unwrap();
            let failed = measured.errors.get("failed: resource").copied().unwrap_or_default();
            assert_eq!((!measured.latencies.is_empty(), failed > 0), (answered, !answered), "{measured:?}");
            if matches!(pace, Pace::Open(_)) {
                assert_eq!(measured.latencies.len() + failed, 20);
            }
        }
    }
}

#[test]
fn the_program_asks_and_prints_as_a_job_does() {
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
    // The file's bytes went along: the service cannot read it.
    assert_eq!(lines[2]["blob"], "Ynl0ZXM=");
    assert!(text(&output.stderr).contains("3 succeeded, 0 failed"), "{}", text(&output.stderr));

    let bare = flowrun(directory.path(), &["client", &serving.addresses[0], "/index", "-o", "-"]);
    assert_eq!((bare.status.code(), text(&bare.stdout)), (Some(0), ""));
    let missing = flowrun(directory.path(), &["client", &serving.addresses[0], "/index", "none.gif"]);
    assert_eq!(missing.status.code(), Some(2));
    let nobody = flowrun(directory.path(), &["client", "127.0.0.1:1", "/index"]);
    assert_eq!(
        (nobody.status.code(), text(&nobody.stderr).contains("cannot reach 127.0.0.1:1")),
        (Some(1), true)
    );
}

#[test]
fn the_program_asks_and_measures_beneath_tls_whom_it_is_told_to_trust() {
    let directory = directory(PASS);
    write_certificate(directory.path(), "tls");
    let serve = ["serve", "flow.yml", "--tls-cert", "tls.crt", "--tls-key", "tls.key"];
    let serving = Serving::start(directory.path(), &serve);
    let address = format!("grpcs://{}", serving.addresses[0]);
    let asked = flowrun(directory.path(), &["client", &address, "/index", "--ca", "tls.crt"]);
    assert!(asked.status.success(), "{}", text(&asked.stderr));
    let load = ["bench", &address, "--ca", "tls.crt", "-d", "0.1", "--format", "json"];
    let measured = flowrun(directory.path(), &load);
    assert!(measured.status.success(), "{}", text(&measured.stderr));
    let figures: Value = serde_json::from_slice(&measured.stdout).unwrap();
    assert!(figures["answered"].as_u64().unwrap() > 0, "{figures}");
    // Whom nobody vouches for is not asked; and in the clear there is nobody to trust.
    let stranger = flowrun(directory.path(), &["client", &address, "/index"]);
    assert!(!stranger.status.success(), "{}", text(&stranger.stderr));
    let clear = flowrun(directory.path(), &["client", &serving.addresses[0], "/index", "--ca", "tls.crt"]);
    assert!(!clear.status.success() && text(&clear.stderr).contains("`grpcs://HOST:PORT`"));
}

#[test]
fn the_program_measures_a_service_and_a_flow() {
    let directory = directory(PASS);
    let serving = Serving::start(directory.path(), &["serve", "flow.yml"]);
    for target in [serving.addresses[0].as_str(), "flow.yml"] {
        let arguments = ["bench", target, "-d", "0.1", "-c", "2", "--documents", "3", "--format", "json"];
        let output = command(directory.path(), &arguments).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(figures["answered"].as_u64().unwrap() > 0, "{figures}");
        assert!(figures["latency_milliseconds"]["p99"].as_f64().unwrap() > 0.0, "{figures}");
        assert_eq!(figures["errors"], json!({}));
    }
}
