//! Chains of pods that share workers: the answers are those of one process, and the gateway calls a chain once.

use flowrun::runtime::{Outcome, Request, TargetPattern};
use serde_json::{Value, json};

use super::laws::{planned, seen};
use crate::support::workers::Distributed;
use crate::support::{documents, error, reply, send};

/// Two pods that share a worker, and one that runs in the gateway.
const CHAIN: &str = "- {name: a, uses: Probe, uses_with: {name: xa, matches: [p=1, q=2]}}\n\
                     - {name: b, uses: Probe, uses_with: {name: xb, matches: [r=1, s=2]}}\n\
                     - {name: c, uses: Pass}\n";

/// The flow in one process, and with the first two pods on a shared worker.
async fn both() -> [Distributed; 2] {
    let topology = planned(CHAIN);
    [Distributed::start(&topology, false).await, Distributed::start_on(&topology, &["a+b"]).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_answers_like_its_pods_in_one_process_and_is_called_once() {
    let [local, far] = both().await;
    let sent = ["good", "bad@a", "good2", "bad@b"];
    let [expected, response] =
        [reply(send(&local, "/search", &sent).await), reply(send(&far, "/search", &sent).await)];
    assert_eq!(seen(&response), seen(&expected));
    assert_eq!(response.documents.to_vec(), expected.documents.to_vec());
    assert_eq!(seen(&response).1, ["bad@a", "bad@b"]);
    let failures: Vec<String> = response.failures.iter().map(ToString::to_string).collect();
    assert!(failures.iter().any(|text| text.contains("(in `b` at 127.0.0.1:")), "{failures:?}");
    let pods = far.pod_statistics();
    let calls: Vec<(&str, u64)> = pods.iter().map(|pod| (pod.pod.as_str(), pod.calls)).collect();
    assert_eq!(calls, [("a+b", 1), ("c", 1)]);
    assert_eq!(far.workers[0].flow.request_counts().accepted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_and_parameters_of_single_executors_apply_in_a_chain() {
    let [local, far] = both().await;
    let send = async |flow: &Distributed, target: &str, parameters: &Value| -> Outcome {
        let request = Request {
            endpoint: "/search".to_owned(),
            documents: documents(["x"]),
            target: Some(TargetPattern::new(target).unwrap()),
            parameters: parameters.as_object().unwrap().clone(),
            ..Request::default()
        };
        flow.submit(request).await.unwrap().outcome().await
    };
    for (target, called) in [("a", "a/rep-0"), ("b", "b/rep-0"), ("[b-c]", "b/rep-0")] {
        for parameters in [json!({}), json!({"a__top_k": 1}), json!({"b": {"top_k": 1}})] {
            let expected = reply(send(&local, target, &parameters).await);
            let response = reply(send(&far, target, &parameters).await);
            assert_eq!(seen(&response), seen(&expected), "{target} {parameters}");
            assert_eq!(response.documents.to_vec(), expected.documents.to_vec(), "{target} {parameters}");
            assert_eq!(response.results.keys().collect::<Vec<_>>(), [called]);
        }
    }
    let calls = far.workers[0].flow.request_counts().accepted;
    reply(send(&far, "c", &json!({})).await);
    assert_eq!(far.workers[0].flow.request_counts().accepted, calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_a_chain_names_the_pod() {
    let topology = planned(
        "- {name: a, uses: Pass}\n\
         - {name: b, uses: Probe, uses_with: {name: xe}}\n",
    );
    let flow = Distributed::start_on(&topology, &["a+b"]).await;
    let failed = error(send(&flow, "/fail", &["x"]).await).to_string();
    assert!(failed.contains("`b` at 127.0.0.1:") && failed.contains("failing on request"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_of_a_chain_forms_its_batches() {
    let topology = planned(
        "- {name: a, uses: Pass}\n\
         - {name: b, uses: Crowd, uses_dynamic_batching: {/a: {preferred_batch_size: 2, timeout: 600000}}}\n",
    );
    let flow = Distributed::start_on(&topology, &["a+b"]).await;
    let responses = futures_util::future::join(send(&flow, "/a", &["x"]), send(&flow, "/a", &["y"])).await;
    for response in [reply(responses.0), reply(responses.1)] {
        assert_eq!(response.documents[0].tags["batch_size"], 2);
    }
}
