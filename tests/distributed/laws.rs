//! A flow answers the same wherever its pods run: merging, order, results, failures, deadlines, batches.

use std::time::{Duration, Instant};

use flowrun::runtime::{Outcome, Request, Response};
use flowrun::topology::Topology;
use flowrun::yaml::Environment;
use flowrun_sdk::{Document, ErrorKind};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::sharding::{self, Matches, matches_of};
use crate::support::workers::Distributed;
use crate::support::{call, documents, error, gate, ids, plan, reply, scratch, send};

/// Number of random corpora.
const CORPORA: u64 = 12;

pub(super) fn planned(executors: &str) -> Topology {
    let directory = tempfile::tempdir().unwrap();
    plan(&format!("jtype: Flow\nexecutors:\n{executors}"), directory.path(), &Environment::default())
}

async fn distributed(executors: &str) -> Distributed {
    Distributed::start(&planned(executors), true).await
}

/// Sends documents to the flow in one process, and to the same flow with all pods on workers.
async fn both(executors: &str, endpoint: &str, sent: &[&str]) -> [Outcome; 2] {
    let topology = planned(executors);
    let local = Distributed::start(&topology, false).await;
    let distributed = Distributed::start(&topology, true).await;
    [send(&local, endpoint, sent).await, send(&distributed, endpoint, sent).await]
}

