//! Joins and shards: parts of a request are merged in an order that does not depend on timing.

use std::time::Duration;

use flowrun::runtime::shard_of;

use crate::support::probe::calls_of;
use crate::support::{documents, error, flow, ids, reply, send};

/// Two branches and a join with these `needs`.
fn diamond(name: &str, needs: &str) -> String {
    format!(
        "- {{name: b, uses: Probe, uses_with: {{name: {name}b}}}}\n\
         - {{name: c, uses: Probe, uses_with: {{name: {name}c}}, needs: gateway}}\n- {{name: d, uses: Pass, needs: {needs}}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_merges_the_documents_of_both_branches() {
    let flow = flow(&diamond("both", "[b, c]")).await;
    for _ in 0..50 {
        let response = reply(send(&flow, "/index", &["x", "y"]).await);
        assert_eq!(ids(&response.documents), ["x", "y"]);
        for document in &response.documents {
            assert_eq!(document.tags.keys().map(String::as_str).collect::<Vec<_>>(), ["bothb/0", "bothc/0"]);
        }
        assert_eq!(response.results.len(), 2, "{:?}", response.results);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_fails_in_one_branch_is_reported_once() {
    let flow = flow(&diamond("half", "[b, c]")).await;
    let response = reply(send(&flow, "/index", &["x", "bad", "bad@b"]).await);
    assert_eq!(ids(&response.documents), ["x"]);
    let mut failed: Vec<&str> = response.failures.iter().map(|failure| failure.failure.id.as_str()).collect();
    failed.sort_unstable();
    assert_eq!(failed, ["bad", "bad@b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_branch_fails_the_request_after_all_parts_arrived() {
    let executors = "- {name: b, uses: Probe, uses_with: {name: joinb}}\n- {name: c, uses: Pass, needs: gateway}\n\
                     - {name: d, uses: Probe, uses_with: {name: joind}, needs: [c, b]}\n";
    let flow = flow(executors).await;
    assert_eq!(error(send(&flow, "/fail", &["x"]).await).to_string(), "failing on request (in `b`)");
    let drained = flow.drain(Duration::from_secs(20)).await;
    assert!(drained.completed() && calls_of("joind").is_empty(), "{drained:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_any_sends_a_document_to_the_shard_of_its_id_and_keeps_the_order() {
    let flow = flow("- {name: a, uses: Probe, uses_with: {name: any}, shards: 4}\n").await;
    let sent: Vec<String> = (0..40).map(|number| format!("document {number}")).collect();
    let sent: Vec<&str> = sent.iter().map(String::as_str).collect();
    let response = reply(send(&flow, "/index", &sent).await);
    assert_eq!(ids(&response.documents), sent);
    for document in &response.documents {
        let shard = format!("any/{}", shard_of(&document.id, 4));
        assert_eq!(document.tags.keys().collect::<Vec<_>>(), [&shard]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_documents_goes_to_every_shard() {
    let flow = flow("- {name: a, uses: Probe, uses_with: {name: none}, shards: 3}\n").await;
    let response = reply(send(&flow, "/status", &[]).await);
    let mut workers: Vec<&str> = response.results.keys().map(String::as_str).collect();
    workers.sort_unstable();
    assert_eq!(workers, ["a/shard-0/rep-0", "a/shard-1/rep-0", "a/shard-2/rep-0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn matches_of_shards_are_merged_by_score_then_id_and_truncated() {
    let finds = "[d=2, a=1, c=1, b=1, e=0.5, f=3]";
    for shards in 1..5 {
        let flow = flow(&format!("- {{name: a, uses: Probe, uses_with: {{name: m{shards}, top_k: 4, matches: {finds}}}, shards: {shards}}}\n")).await;
        let response = reply(send(&flow, "/search", &["x"]).await);
        assert_eq!(ids(&response.documents[0].matches), ["e", "a", "b", "c"], "{shards} shards");
    }
}

#[test]
fn the_shard_of_an_id_never_changes() {
    // The placement of data on disk depends on these values.
    let shards: Vec<usize> = ["", "a", "b", "clips/0.gif", "ä"].map(|id| shard_of(id, 7)).to_vec();
    assert_eq!(shards, [4, 1, 4, 3, 0]);
}

#[test]
fn documents_spread_evenly_over_shards() {
    let mut counts = [0_usize; 8];
    for document in &documents((0..8000).map(|number| format!("clips/{number:05}.gif"))) {
        counts[shard_of(&document.id, 8)] += 1;
    }
    assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
}
