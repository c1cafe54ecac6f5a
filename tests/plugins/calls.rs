//! Calls of plugins: documents, parameters, context, failures, panics, metrics and deadlines cross the interface.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flowrun::runtime::{Outcome, Request};
use flowrun_sdk::{DataType, Document, Documents, ErrorKind, NamedScore, Tensor};
use serde_json::{Value, json};

use super::{directory, start, start_test_plugin};
use crate::support::{documents, error, ids, plugin, reply, send};

/// A document with all fields set.
fn full(id: &str) -> Document {
    let tensor = |shape: &[usize], name: &str| {
        let data_type: DataType = name.parse().unwrap();
        let bytes = shape.iter().product::<usize>() * data_type.size();
        Tensor::new(data_type, shape.to_vec(), (0..bytes).map(|byte| byte as u8).collect::<Vec<u8>>().into())
            .unwrap()
    };
    let mut document = Document::new(id)
        .with_text("text of äöü €")
        .with_uri("a.gif")
        .with_blob(vec![0, 255, 10, 13])
        .with_embedding(vec![1.5, -0.0, f32::MIN_POSITIVE, f32::INFINITY])
        .with_tag("price", 3)
        .with_tag("nested", json!({"list": [1, "two", null, {"three": 3.5}], "true": true}));
    document.tensor = Some(tensor(&[2, 3, 2], "u1"));
    document.weight = Some(0.0);
    document.offset = Some(2.5);
    document.location = vec![1.0, 2.0];
    document.mime_type = "image/gif".to_owned();
    document.modality = "image".to_owned();
    let score =
        NamedScore { description: "why".to_owned(), ref_id: "b".to_owned(), ..NamedScore::new(0.25, "op") };
    document.scores.insert("cosine".to_owned(), score);
    document.scores.insert("zero".to_owned(), NamedScore::default());
    document
}

fn tree() -> Documents {
    let mut root = full("root");
    let mut chunk = full("chunk");
    (chunk.parent_id, chunk.granularity) = ("root".to_owned(), 1);
    let mut found = full("match");
    found.adjacency = 1;
    found.tensor = None;
    chunk.matches = vec![found.clone()].into();
    root.chunks = vec![chunk].into();
    root.matches = vec![found, Document::new("bare")].into();
    vec![root, Document::new("empty"), full("other")].into()
}

async fn through(flow: &flowrun::runtime::Flow, documents: Documents) -> Documents {
    let request = Request { endpoint: "/index".to_owned(), documents, ..Request::default() };
    reply(flow.submit(request).await.unwrap().outcome().await).documents
}

#[tokio::test]
async fn documents_survive_a_plugin_in_c() {
    let directory = directory("- {name: a, uses: shout.so, uses_with: {mark: '…'}}\n");
    plugin::compile_c_example(&directory.path().join("shout.so"));
    let flow = start(directory.path()).await.unwrap_or_else(|(_, report)| panic!("{report}"));
    let expected: Documents = tree()
        .into_iter()
        .map(|mut document| {
            document.text = document.text.map(|text| format!("{text}…").into());
            document
        })
        .collect();
    assert_eq!(through(&flow, tree()).await, expected);
    assert_eq!(through(&flow, Documents::new()).await, Documents::new());
}

#[tokio::test]
async fn documents_survive_a_plugin_in_rust() {
    let (_directory, flow) =
        start_test_plugin("- {name: a, uses: {jtype: Touch, metas: {plugins: [trials.so]}}}\n").await;
    assert_eq!(through(&flow, tree()).await, tree());
    // Large enough to be passed in both directions without copying.
    let large: Documents =
        (0..50).map(|number| Document::new(number.to_string()).with_blob(vec![7; 10_000])).collect();
    assert_eq!(through(&flow, large.clone()).await, large);
}

#[tokio::test]
async fn untouched_documents_are_not_copied() {
    let (_directory, flow) =
        start_test_plugin("- {name: a, uses: {jtype: Still, metas: {plugins: [trials.so]}}}\n").await;
    let sent = tree();
    let answered = through(&flow, sent.clone()).await;
    assert_eq!(sent.as_ptr(), answered.as_ptr());
}

