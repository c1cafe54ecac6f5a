//! Pods that run elsewhere: flows that call flows, over connections of their own.

mod jina;
mod kept;
mod trouble;

use std::path::Path;

use flowrun::runtime::{Flow, Request, Response};
use flowrun_sdk::Document;
use serde_json::{Value, json};

use crate::serving::Serving;
use crate::support::client::{Served, served};
use crate::support::{documents, error, flow, ids, reply, send};

/// A flow whose one pod, `far`, is what is served at that address.
async fn calling(served: &Served, more: &str) -> Flow {
    flow(&format!("- {{name: far, external: true, port: {}{more}}}", served.address().port())).await
}

async fn ask(flow: &Flow, request: Request) -> Response {
    reply(flow.submit(request).await.unwrap().outcome().await)
}

fn request(endpoint: &str, ids: &[&str]) -> Request {
    Request { endpoint: endpoint.to_owned(), documents: documents(ids.iter().copied()), ..Request::default() }
}

#[tokio::test]
async fn every_way_to_name_an_executor_elsewhere_is_the_same() {
    let served =
        served("", "- {name: probe, uses: {jtype: Probe, with: {name: named, finds: ['x=1', 'y=2']}}}").await;
    let port = served.address().port();
    for way in [
        format!("external: true, port: {port}"),
        format!("external: true, host: localhost, port: [{port}]"),
        format!("external: true, host: 'grpc://127.0.0.1:{port}'"),
        format!("uses: 'grpc://127.0.0.1:{port}'"),
        format!("uses: RemoteExecutor, uses_with: {{addresses: ['127.0.0.1:{port}']}}"),
        format!("uses: {{jtype: RemoteExecutor, with: {{addresses: '127.0.0.1:{port}'}}}}"),
    ] {
        let flow = flow(&format!("- {{name: far, {way}}}")).await;
        let mut request = request("/index", &[]);
        request.documents =
            [Document::new("a").with_text("t").with_embedding(vec![1.0, 2.0])].into_iter().collect();
        request.parameters.insert("top_k".to_owned(), 1.into());
        let sent = request.documents.clone();
        let Response { documents, failures, results } = ask(&flow, request).await;
        let document = &documents[0];
        assert_eq!((document.text.as_deref(), &document.embedding), (Some("t"), &sent[0].embedding), "{way}");
        assert_eq!(document.tags["named/0"], true);
        assert_eq!(ids(&document.matches), ["x"]);
        assert_eq!(failures, []);
        // What executors elsewhere had to say comes under their own names, as in Jina.
        assert_eq!(Value::from(results), json!({"probe/rep-0": {"documents": 1}}));
    }
}

#[tokio::test]
async fn ten_thousand_documents_keep_their_ids_and_their_order() {
    let served = served("", "- {name: a, uses: Pass}").await;
    let flow = calling(&served, "").await;
    let names: Vec<String> = (0..10_000).map(|number| format!("document-{number}")).collect();
    let requests = names.chunks(100).map(|chunk| {
        let request = Request {
            endpoint: "/index".to_owned(),
            documents: documents(chunk.iter().map(String::as_str)),
            ..Request::default()
        };
        ask(&flow, request)
    });
    let responses = futures_util::future::join_all(requests).await;
    let came: Vec<&str> = responses.iter().flat_map(|response| ids(&response.documents)).collect();
    assert_eq!(came, names);
}

#[tokio::test]
async fn documents_that_failed_elsewhere_are_listed_and_the_others_go_on() {
    let served = served("", "- {name: probe, uses: {jtype: Probe, with: {name: far-partial}}}").await;
    let flow = calling(&served, "").await;
    let response = reply(send(&flow, "/index", &["good", "bad"]).await);
    assert_eq!(ids(&response.documents), ["good"]);
    let told: Vec<String> = response.failures.iter().map(ToString::to_string).collect();
    assert_eq!(told, [format!("bad: bad (in `probe` at {}) (in `far`)", served.address())]);
}

