//! Dynamic batching: requests share calls, and nobody's answer shows it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use flowrun::runtime::{Flow, Outcome, PendingResponse, Request};
use flowrun::yaml::Environment;
use flowrun_sdk::{Batching, Document, ErrorKind};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::support::{documents, error, ids, plan, reply, start};

/// Ten minutes: a batch that waits for its time keeps its test waiting.
const FOREVER: u64 = 600_000;

async fn crowd(prefetch: usize, settings: &str) -> Flow {
    let directory = tempfile::tempdir().unwrap();
    let yaml = format!(
        "jtype: Flow\nwith: {{prefetch: {prefetch}}}\nexecutors:\n- {{name: a, uses: Crowd, {settings}}}\n"
    );
    start(&plan(&yaml, directory.path(), &Environment::default())).await
}

/// One that waits until four documents are there; as a thread and as a task.
async fn fours(prefetch: usize) -> [Flow; 2] {
    let batching = format!("uses_dynamic_batching: {{/a: {{preferred_batch_size: 4, timeout: {FOREVER}}}}}");
    let task = format!("{batching}, uses_with: {{task: true}}");
    [crowd(prefetch, &format!("{batching}, replicas: 2")).await, crowd(prefetch, &task).await]
}

fn request(endpoint: &str, ids: &[&str]) -> Request {
    let endpoint = endpoint.to_owned();
    Request { endpoint, documents: documents(ids.iter().copied()), ..Request::default() }
}

async fn ask(flow: &Flow, endpoint: &str, ids: &[&str]) -> PendingResponse {
    flow.submit(request(endpoint, ids)).await.unwrap()
}