#[tokio::test]
async fn a_plugin_receives_its_parameters_and_context() {
    let (directory, flow) = start_test_plugin(
        "- name: told\n  shards: 2\n  replicas: 2\n  polling: ALL\n  read_only: true\n  workspace: ws\n  uses:\n    jtype: Told\n    \
         with: {size: 7, words: [a, b], place: x/y}\n    metas: {plugins: [trials.so]}\n",
    )
    .await;
    let parameters = json!({"top_k": 3}).as_object().cloned().unwrap();
    let request = Request {
        endpoint: "/tell".to_owned(),
        documents: documents(["a"]),
        parameters,
        deadline: Some(Instant::now() + Duration::from_secs(60)),
        ..Request::default()
    };
    let results = reply(flow.submit(request).await.unwrap().outcome().await).results;
    let text = serde_json::to_string(&results).unwrap();
    // One result per shard.
    assert_eq!(results.len(), 2, "{text}");
    let result: &Value = results.values().next().unwrap();
    assert_eq!(result["size"], 7, "{text}");
    assert_eq!((&result["words"], &result["place"]), (&json!(["a", "b"]), &json!("x/y")));
    assert_eq!((&result["endpoint"], &result["parameters"]), (&json!("/tell"), &json!({"top_k": 3})));
    assert_eq!(
        (&result["pod"], &result["read_only"], &result["timed"]),
        (&json!("told"), &json!(true), &json!(true))
    );
    let shard = result["shards"][0].as_u64().unwrap();
    assert_eq!(result["shards"][1], 2);
    let workspace = directory.path().join("ws").join("Told").join(shard.to_string());
    assert_eq!(result["workspace"], workspace.display().to_string());
    assert_eq!(result["directory"], directory.path().display().to_string());
}