/// Ids of the documents, ids of the failed ones, and results: all that a client sees besides texts of errors.
pub(super) fn seen(response: &Response) -> (Vec<&str>, Vec<&str>, &serde_json::Map<String, Value>) {
    let mut failed: Vec<_> = response.failures.iter().map(|failure| failure.failure.id.as_str()).collect();
    failed.sort_unstable();
    (ids(&response.documents), failed, &response.results)
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_on_workers_give_the_answer_of_one_index_in_one_process() {
    for seed in 0..CORPORA {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let count = random.random_range(1..60);
        let corpus = sharding::documents(&mut random, count, "d");
        let queries = sharding::documents(&mut random, 5, "q");
        let (shards, top_k) = (random.random_range(2..5), random.random_range(1..20));
        let directory = scratch();
        let mut answers: Vec<Matches> = Vec::new();
        for (shards, on_workers) in [(1, false), (1, true), (shards, true)] {
            let yaml = format!(
                "jtype: Flow\nwith: {{workspace: index-{shards}-{on_workers}}}\nexecutors:\n- name: index\n  \
                 uses: VectorIndexer\n  uses_with: {{metric: euclidean, fsync: never}}\n  shards: {shards}\n"
            );
            let topology = plan(&yaml, directory.path(), &Environment::default());
            let flow = Distributed::start(&topology, on_workers).await;
            for batch in corpus.chunks(7) {
                sharding::send(&flow, "/index", batch.to_vec(), top_k).await;
            }
            answers.push(matches_of(sharding::send(&flow, "/search", queries.clone(), top_k).await));
        }
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "seed {seed}: {shards} shards: {answers:?}"
        );
        assert!(answers[0].iter().all(|matches| !matches.is_empty()), "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_concern_all_documents_reach_every_shard() {
    let directory = scratch();
    let yaml = "jtype: Flow\nwith: {workspace: w}\nexecutors:\n\
                - {name: index, uses: VectorIndexer, uses_with: {fsync: never}, shards: 3}\n";
    let topology = plan(yaml, directory.path(), &Environment::default());
    let flow = Distributed::start(&topology, true).await;
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let corpus = sharding::documents(&mut random, 30, "d");
    call(&flow, "/index", corpus.clone(), json!({})).await;
    let count = async |flow: &Distributed| {
        let results = call(flow, "/count", vec![], json!({})).await.results;
        results.values().map(|shard| shard["count"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(count(&flow).await, 30);
    // With a document, which alone would go to one shard.
    let some: Vec<String> = corpus[..9].iter().map(|document| document.id.clone()).collect();
    call(&flow, "/delete", vec![Document::new("d9")], json!({ "ids": some })).await;
    assert!(count(&flow).await <= 21);
    call(&flow, "/clear", vec![], json!({})).await;
    assert_eq!(count(&flow).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_shards_and_results_are_those_of_one_process() {
    let executors = "- {name: a, uses: Probe, uses_with: {name: da, matches: [x=2, y=1, z=3], top_k: 2}, shards: 3, polling: ALL}\n\
                     - {name: b, uses: Probe, uses_with: {name: db}, needs: gateway, shards: 2}\n\
                     - {name: c, uses: Pass, needs: [a, b]}\n";
    let [local, far] = both(executors, "/search", &["p", "q", "r"]).await.map(reply);
    assert_eq!(seen(&far), seen(&local));
    assert_eq!(far.documents.to_vec(), local.documents.to_vec());
    let mut workers: Vec<&String> = far.results.keys().collect();
    workers.sort();
    let expected =
        ["a/shard-0/rep-0", "a/shard-1/rep-0", "a/shard-2/rep-0", "b/shard-0/rep-0", "b/shard-1/rep-0"];
    assert_eq!(workers, expected);
    assert_eq!(ids(&far.documents[0].matches), ["y", "x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_with_no_reduce_hands_its_origins_to_a_worker() {
    let executors = "- {name: one, uses: Probe, uses_with: {name: o1}}\n\
                     - {name: two, uses: Probe, uses_with: {name: o2}, needs: gateway}\n\
                     - {name: end, uses: Probe, uses_with: {name: o3}, needs: [one, two], no_reduce: true}\n";
    let [local, far] = both(executors, "/origins", &["p", "q"]).await.map(reply);
    assert_eq!(seen(&far), seen(&local));
    assert_eq!(far.results["end/rep-0"], json!({"origins": [["one", 2], ["two", 2]], "documents": 4}));
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_fail_alone_also_when_all_documents_of_a_shard_fail() {
    let executors = "- {name: a, uses: Probe, uses_with: {name: df}, shards: 4}\n";
    let sent = ["good", "bad", "bad1", "good2", "bad2", "bad3", "good3", "bad4"];
    let [local, far] = both(executors, "/index", &sent).await.map(reply);
    assert_eq!(seen(&far), seen(&local));
    assert_eq!(seen(&far).1, ["bad", "bad1", "bad2", "bad3", "bad4"]);
    let texts = far.failures.iter().map(ToString::to_string);
    let text = texts.into_iter().find(|text| text.starts_with("bad: ")).unwrap();
    assert!(text.starts_with("bad: bad (at 127.0.0.1:") && text.ends_with(") (in `a`)"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_and_a_panic_on_a_worker_fail_their_request_alone() {
    let flow = distributed("- {name: a, uses: Probe, uses_with: {name: de}}\n").await;
    for (endpoint, kind, text) in [
        ("/fail", ErrorKind::Resource, "failing on request"),
        ("/panic", ErrorKind::Internal, "the executor panicked: panicking on request"),
    ] {
        let failed = error(send(&flow, endpoint, &["x"]).await);
        assert_eq!(failed.error.kind(), kind);
        assert!(failed.to_string().contains(text) && failed.to_string().ends_with("(in `a`)"), "{failed}");
    }
    assert_eq!(ids(&reply(send(&flow, "/index", &["x"]).await).documents), ["x"]);
    assert_eq!(flow.workers[0].flow.request_counts().failed, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_and_cancellations_end_the_calls_on_workers() {
    let flow = distributed("- {name: gate, uses: Gate}\n").await;
    let closed = gate::close();
    let request = |deadline| Request {
        endpoint: "/index".to_owned(),
        documents: documents(["a"]),
        deadline,
        ..Request::default()
    };
    let deadline = Some(Instant::now() + Duration::from_millis(80));
    let failed = error(flow.submit(request(deadline)).await.unwrap().outcome().await);
    assert_eq!(failed.error.kind(), ErrorKind::Expired);
    let counts = || flow.workers[0].flow.request_counts();
    let pending = flow.submit(request(None)).await.unwrap();
    crate::support::client::wait_until(|| counts().accepted == 2).await;
    drop(pending);
    crate::support::client::wait_until(|| counts().expired + counts().cancelled == 2).await;
    drop(closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn timeout_send_bounds_a_call_on_its_worker_and_not_the_wait_for_it() {
    let flow = distributed(
        "- {name: slow, uses: Crowd, uses_with: {base: 40000}, timeout_send: 1000}\n\
         - {name: late, uses: Gate, timeout_send: 50, needs: gateway}\n\
         - {name: end, uses: Pass, needs: slow}\n",
    )
    .await;
    let closed = gate::close();
    let failed = error(send(&flow, "/index", &["a"]).await);
    assert_eq!(failed.error.kind(), ErrorKind::Expired);
    assert!(failed.to_string().contains("`timeout_send`"), "{failed}");
    drop(closed);
    // 40 calls of 40 ms by one worker take longer than the limit of one.
    for outcome in futures_util::future::join_all((0..40).map(|_| send(&flow, "/index", &["a"]))).await {
        reply(outcome);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_forms_the_batches_of_a_pod_on_a_worker() {
    let flow = distributed(
        "- {name: a, uses: Crowd, uses_dynamic_batching: {/a: {preferred_batch_size: 4, timeout: 600000}}}\n",
    )
    .await;
    let mut pending = Vec::new();
    for id in ["a", "b", "bad", "d"] {
        let request = Request { endpoint: "/a".to_owned(), documents: documents([id]), ..Request::default() };
        pending.push(flow.submit(request).await.unwrap());
    }
    for (number, pending) in pending.into_iter().enumerate() {
        let response = reply(pending.outcome().await);
        match number {
            2 => assert_eq!(response.failures[0].failure.id, "bad"),
            _ => assert_eq!(response.documents[0].tags["batch_size"], 4),
        }
    }
    assert_eq!(flow.workers[0].flow.request_counts().accepted, 1);
    assert_eq!(flow.pod_statistics()[0].calls, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_and_unhandled_endpoints_are_decided_by_the_gateway() {
    let directory = scratch();
    let yaml = "jtype: Flow\nexecutors:\n- {name: kept, uses: DocumentStore, when: {tags__n: {$gt: 3}}}\n\
                - {name: last, uses: Probe, uses_with: {name: dw}}\n";
    let flow = Distributed::start(&plan(yaml, directory.path(), &Environment::default()), true).await;
    let sent = vec![Document::new("a").with_tag("n", 5), Document::new("b").with_tag("n", 1)];
    let response = call(&flow, "/index", sent.clone(), json!({})).await;
    assert_eq!(ids(&response.documents), ["a"]);
    let response = call(&flow, "/other", sent, json!({})).await;
    assert_eq!(ids(&response.documents), ["a", "b"]);
    assert_eq!(flow.workers[0].flow.request_counts().accepted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_replica_serves_and_keeps_its_name() {
    let flow = distributed("- {name: a, uses: Probe, uses_with: {name: dr}, replicas: 3}\n").await;
    let mut workers = std::collections::BTreeSet::new();
    for _ in 0..12 {
        workers
            .extend(reply(send(&flow, "/index", &["x"]).await).results.into_iter().map(|(worker, _)| worker));
    }
    assert_eq!(workers.into_iter().collect::<Vec<_>>(), ["a/rep-0", "a/rep-1", "a/rep-2"]);
}
