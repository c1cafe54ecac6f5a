//! Quarantine of damaged and lost shards: the others answer, and the health names the shard and the remedy.

use std::path::Path;

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Document, Health, Value};
use serde_json::json;

use crate::harness::{
    NO_DOCUMENTS, call, call_with, directory, document, executor_type, search, shard_context,
};

/// The settings of each kind of executor.
fn kinds() -> [(&'static str, Value); 2] {
    [("VectorIndexer", json!({"metric": "euclidean", "index": "Flat"})), ("DocumentStore", json!({}))]
}

/// One shard of the pod `frames`, and its health.
fn open_of(base: &Path, kind: &str, with: &Value, shard: usize, shards: usize) -> (ExecutorHarness, Health) {
    let context = Context { pod: "frames".to_owned(), ..shard_context(base, shard, shards) };
    let health = context.health.clone();
    (ExecutorHarness::new(executor_type(kind), with, context).unwrap(), health)
}

/// Stores one document in each of two shards: `0` and `1`.
fn fill(base: &Path, kind: &str, with: &Value) {
    let mut shards = [0, 1].map(|shard| open_of(base, kind, with, shard, 2).0);
    for (shard, executor) in (0_u8..).zip(&mut shards) {
        call(executor, "/index", vec![document(&shard.to_string(), &[f32::from(shard), 1.0])]);
    }
    shards.into_iter().for_each(|executor| executor.close().unwrap());
}

/// Checks that shard 1 is out of service for a reason with this text, and that shard 0 answers.
fn check_quarantine(base: &Path, kind: &str, with: &Value, expected: &str) {
    let (mut intact, health) = open_of(base, kind, with, 0, 2);
    let count = call(&mut intact, "/count", NO_DOCUMENTS).results["count"].clone();
    assert_eq!((count, health.unhealthy_reason()), (json!(1), None), "{kind}");
    let (mut damaged, health) = open_of(base, kind, with, 1, 2);
    let reason = health.unhealthy_reason().unwrap();
    assert!(reason.starts_with("shard 1 of `frames` is out of service: "), "{reason}");
    assert!(reason.contains(expected) && reason.contains("restore a snapshot"), "{reason}");
    let listed = call(&mut damaged, "/list", NO_DOCUMENTS);
    assert_eq!((listed.documents.len(), &listed.results["out_of_service"]), (0, &json!(reason)), "{kind}");
    let refused = call_with(&mut damaged, "/index", vec![document("2", &[1.0, 1.0])], json!({}));
    assert_eq!(refused.unwrap_err().to_string(), reason);
}

#[test]
fn a_damaged_shard_is_quarantined_and_unhealthy() {
    for (kind, with) in kinds() {
        let directory = directory();
        fill(directory.path(), kind, &with);
        let path = directory.path().join("1/documents-000001/acknowledged");
        let mut mark = flowrun_sdk::guard::read_file(&path, 99).unwrap();
        // A mark of many changes: the documents have lost all but the first.
        mark.splice(4..12, 300_u64.to_le_bytes());
        let checksum = crc32fast::hash(&mark[..12]);
        mark.splice(12..16, checksum.to_le_bytes());
        std::fs::write(&path, mark).unwrap();
        check_quarantine(directory.path(), kind, &with, "is damaged");
    }
}

#[test]
fn a_lost_shard_is_quarantined_and_never_recreated_empty() {
    for (kind, with) in kinds() {
        for leaves_directory in [false, true] {
            let directory = directory();
            fill(directory.path(), kind, &with);
            let lost = directory.path().join("1");
            std::fs::remove_dir_all(&lost).unwrap();
            if leaves_directory {
                // As at the mount point of a disk that is not mounted.
                std::fs::create_dir(&lost).unwrap();
            }
            let expected = format!("{} is missing or empty", lost.display());
            check_quarantine(directory.path(), kind, &with, &expected);
            assert!(!lost.join("manifest.json").exists());
            // Without any data there is nothing to lose.
            std::fs::remove_dir_all(directory.path().join("0")).unwrap();
            fill(directory.path(), kind, &with);
        }
    }
}

#[test]
fn a_start_that_was_interrupted_before_all_shards_existed_is_repeated() {
    for (kind, with) in kinds() {
        let directory = directory();
        open_of(directory.path(), kind, &with, 0, 2).0.close().unwrap();
        fill(directory.path(), kind, &with);
        // Nor is a shard lost once all documents were cleared.
        for shard in 0..2 {
            let mut executor = open_of(directory.path(), kind, &with, shard, 2).0;
            call(&mut executor, "/clear", NO_DOCUMENTS);
            executor.close().unwrap();
        }
        std::fs::remove_dir_all(directory.path().join("1")).unwrap();
        fill(directory.path(), kind, &with);
    }
}

#[test]
fn a_quarantined_shard_finds_nothing() {
    let directory = directory();
    let [(indexer, with_indexer), (store, with_store)] = kinds();
    let base = |kind: &str| directory.path().join(kind);
    for (kind, with) in kinds() {
        fill(&base(kind), kind, &with);
        std::fs::remove_dir_all(base(kind).join("1")).unwrap();
    }
    let (mut lost, _) = open_of(&base(indexer), indexer, &with_indexer, 1, 2);
    assert!(search(&mut lost, &[1.0, 1.0]).is_empty());
    // The matches of a store are references until they are replaced by stored documents.
    let (mut lost, _) = open_of(&base(store), store, &with_store, 1, 2);
    let mut query = Document::new("q");
    query.matches = ["0", "1"].map(Document::new).into_iter().collect();
    let found = call(&mut lost, "/search", vec![query.clone()]).documents;
    assert!(found.len() == 1 && found[0].matches.is_empty(), "{found:?}");
    let found = call_with(&mut lost, "/get", vec![query.clone()], json!({"access_paths": "@m"})).unwrap();
    assert!(found.documents[0].matches.is_empty(), "{found:?}");
    // Roots that are not stored are unchanged.
    assert_eq!(call(&mut lost, "/get", vec![query.clone()]).documents[0], query);
}

#[test]
fn a_search_fails_when_no_shard_is_in_service() {
    let directory = directory();
    let open = |shard| {
        let context = shard_context(directory.path(), shard, 2);
        ExecutorHarness::new(executor_type("VectorIndexer"), &json!({}), context).unwrap()
    };
    drop([open(0), open(1)]);
    let manifest = |shard: usize| directory.path().join(shard.to_string()).join("manifest.json");
    std::fs::write(manifest(0), "{").unwrap();
    let query = || vec![document("q", &[0.0, 1.0])];
    {
        let (mut damaged, mut intact) = (open(0), open(1));
        for executor in [&mut damaged, &mut intact] {
            call_with(executor, "/search", query(), json!({})).unwrap();
        }
    }
    std::fs::write(manifest(1), "{").unwrap();
    let (mut damaged, mut other) = (open(0), open(1));
    for executor in [&mut damaged, &mut other] {
        let refused = call_with(executor, "/search", query(), json!({})).unwrap_err().to_string();
        assert!(refused.contains("no shard is in service"), "{refused}");
        call_with(executor, "/status", NO_DOCUMENTS, json!({})).unwrap();
    }
}
