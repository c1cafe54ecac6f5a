//! Keys of Jina 3 that say which documents go where, how they come together again, and how long that may take.

use flowrun::runtime::{Flow, Request, Response};
use flowrun_sdk::{Document, ErrorKind};

use crate::support::{error, flow, gate, ids, probe, reply, send};

/// Documents `0`, `1`, … with their number as the tag `n`.
async fn numbers(flow: &Flow, count: usize) -> Response {
    let documents = (0..count).map(|number| Document::new(number.to_string()).with_tag("n", number));
    let request =
        Request { endpoint: "/index".to_owned(), documents: documents.collect(), ..Request::default() };
    reply(flow.submit(request).await.unwrap().outcome().await)
}

fn seen(name: &str) -> Vec<String> {
    probe::seen(name).concat()
}

#[tokio::test]
async fn in_a_chain_documents_that_are_not_meant_vanish() {
    let flow = flow(
        "- {name: low, uses: {jtype: Probe, with: {name: when-chain}}, when: {tags__n: {$lt: 2}}}\n\
         - {name: last, uses: Pass}",
    )
    .await;
    assert_eq!(ids(&numbers(&flow, 5).await.documents), ["0", "1"]);
    assert_eq!(seen("when-chain"), ["0", "1"]);
}

#[tokio::test]
async fn branches_share_documents_and_they_come_back_in_the_order_of_the_request() {
    let flow = flow(
        "- {name: start, uses: Pass}\n\
         - {name: odd, uses: {jtype: Probe, with: {name: when-odd}}, needs: start, when: {tags__n: {$in: [1, 3, 5]}}}\n\
         - {name: even, uses: {jtype: Probe, with: {name: when-even}}, needs: start, when: {$not: {tags__n: {$in: [1, 3, 5]}}}}\n\
         - {name: end, uses: Pass, needs: [odd, even]}",
    )
    .await;
    let response = numbers(&flow, 6).await;
    assert_eq!(ids(&response.documents), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(
        (seen("when-odd"), seen("when-even")),
        (vec!["1".into(), "3".into(), "5".into()], vec!["0".into(), "2".into(), "4".into()])
    );
    let of = |number: usize, name: &str| response.documents[number].tags.contains_key(&format!("{name}/0"));
    assert!((0..6).all(|number| of(number, "when-odd") == (number % 2 == 1)));
    assert!((0..6).all(|number| of(number, "when-even") == (number % 2 == 0)));
}

#[tokio::test]
async fn who_is_meant_by_no_document_is_not_called_but_by_requests_without_any() {
    let flow =
        flow("- {name: none, uses: {jtype: Probe, with: {name: when-none}}, when: {tags__n: {$gt: 9}}}")
            .await;
    assert_eq!(numbers(&flow, 5).await.documents.len(), 0);
    assert!(probe::seen("when-none").is_empty());
    reply(send(&flow, "/status", &[]).await);
    assert_eq!(probe::seen("when-none").len(), 1);
}

#[tokio::test]
async fn without_reducing_parts_come_one_behind_the_other() {
    let flow = flow(
        "- {name: one, uses: Pass, needs: gateway}\n- {name: two, uses: Pass, needs: gateway}\n\
         - {name: end, uses: {jtype: Probe, with: {name: no-reduce}}, needs: [one, two], no_reduce: true}",
    )
    .await;
    assert_eq!(ids(&reply(send(&flow, "/index", &["a", "b"]).await).documents), ["a", "b", "a", "b"]);
    assert_eq!(seen("no-reduce"), ["a", "b", "a", "b"]);

    let sharded =
        self::flow("- {name: p, uses: {jtype: Probe, with: {name: s}}, shards: 2, disable_reduce: true}")
            .await;
    assert_eq!(ids(&reply(send(&sharded, "/search", &["a"]).await).documents), ["a", "a"]);
    // What each shard got some of is whole again all the same.
    assert_eq!(ids(&reply(send(&sharded, "/index", &["a", "b", "c"]).await).documents), ["a", "b", "c"]);
}

#[tokio::test]
async fn floating_pods_see_everything_and_nobody_waits_for_them() {
    let flow =
        flow("- {name: a, uses: Pass}\n- {name: side, uses: Gate, floating: true}\n- {name: b, uses: Pass}")
            .await;
    let closed = gate::close();
    assert_eq!(ids(&reply(send(&flow, "/index", &["a"]).await).documents), ["a"]);
    drop(closed);
    crate::support::client::until(|| flow.pod_statistics().iter().all(|pod| pod.calls == 1)).await;
}

#[tokio::test]
async fn before_and_after_the_shards_each_document_is_seen_once() {
    let flow = flow(
        "- {name: p, uses: {jtype: Probe, with: {name: stages-own}}, shards: 2, polling: ALL, \
         uses_before: {jtype: Probe, with: {name: stages-before}}, uses_after: {jtype: Probe, with: {name: stages-after}}}",
    )
    .await;
    assert_eq!(ids(&reply(send(&flow, "/search", &["a"]).await).documents), ["a"]);
    assert_eq!((seen("stages-before"), seen("stages-after")), (vec!["a".into()], vec!["a".into()]));
    assert_eq!(seen("stages-own"), ["a", "a"]);
}

#[tokio::test]
async fn a_call_that_takes_longer_than_it_may_fails_and_says_so() {
    for task in [false, true] {
        let slow = format!("{{jtype: Chaos, with: {{dawdle: 900000, task: {task}}}}}");
        let flow = flow(&format!("- {{name: slow, uses: {slow}, timeout_send: 1}}")).await;
        let failed = error(send(&flow, "/index", &["a"]).await);
        let told = "the call took longer than 1 ms (`timeout_send`) (in `slow`)".to_owned();
        assert_eq!((failed.error.kind(), failed.to_string()), (ErrorKind::Expired, told));
    }
}
