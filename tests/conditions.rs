//! Conditional routing (`when`), `no_reduce`, `floating`, `uses_before`, `uses_after` and `timeout_send`, as in Jina 3.

use flowrun::runtime::{Flow, Request, Response};
use flowrun_sdk::{Document, ErrorKind};

use crate::support::{error, flow, gate, ids, probe, reply, send};

/// Sends documents `0`, `1`, … with their number as the tag `n`.
async fn numbers(flow: &Flow, count: usize) -> Response {
    let documents = (0..count).map(|number| Document::new(number.to_string()).with_tag("n", number));
    let request =
        Request { endpoint: "/index".to_owned(), documents: documents.collect(), ..Request::default() };
    reply(flow.submit(request).await.unwrap().outcome().await)
}

fn seen(name: &str) -> Vec<String> {
    probe::calls_of(name).concat()
}

#[tokio::test]
async fn documents_that_do_not_match_leave_a_chain() {
    let flow = flow(
        "- {name: low, uses: {jtype: Probe, with: {name: when-chain}}, when: {tags__n: {$lt: 2}}}\n\
         - {name: last, uses: Pass}",
    )
    .await;
    assert_eq!(ids(&numbers(&flow, 5).await.documents), ["0", "1"]);
    assert_eq!(seen("when-chain"), ["0", "1"]);
}

#[tokio::test]
async fn branches_split_documents_and_the_join_restores_their_order() {
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
    let passed =
        |number: usize, name: &str| response.documents[number].tags.contains_key(&format!("{name}/0"));
    assert!((0..6).all(|number| passed(number, "when-odd") == (number % 2 == 1)));
    assert!((0..6).all(|number| passed(number, "when-even") == (number % 2 == 0)));
}

#[tokio::test]
async fn a_pod_without_matching_documents_is_called_only_for_empty_requests() {
    let flow =
        flow("- {name: none, uses: {jtype: Probe, with: {name: when-none}}, when: {tags__n: {$gt: 9}}}")
            .await;
    assert_eq!(numbers(&flow, 5).await.documents.len(), 0);
    assert!(probe::calls_of("when-none").is_empty());
    reply(send(&flow, "/status", &[]).await);
    assert_eq!(probe::calls_of("when-none").len(), 1);
}

#[tokio::test]
async fn no_reduce_concatenates_parts() {
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
    // The parts of a request that is split across shards are still recombined.
    assert_eq!(ids(&reply(send(&sharded, "/index", &["a", "b", "c"]).await).documents), ["a", "b", "c"]);
}

#[tokio::test]
async fn floating_pods_receive_every_request_and_are_not_waited_for() {
    let flow =
        flow("- {name: a, uses: Pass}\n- {name: side, uses: Gate, floating: true}\n- {name: b, uses: Pass}")
            .await;
    let closed = gate::close();
    assert_eq!(ids(&reply(send(&flow, "/index", &["a"]).await).documents), ["a"]);
    drop(closed);
    crate::support::client::wait_until(|| flow.pod_statistics().iter().all(|pod| pod.calls == 1)).await;
}

#[tokio::test]
async fn uses_before_and_uses_after_receive_each_document_once() {
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
async fn calls_beyond_timeout_send_fail_with_the_limit_in_the_message() {
    for task in [false, true] {
        let slow = format!("{{jtype: Chaos, with: {{delay_max: 900000, task: {task}}}}}");
        let flow = flow(&format!("- {{name: slow, uses: {slow}, timeout_send: 1}}")).await;
        let failed = error(send(&flow, "/index", &["a"]).await);
        let message = "the call took longer than 1 ms (`timeout_send`) (in `slow`)".to_owned();
        assert_eq!((failed.error.kind(), failed.to_string()), (ErrorKind::Expired, message));
    }
}