#[tokio::test]
async fn mistakes_in_parameters_are_reported_at_their_position() {
    let directory = directory(
        "- name: told\n  uses:\n    jtype: Told\n    with:\n      sise: 7\n      words: [1, [2]]\n    metas: {plugins: [trials.so]}\n",
    );
    std::fs::copy(plugin::test_plugin(), directory.path().join("trials.so")).unwrap();
    let (_, report) = start(directory.path()).await.err().unwrap();
    for part in [
        "`Told` has no parameter `sise`",
        "flow.yml:8:7",
        "did you mean `size`?",
        "`Told` needs the parameter `size`",
        "`words` must be a list, each a text, but is `[1,[2]]`",
        "flow.yml:9:14",
        "`flowrun plugin check",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
}

#[tokio::test]
async fn an_invalid_parameter_found_by_the_plugin_is_reported_at_its_position() {
    let directory = directory(
        "- name: told\n  uses:\n    jtype: Told\n    with:\n      size: 13\n    metas: {plugins: [trials.so]}\n",
    );
    std::fs::copy(plugin::test_plugin(), directory.path().join("trials.so")).unwrap();
    let (_, report) = start(directory.path()).await.err().unwrap();
    assert!(
        report.contains("`told` could not be started: `size`: is unlucky")
            && report.contains("flow.yml:8:13"),
        "{report}"
    );
}

#[tokio::test]
async fn metrics_and_health_of_a_plugin_reach_the_host() {
    let (_directory, flow) = start_test_plugin(
        "- {name: told, replicas: 2, uses: {jtype: Told, with: {size: 1}, metas: {plugins: [trials.so]}}}\n",
    )
    .await;
    for _ in 0..5 {
        reply(send(&flow, "/tell", &["a", "b", "c"]).await);
    }
    let numbers: Vec<(String, f64)> = flow
        .executor_metrics()
        .into_iter()
        .map(|metric| (metric.reading.name, metric.reading.value))
        .collect();
    assert_eq!(numbers, [("trial_calls_total".to_owned(), 5.0), ("trial_documents".to_owned(), 3.0)]);
    assert!(flow.unhealthy_pods().is_empty());
    let failed = error(send(&flow, "/trouble", &["a"]).await);
    assert!(failed.to_string().contains("no shelf"), "{failed}");
    assert!(format!("{:?}", flow.unhealthy_pods()).contains("the shelf is empty"));
}

#[tokio::test]
async fn exactly_the_calls_that_panic_fail() {
    const CALLS: usize = 100_000;
    const EACH: usize = 100;
    let (_directory, flow) = start_test_plugin(
        "- {name: flaky, replicas: 2, uses: {jtype: Flaky, metas: {plugins: [trials.so]}}}\n",
    )
    .await;
    let flow = &flow;
    let call = |number: usize| async move {
        let panics = number.is_multiple_of(EACH);
        let document = Document::new(number.to_string()).with_text(if panics { "panic" } else { "pass" });
        let request =
            Request { endpoint: "/index".to_owned(), documents: vec![document].into(), ..Request::default() };
        match flow.submit(request).await.unwrap().outcome().await {
            Outcome::Failed(error) => {
                let message = error.to_string();
                assert!(
                    panics && message.contains(&format!("asked to by `{number}`")),
                    "{number}: {message}"
                );
                1
            }
            Outcome::Reply(response) => {
                assert!(!panics && ids(&response.documents) == [number.to_string()], "{number}");
                0
            }
        }
    };
    use futures_util::{StreamExt as _, stream};
    let failed: usize = stream::iter(0..CALLS)
        .map(call)
        .buffer_unordered(64)
        .fold(0, |sum, one| async move { sum + one })
        .await;
    assert_eq!(failed, CALLS / EACH);
}

#[tokio::test]
async fn a_document_that_fails_in_a_plugin_fails_alone() {
    let (_directory, flow) =
        start_test_plugin("- {name: flaky, uses: {jtype: Flaky, metas: {plugins: [trials.so]}}}\n").await;
    let documents = vec![Document::new("a"), Document::new("b").with_text("fail"), Document::new("c")];
    let request =
        Request { endpoint: "/index".to_owned(), documents: documents.into(), ..Request::default() };
    let response = reply(flow.submit(request).await.unwrap().outcome().await);
    assert_eq!(ids(&response.documents), ["a", "c"]);
    let failure = &response.failures[0].failure;
    assert_eq!((failure.id.as_str(), failure.error.kind()), ("b", ErrorKind::Input));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_async_plugin_has_concurrent_calls_that_end_at_their_deadline() {
    let (_directory, flow) = start_test_plugin(
        "- {name: patient, concurrency: 4, uses: {jtype: Patient, metas: {plugins: [trials.so]}}}\n",
    )
    .await;
    let wait = || Request {
        endpoint: "/wait".to_owned(),
        documents: documents(["a"]),
        deadline: Some(Instant::now() + Duration::from_millis(300)),
        ..Request::default()
    };
    let started = Instant::now();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(flow.submit(wait()).await.unwrap());
    }
    // A waiting call does not delay another one.
    let results = reply(send(&flow, "/other", &["b"]).await).results;
    assert!(serde_json::to_string(&results).unwrap().contains("\"waited\":true"));
    for one in waiting {
        assert_eq!(error(one.outcome().await).error.kind(), ErrorKind::Expired);
    }
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert!(flow.drain(Duration::from_secs(5)).await.completed());
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_and_async_plugins_are_closed_at_the_end() {
    let pod = |name: &str| {
        format!("- {{name: {name}, uses: {{jtype: {name}, metas: {{plugins: [trials.so]}}}}}}\n")
    };
    let (directory, flow) = start_test_plugin(&(pod("Tidy") + &pod("Patient"))).await;
    assert_eq!(ids(&reply(send(&flow, "/any", &["a"]).await).documents), ["a"]);
    let closed = || {
        let found = walk(directory.path()).into_iter().filter(|path| path.ends_with("closed"));
        let mut pods: Vec<String> = found.map(|path| std::fs::read_to_string(path).unwrap()).collect();
        pods.sort();
        pods
    };
    assert!(closed().is_empty());
    let drained = flow.drain(Duration::from_secs(5)).await;
    assert!(drained.completed() && drained.failed_workers.is_empty(), "{drained:?}");
    assert_eq!(closed(), ["Patient", "Tidy"]);
}

/// All files in a directory, at any depth.
fn walk(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