/// With how many documents each was called.
fn together(documents: &[Document]) -> Vec<u64> {
    documents.iter().map(|document| document.tags["together"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_batch_that_is_full_goes_and_every_document_goes_back_to_its_request() {
    for flow in fours(50).await {
        let sent = [vec!["a"], vec!["b", "c"], vec!["d"], vec!["e", "f", "g", "h", "i"]];
        let mut waiting = Vec::new();
        for ids in &sent {
            waiting.push(ask(&flow, "/a", ids).await);
        }
        for ((ids, pending), calls) in sent.iter().zip(waiting).zip([4, 4, 4, 5]) {
            let reply = reply(pending.outcome().await);
            assert_eq!(crate::support::ids(&reply.documents), *ids);
            assert_eq!(together(&reply.documents), vec![calls; ids.len()]);
        }
        let pod = &flow.pod_statistics()[0];
        assert_eq!((pod.calls, pod.batch_requests.sum, pod.batch_documents.sum, pod.queued), (2, 4, 9, 0));
    }
}

#[tokio::test]
async fn a_batch_to_which_nobody_can_come_any_more_waits_for_nobody() {
    for flow in fours(3).await {
        let mut waiting = Vec::new();
        for id in ["a", "b", "c"] {
            waiting.push(ask(&flow, "/a", &[id]).await);
        }
        for pending in waiting {
            assert_eq!(together(&reply(pending.outcome().await).documents), [3]);
        }
    }
    for flow in fours(50).await {
        let waiting = [ask(&flow, "/a", &["a"]).await, ask(&flow, "/a", &["b"]).await];
        flow.close();
        for pending in waiting {
            assert_eq!(together(&reply(pending.outcome().await).documents), [2]);
        }
        assert!(flow.drain(Duration::from_secs(20)).await.completed());
    }
}

#[tokio::test]
async fn only_requests_that_ask_for_the_same_share_a_call() {
    for flow in fours(50).await {
        let mut waiting = Vec::new();
        for number in 0..8_usize {
            let parameters = json!({"k": number % 2}).as_object().unwrap().clone();
            let id = number.to_string();
            waiting.push(flow.submit(Request { parameters, ..request("/a", &[&id]) }).await.unwrap());
        }
        // Nobody waits where there is nothing to be batched, or where batches are not formed.
        assert_eq!(together(&reply(ask(&flow, "/b", &["x"]).await.outcome().await).documents), [1]);
        assert!(reply(ask(&flow, "/a", &[]).await.outcome().await).documents.is_empty());
        assert_eq!(together(&reply(ask(&flow, "/a", &[""]).await.outcome().await).documents), [1]);
        for pending in waiting {
            assert_eq!(together(&reply(pending.outcome().await).documents), [4]);
        }
        // Four of one id would be four of one request.
        let same = [ask(&flow, "/a", &["s"]).await, ask(&flow, "/a", &["s"]).await];
        flow.close();
        for pending in same {
            assert_eq!(together(&reply(pending.outcome().await).documents), [1]);
        }
    }
}

#[tokio::test]
async fn what_goes_wrong_in_a_batch_costs_no_stranger() {
    for wrong in ["error", "panic", "bad", "hungry", "result", "twin", "child"] {
        for flow in fours(50).await {
            let mut waiting = Vec::new();
            for id in ["a", "b", wrong, "d"] {
                waiting.push((id, ask(&flow, "/a", &[id]).await));
            }
            for (id, pending) in waiting {
                let outcome = pending.outcome().await;
                match (id, wrong) {
                    (id, "bad" | "child") if id != wrong => {
                        assert_eq!(together(&reply(outcome).documents), [4])
                    }
                    (id, _) if id != wrong => assert_eq!(together(&reply(outcome).documents), [1], "{wrong}"),
                    (_, "error") => assert_eq!(error(outcome).error.kind(), ErrorKind::Input),
                    (_, "panic") => assert_eq!(error(outcome).error.kind(), ErrorKind::Internal),
                    (_, "bad") => assert_eq!(reply(outcome).failures[0].failure.id, "bad"),
                    (_, "hungry") => assert_eq!(together(&reply(outcome).documents), [1]),
                    (_, "result") => {
                        assert_eq!(reply(outcome).results.values().next().unwrap()["documents"], 1)
                    }
                    (_, "twin") => assert_eq!(ids(&reply(outcome).documents), ["twin", "made of nothing"]),
                    (_, _) => assert_eq!(ids(&reply(outcome).documents), ["child", "of child"]),
                }
            }
            let parted = u64::from(!matches!(wrong, "bad" | "child"));
            assert_eq!(flow.pod_statistics()[0].split_batches, parted, "{wrong}");
        }
    }
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_its_batch() {
    for flow in fours(50).await {
        let mut waiting = Vec::new();
        for id in ["a", "b", "c"] {
            waiting.push(ask(&flow, "/a", &[id]).await);
        }
        drop(waiting.remove(1));
        waiting.push(ask(&flow, "/a", &["d"]).await);
        for pending in waiting {
            assert_eq!(together(&reply(pending.outcome().await).documents), [3]);
        }
        assert_eq!(flow.request_counts().cancelled, 1);
    }
}

#[tokio::test]
async fn a_batch_does_not_wait_away_the_time_of_a_request() {
    for flow in fours(50).await {
        let patient = ask(&flow, "/a", &["a"]).await;
        let deadline = Some(Instant::now() + Duration::from_secs(4));
        let hasty = flow.submit(Request { deadline, ..request("/a", &["b"]) }).await.unwrap();
        for pending in [patient, hasty] {
            assert_eq!(together(&reply(pending.outcome().await).documents), [2]);
        }
    }
}

#[tokio::test]
async fn the_pod_says_over_its_executor_which_batches_there_are() {
    let directory = tempfile::tempdir().unwrap();
    let executor = "jtype: Crowd\ndynamic_batching:\n  /a: {preferred_batch_size: 8}\n  b: auto\n";
    std::fs::write(directory.path().join("crowd.yml"), executor).unwrap();
    let over = "{/a: {preferred_batch_size: 16, timeout: 5, flush_all: true}}";
    let yaml = format!(
        "jtype: Flow\nexecutors:\n- {{name: x, uses: crowd.yml, uses_dynamic_batching: {over}}}\n\
         - {{name: y, uses: Crowd, uses_dynamic_batching: auto}}\n"
    );
    let topology = plan(&yaml, directory.path(), &Environment::default());
    let settings = |pod: usize| -> BTreeMap<String, (usize, u128, bool)> {
        let entries = topology.pods[pod].batching.entries();
        let entry = |(endpoint, one): (&str, Batching)| {
            (endpoint.to_owned(), (one.documents, one.wait.as_millis(), one.flush_all))
        };
        entries.map(entry).collect()
    };
    let first = [("/a".to_owned(), (16, 5, true)), ("/b".to_owned(), (64, 0, true))];
    assert_eq!(settings(0), first.into());
    assert_eq!(settings(1), [("*".to_owned(), (64, 0, true))].into());
    assert!(topology.to_string().contains("/a: batches of about 16 documents, at most 5 ms of waiting"));
}

/// What a client sees of an outcome, without what tells how it was called.
fn seen(outcome: Outcome) -> (Vec<String>, Vec<String>, Option<String>) {
    match outcome {
        Outcome::Failed(error) => (Vec::new(), Vec::new(), Some(error.to_string())),
        Outcome::Reply(response) => (
            ids(&response.documents).into_iter().map(str::to_owned).collect(),
            response.failures.iter().map(ToString::to_string).collect(),
            None,
        ),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_any_batching_the_replies_are_those_without() {
    for seed in 0..40 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut settings = format!(
            "replicas: {}, shards: {}, polling: {}, uses_with: {{task: {}, base: {}}}",
            random.random_range(1..3),
            random.random_range(1..3),
            ["ANY", "ALL"][random.random_range(0..2)],
            random.random_bool(0.5),
            [0, 200][random.random_range(0..2)],
        );
        let prefetch = random.random_range(1..30);
        let without = crowd(prefetch, &settings).await;
        let batching = match random.random_range(0..3) {
            0 => "auto".to_owned(),
            _ => format!(
                "{{'*': {{preferred_batch_size: {}, timeout: {}, flush_all: {}}}}}",
                random.random_range(1..12),
                random.random_range(0..20),
                random.random_bool(0.5),
            ),
        };
        settings += &format!(", uses_dynamic_batching: {batching}");
        let with = crowd(prefetch, &settings).await;
        let requests = (0..30).map(|number| {
            let kind = |random: &mut ChaCha8Rng| {
                let kinds = ["", "", "", "", "", "bad", "error", "panic", "hungry", "child"];
                kinds[random.random_range(0..kinds.len())]
            };
            // Ids of their own, or those of others too.
            let owner = if random.random_bool(0.8) { number } else { 0 };
            let count = random.random_range(0..4);
            let name = |one| format!("{owner}-{one}{}", kind(&mut random));
            let documents = documents((0..count).map(name).collect::<Vec<_>>());
            let parameters = json!({"k": number % 2}).as_object().unwrap().clone();
            let endpoint = ["/a", "/search"][usize::from(number % 3 == 0)].to_owned();
            Request { documents, parameters, endpoint, ..Request::default() }
        });
        let requests: Vec<Request> = requests.collect();
        let all = async |flow: &Flow| {
            let sent = requests
                .iter()
                .map(|request| async { seen(flow.submit(request.clone()).await.unwrap().outcome().await) });
            futures_util::future::join_all(sent).await
        };
        assert_eq!(all(&with).await, all(&without).await, "seed {seed}: {settings}");
        for flow in [with, without] {
            assert!(flow.drain(Duration::from_secs(60)).await.completed());
            assert_eq!(flow.request_counts().unanswered(), 0);
        }
    }
}
