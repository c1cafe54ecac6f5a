//! Backpressure: while the last worker is blocked, the flow accepts exactly as many requests as it has credits.

use std::time::Duration;

use crate::support::workers::Distributed;
use crate::support::{documents, gate, ids, plan, start};
use flowrun::runtime::{Flow, Outcome, PendingResponse, Request};
use flowrun::yaml::Environment;
use futures_util::FutureExt as _;

/// Submits requests until one has to wait for a credit.
fn fill(flow: &Flow, credits: usize) -> Vec<PendingResponse> {
    let request = |number: usize| Request {
        documents: documents([number.to_string()]),
        endpoint: "/index".to_owned(),
        ..Request::default()
    };
    let submit = |number| tokio::task::unconstrained(flow.submit(request(number))).now_or_never();
    (0..credits * 2).map_while(submit).map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_requests_equal_the_credits_of_the_topology() {
    for prefetch in [1, 7, 50] {
        check_credits(prefetch, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_requests_equal_the_credits_with_all_pods_on_workers() {
    for prefetch in [1, 50] {
        check_credits(prefetch, true).await;
    }
}

/// Fills flows with `prefetch` credits and a blocked executor.
async fn check_credits(prefetch: usize, on_workers: bool) {
    let shapes = [
        "- {name: last, uses: Gate}",
        "- {name: a, uses: Pass}\n- {name: b, uses: Chaos}\n- {name: last, uses: Gate}",
        "- {name: a, uses: Chaos, replicas: 3}\n- {name: b, uses: Chaos, needs: a}\n- {name: c, uses: Pass, needs: a}\n\
         - {name: d, uses: Chaos, needs: [b, c], shards: 2}\n- {name: last, uses: Gate, shards: 2, polling: ALL}",
        "- {name: last, uses: Gate, replicas: 2, uses_dynamic_batching: auto}",
        "- {name: a, uses: Chaos, uses_with: {task: true}, uses_dynamic_batching: {/index: {timeout: 20}}}\n\
         - {name: last, uses: Gate, uses_dynamic_batching: {/index: {preferred_batch_size: 3, timeout: 20}}}",
        "- {name: a, uses: Pass}\n- {name: side, uses: Gate, floating: true}",
    ];
    for shape in shapes {
        let closed = gate::close();
        let directory = tempfile::tempdir().unwrap();
        let yaml = format!("jtype: Flow\nwith: {{prefetch: {prefetch}}}\nexecutors:\n{shape}\n");
        let topology = plan(&yaml, directory.path(), &Environment::default());
        let printed = format!("credits: {prefetch} requests");
        assert!(topology.to_string().contains(&printed), "{topology}");
        let flow = Distributed::start(&topology, on_workers).await;

        let accepted = fill(&flow, topology.credits);
        assert_eq!(accepted.len(), topology.credits, "{yaml}");
        let counts = flow.request_counts();
        assert_eq!((counts.accepted, counts.in_flight), (topology.credits as u64, topology.credits as u64));

        drop(closed);
        for (number, pending) in accepted.into_iter().enumerate() {
            match pending.outcome().await {
                Outcome::Reply(response) => assert_eq!(ids(&response.documents), [number.to_string()]),
                Outcome::Failed(error) => panic!("{error}"),
            }
        }
        let drained = flow.drain(Duration::from_secs(20)).await;
        assert!(drained.completed(), "{drained:?}");
        flow.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_flow_with_when_full_refuse_rejects_immediately() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = "jtype: Flow\nwith: {prefetch: 1, when_full: refuse}\nexecutors:\n- {name: a, uses: Chaos, uses_with: {delay_max: 300000}}\n";
    let flow = start(&plan(yaml, directory.path(), &Environment::default())).await;
    let request = || Request { endpoint: "/x".to_owned(), documents: documents(["0"]), ..Request::default() };
    let first = flow.submit(request()).await.unwrap();
    assert_eq!(flow.submit(request()).await.unwrap_err().to_string(), "the flow is full");
    assert!(matches!(first.outcome().await, Outcome::Reply(_)));
    assert_eq!((flow.request_counts().accepted, flow.request_counts().rejected), (1, 1));
}
