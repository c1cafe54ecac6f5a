//! What is kept until a time is there until then, and gone soon after.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Value};
use serde_json::json;

use crate::bench::{NONE, call, call_with, directory, document, kind, open, refusal, shard_context};

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

fn count(bench: &mut ExecutorHarness) -> u64 {
    call(bench, "/count", NONE).results["count"].as_u64().unwrap()
}

/// Waits until so many are left.
fn until_left(bench: &mut ExecutorHarness, left: u64) {
    let began = Instant::now();
    while count(bench) != left {
        assert!(began.elapsed() < Duration::from_secs(60), "{} are left, not {left}", count(bench));
        std::thread::yield_now();
    }
}

fn indexer() -> Value {
    json!({"expires": "until", "fsync": "never"})
}

#[test]
fn what_is_due_goes_by_itself_with_its_chunks_and_the_rest_stays() {
    for kind in ["VectorIndexer", "DocumentStore"] {
        let directory = directory();
        let mut bench = open(directory.path(), kind, &indexer());
        let kept = |id: &str, until: Value| document(id, &[1.0]).with_tag("until", until);
        let mut chunk = document("chunk", &[1.0]);
        chunk.parent_id = "due".to_owned();
        let documents = vec![
            kept("due", json!(now() - 5.0)),
            chunk,
            kept("later", json!(now() + 1e6)),
            kept("never", json!("tomorrow")),
            kept("null", Value::Null),
            document("for ever", &[2.0]),
        ];
        call(&mut bench, "/index", documents);
        until_left(&mut bench, 4);
        let listed = call(&mut bench, "/list", NONE).documents;
        let ids: Vec<&str> = listed.iter().map(|document| document.id.as_str()).collect();
        assert_eq!(ids, ["for ever", "later", "never", "null"], "{kind}");
        // More than are removed at once.
        let many = (0..3000).map(|number| kept(&format!("d{number}"), json!(1))).collect();
        call(&mut bench, "/index", many);
        until_left(&mut bench, 4);
    }
}

#[test]
fn what_is_written_anew_is_kept_as_it_says_then() {
    let directory = directory();
    let mut bench = open(directory.path(), "VectorIndexer", &indexer());
    let until = |id: &str, time: f64| document(id, &[1.0]).with_tag("until", time);
    let soon = now() + 0.3;
    call(&mut bench, "/index", vec![until("a", soon), until("b", soon), until("c", soon + 0.1)]);
    call(&mut bench, "/index", vec![until("a", soon + 1e6), document("b", &[3.0])]);
    until_left(&mut bench, 2);
    let listed = call(&mut bench, "/list", NONE).documents;
    assert_eq!(listed.iter().map(|document| document.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn what_became_due_while_nothing_ran_goes_at_the_start_of_whoever_may_write() {
    let directory = directory();
    let mut bench = open(directory.path(), "VectorIndexer", &json!({}));
    let due = |id: &str| document(id, &[1.0]).with_tag("until", 1);
    call(&mut bench, "/index", vec![due("a"), due("b"), document("c", &[1.0])]);
    drop(bench);
    let context = Context { read_only: true, ..shard_context(directory.path(), 0, 1) };
    let mut bench = ExecutorHarness::new(kind("VectorIndexer"), &indexer(), context).unwrap();
    assert_eq!(count(&mut bench), 3);
    drop(bench);
    let mut bench = open(directory.path(), "VectorIndexer", &indexer());
    until_left(&mut bench, 1);
    drop(bench);
    // And it is gone for good.
    assert_eq!(count(&mut open(directory.path(), "VectorIndexer", &json!({}))), 1);
}

#[test]
fn what_a_backup_brings_back_goes_when_it_is_due() {
    let directory = directory();
    let mut bench = open(directory.path(), "VectorIndexer", &json!({}));
    let due = document("due", &[1.0]).with_tag("until", 1);
    call(&mut bench, "/index", vec![due, document("kept", &[1.0])]);
    call(&mut bench, "/backup", NONE);
    call(&mut bench, "/clear", NONE);
    drop(bench);
    let mut bench = open(directory.path(), "VectorIndexer", &indexer());
    call(&mut bench, "/restore", NONE);
    until_left(&mut bench, 1);
}

#[test]
fn a_request_says_how_long_what_it_brings_is_kept() {
    let directory = directory();
    let mut bench = open(directory.path(), "VectorIndexer", &indexer());
    let own = document("own", &[1.0]).with_tag("until", now() + 1e6);
    let parameters = json!({"time_to_live": 0.05});
    call_with(&mut bench, "/index", vec![own, document("short", &[1.0])], parameters).unwrap();
    until_left(&mut bench, 1);
    let parameters = json!({"time_to_live": 3600});
    call_with(&mut bench, "/index", vec![document("long", &[1.0])], parameters).unwrap();
    let listed = call(&mut bench, "/list", NONE).documents;
    let until = listed[0].tags["until"].as_f64().unwrap();
    assert!(listed[0].id == "long" && (now() + 3500.0..now() + 3601.0).contains(&until), "{until}");
    for (wrong, reason) in [(json!(0), "must be above 0"), (json!("soon"), "must be")] {
        let parameters = json!({ "time_to_live": wrong });
        let error = call_with(&mut bench, "/index", vec![document("x", &[1.0])], parameters).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn where_nothing_is_removed_by_time_a_request_cannot_ask_for_it() {
    let directory = directory();
    let mut bench = open(directory.path(), "VectorIndexer", &json!({}));
    let parameters = json!({"time_to_live": 1});
    let error = call_with(&mut bench, "/index", vec![document("x", &[1.0])], parameters).unwrap_err();
    assert!(error.to_string().contains("write `expires: TAG` in the flow"), "{error}");
    let with = json!({"expires": "until", "exclude": ["tags"]});
    let refused = refusal(directory.path(), "VectorIndexer", &with);
    assert!(refused.contains("take `tags` out of `exclude`"), "{refused}");
}