#[tokio::test]
async fn an_error_elsewhere_names_the_pod_the_executor_and_the_address() {
    let served = served("", "- {name: probe, uses: {jtype: Probe, with: {name: far-error}}}").await;
    let flow = calling(&served, "").await;
    let failed = error(send(&flow, "/fail", &["a"]).await);
    let told = format!("`Probe` at {}: told to (in `far`)", served.address());
    assert_eq!((failed.error.kind(), failed.to_string()), (flowrun_sdk::ErrorKind::Resource, told));
    // Once, though it could be tried again: what failed was not the way there.
    assert_eq!(served.flow.request_counts().failed, 1);
}

#[tokio::test]
async fn what_the_other_side_does_not_handle_is_not_sent() {
    let served = served("", "- {name: enc, uses: Enc}").await;
    let flow = calling(&served, "").await;
    assert_eq!(ids(&reply(send(&flow, "/other", &["a"]).await).documents), ["a"]);
    assert_eq!(served.flow.request_counts().accepted, 0);
    assert_eq!(ids(&reply(send(&flow, "/index", &["a"]).await).documents), ["a"]);
    assert_eq!(served.flow.request_counts().accepted, 1);
}

#[tokio::test]
async fn metadata_goes_along_and_nothing_does_without_it() {
    let served = crate::support::client::served_by("", "- {name: a, uses: Pass}", Some("secret")).await;
    let with = calling(&served, ", grpc_metadata: {authorization: Bearer secret}").await;
    assert_eq!(ids(&reply(send(&with, "/index", &["a"]).await).documents), ["a"]);
    let without = calling(&served, "").await;
    let failed = error(send(&without, "/index", &["a"]).await);
    assert!(failed.to_string().contains("Unauthenticated"), "{failed}");
}

#[tokio::test]
async fn calls_elsewhere_are_joined_and_followed_like_any_other() {
    let (one, other) = (
        served("", "- {name: p, uses: {jtype: Probe, with: {name: join-one}}}").await,
        served("", "- {name: q, uses: {jtype: Probe, with: {name: join-other}}}").await,
    );
    let flow = flow(&format!(
        "- {{name: one, uses: 'grpc://{}', needs: gateway}}\n- {{name: other, uses: 'grpc://{}', needs: gateway}}\n\
         - {{name: last, uses: {{jtype: Probe, with: {{name: join-last}}}}, needs: [one, other]}}",
        one.address(),
        other.address()
    ))
    .await;
    let response = reply(send(&flow, "/index", &["a", "b"]).await);
    assert_eq!(ids(&response.documents), ["a", "b"]);
    let results: Vec<&String> = response.results.keys().collect();
    assert_eq!(results, ["p/rep-0", "q/rep-0", "last/rep-0"]);
}

#[test]
fn the_example_flows_find_texts_together() {
    let (workspace, flows) =
        (tempfile::tempdir().unwrap(), Path::new("flows/remote").canonicalize().unwrap());
    let (encode, search) = (flows.join("encode.yml"), flows.join("search.yml"));
    let encoder = Serving::start(workspace.path(), &[encode.to_str().unwrap(), "--port", "0"]);
    let port = encoder.addresses[0].rsplit(':').next().unwrap().to_owned();
    let variables = [("ENCODER_PORT", Path::new(&port)), ("WORKSPACE", workspace.path())];
    let searching =
        Serving::start_with(workspace.path(), &[search.to_str().unwrap(), "--port", "0"], &variables);
    let post = |body: Value| searching.post(&body);
    let texts =
        json!([{"id": "ring", "text": "a red ring"}, {"id": "rain", "text": "rain at sea"}, {"id": "none"}]);
    let indexed = post(json!({"data": texts, "exec_endpoint": "/index"}));
    assert!(indexed.contains("\"ring\"") && !indexed.contains("\"none\""), "{indexed}");
    let found = post(
        json!({"data": [{"text": "something red"}], "exec_endpoint": "/search", "parameters": {"limit": 1}}),
    );
    assert!(found.contains("\"ring\"") && !found.contains("\"rain\""), "{found}");
}
