//! Dynamic batching: requests share calls, and their replies are the same as without batching.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use flowrun::runtime::{Flow, Outcome, PendingResponse, Request};
use flowrun::yaml::Environment;
use flowrun_sdk::{Batching, Document, ErrorKind};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::support::{documents, error, ids, plan, reply, start};

/// Timeout of a batch in milliseconds: ten minutes, so that a test that has to wait for it fails.
const NEVER: u64 = 600_000;

/// Starts a flow with one pod, `a`, of the executor `Crowd`.
async fn start_crowd(prefetch: usize, settings: &str) -> Flow {
    let directory = tempfile::tempdir().unwrap();
    let yaml = format!(
        "jtype: Flow\nwith: {{prefetch: {prefetch}}}\nexecutors:\n- {{name: a, uses: Crowd, {settings}}}\n"
    );
    start(&plan(&yaml, directory.path(), &Environment::default())).await
}

/// Starts two flows that batch four documents, one with threads and one with an asynchronous executor.
async fn start_batches_of_four(prefetch: usize) -> [Flow; 2] {
    let batching = format!("uses_dynamic_batching: {{/a: {{preferred_batch_size: 4, timeout: {NEVER}}}}}");
    let task = format!("{batching}, uses_with: {{task: true}}");
    [start_crowd(prefetch, &format!("{batching}, replicas: 2")).await, start_crowd(prefetch, &task).await]
}

fn request(endpoint: &str, ids: &[&str]) -> Request {
    let endpoint = endpoint.to_owned();
    Request { endpoint, documents: documents(ids.iter().copied()), ..Request::default() }
}

async fn submit(flow: &Flow, endpoint: &str, ids: &[&str]) -> PendingResponse {
    flow.submit(request(endpoint, ids)).await.unwrap()
}

