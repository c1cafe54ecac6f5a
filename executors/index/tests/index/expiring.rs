//! Expiring documents (`expires`, `time_to_live`) are removed soon after their time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Value};
use serde_json::json;

use crate::harness::{
    NO_DOCUMENTS, call, call_with, directory, document, executor_type, open, open_error, shard_context,
};

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

fn count(executor: &mut ExecutorHarness) -> u64 {
    call(executor, "/count", NO_DOCUMENTS).results["count"].as_u64().unwrap()
}

/// Waits until `left` documents are left.
fn until_left(executor: &mut ExecutorHarness, left: u64) {
    let began = Instant::now();
    while count(executor) != left {
        assert!(began.elapsed() < Duration::from_secs(60), "{} are left, not {left}", count(executor));
        std::thread::yield_now();
    }
}

fn indexer() -> Value {
    json!({"expires": "until", "fsync": "never"})
}

#[test]
fn expired_documents_are_removed_with_their_chunks() {
    for name in ["VectorIndexer", "DocumentStore"] {
        let directory = directory();
        let mut executor = open(directory.path(), name, &indexer());
        let expiring = |id: &str, until: Value| document(id, &[1.0]).with_tag("until", until);
        let mut chunk = document("chunk", &[1.0]);
        chunk.parent_id = "due".to_owned();
        let documents = vec![
            expiring("due", json!(now() - 5.0)),
            chunk,
            expiring("later", json!(now() + 1e6)),
            expiring("never", json!("tomorrow")),
            expiring("null", Value::Null),
            document("for ever", &[2.0]),
        ];
        call(&mut executor, "/index", documents);
        until_left(&mut executor, 4);
        let listed = call(&mut executor, "/list", NO_DOCUMENTS).documents;
        let ids: Vec<&str> = listed.iter().map(|document| document.id.as_str()).collect();
        assert_eq!(ids, ["for ever", "later", "never", "null"], "{name}");
        // More documents than one removal takes.
        let many = (0..3000).map(|number| expiring(&format!("d{number}"), json!(1))).collect();
        call(&mut executor, "/index", many);
        until_left(&mut executor, 4);
    }
}

#[test]
fn a_rewritten_document_has_its_new_expiry() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &indexer());
    let until = |id: &str, time: f64| document(id, &[1.0]).with_tag("until", time);
    let soon = now() + 0.3;
    call(&mut executor, "/index", vec![until("a", soon), until("b", soon), until("c", soon + 0.1)]);
    call(&mut executor, "/index", vec![until("a", soon + 1e6), document("b", &[3.0])]);
    until_left(&mut executor, 2);
    let listed = call(&mut executor, "/list", NO_DOCUMENTS).documents;
    assert_eq!(listed.iter().map(|document| document.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn documents_that_expired_while_closed_are_removed_by_the_next_writer() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({}));
    let due = |id: &str| document(id, &[1.0]).with_tag("until", 1);
    call(&mut executor, "/index", vec![due("a"), due("b"), document("c", &[1.0])]);
    drop(executor);
    let context = Context { read_only: true, ..shard_context(directory.path(), 0, 1) };
    let mut executor = ExecutorHarness::new(executor_type("VectorIndexer"), &indexer(), context).unwrap();
    assert_eq!(count(&mut executor), 3);
    drop(executor);
    let mut executor = open(directory.path(), "VectorIndexer", &indexer());
    until_left(&mut executor, 1);
    drop(executor);
    // The removal is durable.
    assert_eq!(count(&mut open(directory.path(), "VectorIndexer", &json!({}))), 1);
}

#[test]
fn restored_documents_expire() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({}));
    let due = document("due", &[1.0]).with_tag("until", 1);
    call(&mut executor, "/index", vec![due, document("kept", &[1.0])]);
    call(&mut executor, "/backup", NO_DOCUMENTS);
    call(&mut executor, "/clear", NO_DOCUMENTS);
    drop(executor);
    let mut executor = open(directory.path(), "VectorIndexer", &indexer());
    call(&mut executor, "/restore", NO_DOCUMENTS);
    until_left(&mut executor, 1);
}

#[test]
fn time_to_live_sets_the_expiry_of_documents_without_one() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &indexer());
    let own = document("own", &[1.0]).with_tag("until", now() + 1e6);
    let parameters = json!({"time_to_live": 0.05});
    call_with(&mut executor, "/index", vec![own, document("short", &[1.0])], parameters).unwrap();
    until_left(&mut executor, 1);
    let parameters = json!({"time_to_live": 3600});
    call_with(&mut executor, "/index", vec![document("long", &[1.0])], parameters).unwrap();
    let listed = call(&mut executor, "/list", NO_DOCUMENTS).documents;
    let until = listed[0].tags["until"].as_f64().unwrap();
    assert!(listed[0].id == "long" && (now() + 3500.0..now() + 3601.0).contains(&until), "{until}");
    for (wrong, reason) in [(json!(0), "must be above 0"), (json!("soon"), "must be")] {
        let parameters = json!({ "time_to_live": wrong });
        let error = call_with(&mut executor, "/index", vec![document("x", &[1.0])], parameters).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn time_to_live_is_rejected_where_documents_do_not_expire() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({}));
    let parameters = json!({"time_to_live": 1});
    let error = call_with(&mut executor, "/index", vec![document("x", &[1.0])], parameters).unwrap_err();
    assert!(error.to_string().contains("write `expires: TAG` in the flow"), "{error}");
    let with = json!({"expires": "until", "exclude": ["tags"]});
    let refused = open_error(directory.path(), "VectorIndexer", &with);
    assert!(refused.contains("remove `tags` from `exclude`"), "{refused}");
}
