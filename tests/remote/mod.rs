//! Remote executors: flows that call other flows, and Jina, over gRPC.

mod failures;
pub(crate) use failures::free_port;
mod jina;
mod transport;

use std::path::Path;

use flowrun::runtime::{Flow, Request, Response};
use flowrun_sdk::Document;
use serde_json::{Value, json};

use crate::serving::Serving;
use crate::support::client::{ServedFlow, serve_flow};
use crate::support::{documents, error, flow, ids, reply, send};

/// Starts a flow with one pod, `far`, which is the served flow. `keys` are further keys of the pod.
async fn start_caller(served: &ServedFlow, keys: &str) -> Flow {
    flow(&format!("- {{name: far, external: true, port: {}{keys}}}", served.address().port())).await
}

async fn submit(flow: &Flow, request: Request) -> Response {
    reply(flow.submit(request).await.unwrap().outcome().await)
}

fn request(endpoint: &str, ids: &[&str]) -> Request {
    Request { endpoint: endpoint.to_owned(), documents: documents(ids.iter().copied()), ..Request::default() }
}

#[tokio::test]
async fn all_notations_of_a_remote_executor_are_equivalent() {
    let served =
        serve_flow("", "- {name: probe, uses: {jtype: Probe, with: {name: named, matches: ['x=1', 'y=2']}}}")
            .await;
    let port = served.address().port();
    for keys in [
        format!("external: true, port: {port}"),
        format!("external: true, host: localhost, port: [{port}]"),
        format!("external: true, host: 'grpc://127.0.0.1:{port}'"),
        format!("uses: 'grpc://127.0.0.1:{port}'"),
        format!("uses: RemoteExecutor, uses_with: {{addresses: ['127.0.0.1:{port}']}}"),
        format!("uses: {{jtype: RemoteExecutor, with: {{addresses: '127.0.0.1:{port}'}}}}"),
    ] {
        let flow = flow(&format!("- {{name: far, {keys}}}")).await;
        let mut request = request("/index", &[]);
        request.documents =
            [Document::new("a").with_text("t").with_embedding(vec![1.0, 2.0])].into_iter().collect();
        request.parameters.insert("top_k".to_owned(), 1.into());
        let sent = request.documents.clone();
        let Response { documents, failures, results } = submit(&flow, request).await;
        let document = &documents[0];
        assert_eq!(
            (document.text.as_deref(), &document.embedding),
            (Some("t"), &sent[0].embedding),
            "{keys}"
        );
        assert_eq!(document.tags["named/0"], true);
        assert_eq!(ids(&document.matches), ["x"]);
        assert_eq!(failures, []);
        // Results of remote executors keep their own names, as in Jina.
        assert_eq!(Value::from(results), json!({"probe/rep-0": {"documents": 1}}));
    }
}

#[tokio::test]
async fn ten_thousand_documents_keep_their_ids_and_their_order() {
    let served = serve_flow("", "- {name: a, uses: Pass}").await;
    let flow = start_caller(&served, "").await;
    let names: Vec<String> = (0..10_000).map(|number| format!("document-{number}")).collect();
    let requests = names.chunks(100).map(|chunk| {
        let request = Request {
            endpoint: "/index".to_owned(),
            documents: documents(chunk.iter().map(String::as_str)),
            ..Request::default()
        };
        submit(&flow, request)
    });
    let responses = futures_util::future::join_all(requests).await;
    let received: Vec<&str> = responses.iter().flat_map(|response| ids(&response.documents)).collect();
    assert_eq!(received, names);
}

#[tokio::test]
async fn remote_document_failures_are_listed_and_the_other_documents_are_passed_on() {
    let served = serve_flow("", "- {name: probe, uses: {jtype: Probe, with: {name: far-partial}}}").await;
    let flow = start_caller(&served, "").await;
    let response = reply(send(&flow, "/index", &["good", "bad"]).await);
    assert_eq!(ids(&response.documents), ["good"]);
    let failures: Vec<String> = response.failures.iter().map(ToString::to_string).collect();
    assert_eq!(failures, [format!("bad: bad (in `probe` at {}) (in `far`)", served.address())]);
}

#[tokio::test]
async fn a_remote_error_names_the_pod_the_executor_and_the_address() {
    let served = serve_flow("", "- {name: probe, uses: {jtype: Probe, with: {name: far-error}}}").await;
    let flow = start_caller(&served, "").await;
    let failed = error(send(&flow, "/fail", &["a"]).await);
    let expected = format!("`Probe` at {}: failing on request (in `far`)", served.address());
    assert_eq!((failed.error.kind(), failed.to_string()), (flowrun_sdk::ErrorKind::Resource, expected));
    // An error of the executor is not retried, in contrast to a connection failure.
    assert_eq!(served.flow.request_counts().failed, 1);
}

#[tokio::test]
async fn requests_to_unsupported_endpoints_are_not_sent() {
    let served = serve_flow("", "- {name: enc, uses: Enc}").await;
    let flow = start_caller(&served, "").await;
    assert_eq!(ids(&reply(send(&flow, "/other", &["a"]).await).documents), ["a"]);
    assert_eq!(served.flow.request_counts().accepted, 0);
    assert_eq!(ids(&reply(send(&flow, "/index", &["a"]).await).documents), ["a"]);
    assert_eq!(served.flow.request_counts().accepted, 1);
}

#[tokio::test]
async fn grpc_metadata_is_sent_and_required_for_authorization() {
    let served =
        crate::support::client::serve_with_token("", "- {name: a, uses: Pass}", Some("secret")).await;
    let authorized = start_caller(&served, ", grpc_metadata: {authorization: Bearer secret}").await;
    assert_eq!(ids(&reply(send(&authorized, "/index", &["a"]).await).documents), ["a"]);
    let unauthorized = start_caller(&served, "").await;
    let failed = error(send(&unauthorized, "/index", &["a"]).await);
    assert!(failed.to_string().contains("Unauthenticated"), "{failed}");
}

#[tokio::test]
async fn remote_pods_can_be_joined_and_followed_by_local_pods() {
    let (one, other) = (
        serve_flow("", "- {name: p, uses: {jtype: Probe, with: {name: join-one}}}").await,
        serve_flow("", "- {name: q, uses: {jtype: Probe, with: {name: join-other}}}").await,
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
fn the_example_flows_find_texts() {
    let (workspace, flows) =
        (tempfile::tempdir().unwrap(), Path::new("flows/remote").canonicalize().unwrap());
    let (encode, search) = (flows.join("encode.yml"), flows.join("search.yml"));
    let encoder = Serving::start(workspace.path(), &[encode.to_str().unwrap(), "--port", "0"]);
    let port = encoder.addresses[0].rsplit(':').next().unwrap().to_owned();
    let variables = [("ENCODER_PORT", Path::new(&port)), ("WORKSPACE", workspace.path())];
    let searcher =
        Serving::start_with(workspace.path(), &[search.to_str().unwrap(), "--port", "0"], &variables);
    let post = |body: Value| searcher.post(&body);
    let texts =
        json!([{"id": "ring", "text": "a red ring"}, {"id": "rain", "text": "rain at sea"}, {"id": "none"}]);
    let indexed = post(json!({"data": texts, "exec_endpoint": "/index"}));
    assert!(indexed.contains("\"ring\"") && !indexed.contains("\"none\""), "{indexed}");
    let found = post(
        json!({"data": [{"text": "something red"}], "exec_endpoint": "/search", "parameters": {"limit": 1}}),
    );
    assert!(found.contains("\"ring\"") && !found.contains("\"rain\""), "{found}");
}