/// Size of the batch that each document was in.
fn batch_sizes(documents: &[Document]) -> Vec<u64> {
    documents.iter().map(|document| document.tags["batch_size"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_full_batch_is_sent_and_its_answer_is_split_by_request() {
    for flow in start_batches_of_four(50).await {
        let sent = [vec!["a"], vec!["b", "c"], vec!["d"], vec!["e", "f", "g", "h", "i"]];
        let mut waiting = Vec::new();
        for ids in &sent {
            waiting.push(submit(&flow, "/a", ids).await);
        }
        for ((ids, pending), calls) in sent.iter().zip(waiting).zip([4, 4, 4, 5]) {
            let reply = reply(pending.outcome().await);
            assert_eq!(crate::support::ids(&reply.documents), *ids);
            assert_eq!(batch_sizes(&reply.documents), vec![calls; ids.len()]);
        }
        let pod = &flow.pod_statistics()[0];
        assert_eq!((pod.calls, pod.batch_requests.sum, pod.batch_documents.sum, pod.queued), (2, 4, 9, 0));
    }
}

#[tokio::test]
async fn a_batch_is_sent_early_if_no_further_request_can_join_it() {
    for flow in start_batches_of_four(3).await {
        let mut waiting = Vec::new();
        for id in ["a", "b", "c"] {
            waiting.push(submit(&flow, "/a", &[id]).await);
        }
        for pending in waiting {
            assert_eq!(batch_sizes(&reply(pending.outcome().await).documents), [3]);
        }
    }
    for flow in start_batches_of_four(50).await {
        let waiting = [submit(&flow, "/a", &["a"]).await, submit(&flow, "/a", &["b"]).await];
        flow.close();
        for pending in waiting {
            assert_eq!(batch_sizes(&reply(pending.outcome().await).documents), [2]);
        }
        assert!(flow.drain(Duration::from_secs(20)).await.completed());
    }
}

#[tokio::test]
async fn only_requests_with_equal_endpoint_and_parameters_share_a_call() {
    for flow in start_batches_of_four(50).await {
        let mut waiting = Vec::new();
        for number in 0..8_usize {
            let parameters = json!({"k": number % 2}).as_object().unwrap().clone();
            let id = number.to_string();
            waiting.push(flow.submit(Request { parameters, ..request("/a", &[&id]) }).await.unwrap());
        }
        // An endpoint without batching, a request without documents and a document without an id are not delayed.
        assert_eq!(batch_sizes(&reply(submit(&flow, "/b", &["x"]).await.outcome().await).documents), [1]);
        assert!(reply(submit(&flow, "/a", &[]).await.outcome().await).documents.is_empty());
        assert_eq!(batch_sizes(&reply(submit(&flow, "/a", &[""]).await.outcome().await).documents), [1]);
        for pending in waiting {
            assert_eq!(batch_sizes(&reply(pending.outcome().await).documents), [4]);
        }
        // Requests with a document id in common do not share a call.
        let same = [submit(&flow, "/a", &["s"]).await, submit(&flow, "/a", &["s"]).await];
        flow.close();
        for pending in same {
            assert_eq!(batch_sizes(&reply(pending.outcome().await).documents), [1]);
        }
    }
}

#[tokio::test]
async fn a_failure_in_a_batch_affects_only_its_own_request() {
    for wrong in ["error", "panic", "bad", "hungry", "result", "twin", "child"] {
        for flow in start_batches_of_four(50).await {
            let mut waiting = Vec::new();
            for id in ["a", "b", wrong, "d"] {
                waiting.push((id, submit(&flow, "/a", &[id]).await));
            }
            for (id, pending) in waiting {
                let outcome = pending.outcome().await;
                match (id, wrong) {
                    (id, "bad" | "child") if id != wrong => {
                        assert_eq!(batch_sizes(&reply(outcome).documents), [4])
                    }
                    (id, _) if id != wrong => {
                        assert_eq!(batch_sizes(&reply(outcome).documents), [1], "{wrong}")
                    }
                    (_, "error") => assert_eq!(error(outcome).error.kind(), ErrorKind::Input),
                    (_, "panic") => assert_eq!(error(outcome).error.kind(), ErrorKind::Internal),
                    (_, "bad") => assert_eq!(reply(outcome).failures[0].failure.id, "bad"),
                    (_, "hungry") => assert_eq!(batch_sizes(&reply(outcome).documents), [1]),
                    (_, "result") => {
                        assert_eq!(reply(outcome).results.values().next().unwrap()["documents"], 1)
                    }
                    (_, "twin") => assert_eq!(ids(&reply(outcome).documents), ["twin", "without parent"]),
                    (_, _) => assert_eq!(ids(&reply(outcome).documents), ["child", "of child"]),
                }
            }
            let split = u64::from(!matches!(wrong, "bad" | "child"));
            assert_eq!(flow.pod_statistics()[0].split_batches, split, "{wrong}");
        }
    }
}

#[tokio::test]
async fn a_cancelled_request_leaves_its_batch() {
    for flow in start_batches_of_four(50).await {
        let mut waiting = Vec::new();
        for id in ["a", "b", "c"] {
            waiting.push(submit(&flow, "/a", &[id]).await);
        }
        drop(waiting.remove(1));
        waiting.push(submit(&flow, "/a", &["d"]).await);
        for pending in waiting {
            assert_eq!(batch_sizes(&reply(pending.outcome().await).documents), [3]);
        }
        assert_eq!(flow.request_counts().cancelled, 1);
    }
}

#[tokio::test]
async fn a_batch_is_sent_before_the_deadline_of_its_requests() {
    for flow in start_batches_of_four(50).await {
        let unbounded = submit(&flow, "/a", &["a"]).await;
        let deadline = Some(Instant::now() + Duration::from_secs(4));
        let bounded = flow.submit(Request { deadline, ..request("/a", &["b"]) }).await.unwrap();
        for pending in [unbounded, bounded] {
            assert_eq!(batch_sizes(&reply(pending.outcome().await).documents), [2]);
        }
    }
}

#[tokio::test]
async fn batch_settings_of_the_pod_override_those_of_the_executor() {
    let directory = tempfile::tempdir().unwrap();
    let executor = "jtype: Crowd\ndynamic_batching:\n  /a: {preferred_batch_size: 8}\n  b: auto\n";
    std::fs::write(directory.path().join("crowd.yml"), executor).unwrap();
    let pod_settings = "{/a: {preferred_batch_size: 16, timeout: 5, flush_all: true}}";
    let yaml = format!(
        "jtype: Flow\nexecutors:\n- {{name: x, uses: crowd.yml, uses_dynamic_batching: {pod_settings}}}\n\
         - {{name: y, uses: Crowd, uses_dynamic_batching: auto}}\n"
    );
    let topology = plan(&yaml, directory.path(), &Environment::default());
    let settings = |pod: usize| -> BTreeMap<String, (usize, u128, bool)> {
        let entries = topology.pods[pod].batching.entries();
        let entry = |(endpoint, batching): (&str, Batching)| {
            (endpoint.to_owned(), (batching.documents, batching.wait.as_millis(), batching.flush_all))
        };
        entries.map(entry).collect()
    };
    let first = [("/a".to_owned(), (16, 5, true)), ("/b".to_owned(), (64, 0, true))];
    assert_eq!(settings(0), first.into());
    assert_eq!(settings(1), [("*".to_owned(), (64, 0, true))].into());
    assert!(topology.to_string().contains("/a: batches of about 16 documents, at most 5 ms of waiting"));
}

/// Ids, failures and error of an outcome: the parts that must not depend on batching.
fn observable(outcome: Outcome) -> (Vec<String>, Vec<String>, Option<String>) {
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
async fn replies_are_equal_with_and_without_batching() {
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
        let without = start_crowd(prefetch, &settings).await;
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
        let with = start_crowd(prefetch, &settings).await;
        let requests = (0..30).map(|number| {
            let kind = |random: &mut ChaCha8Rng| {
                let kinds = ["", "", "", "", "", "bad", "error", "panic", "hungry", "child"];
                kinds[random.random_range(0..kinds.len())]
            };
            // Ids that are unique to the request, or shared with other requests.
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
            let sent = requests.iter().map(|request| async {
                observable(flow.submit(request.clone()).await.unwrap().outcome().await)
            });
            futures_util::future::join_all(sent).await
        };
        assert_eq!(all(&with).await, all(&without).await, "seed {seed}: {settings}");
        for flow in [with, without] {
            assert!(flow.drain(Duration::from_secs(60)).await.completed());
            assert_eq!(flow.request_counts().unanswered(), 0);
        }
    }
}
