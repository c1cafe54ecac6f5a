//! `/backup` and `/restore`: a backup restores the documents of its time, and its name cannot leave the workspace.

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Document, Value};
use serde_json::json;

use crate::harness::{NO_DOCUMENTS, call, call_with, directory, document, executor_type, matches_of, open};

/// All stored documents: id, text and distance from zero.
fn stored(executor: &mut ExecutorHarness) -> Vec<(String, Option<String>, f32)> {
    let answer =
        call_with(executor, "/search", vec![document("q", &[0.0, 0.0])], json!({"limit": 99})).unwrap();
    let texts = answer.documents[0].matches.iter().map(|found| found.text.as_deref().map(str::to_owned));
    matches_of(&answer.documents[0]).into_iter().zip(texts).map(|((id, far), text)| (id, text, far)).collect()
}

fn indexed(base: &std::path::Path, index: &str) -> ExecutorHarness {
    let mut executor = open(base, "VectorIndexer", &json!({"metric": "euclidean", "index": index}));
    let numbered =
        (0..40_u8).map(|n| document(&format!("{n:02}"), &[n.into(), 0.0]).with_text(n.to_string()));
    call(&mut executor, "/index", numbered.collect());
    call_with(&mut executor, "/delete", NO_DOCUMENTS, json!({"ids": ["07"]})).unwrap();
    executor
}

#[test]
fn restored_documents_survive_reopening() {
    for index in ["Flat", "HNSW8"] {
        let directory = directory();
        let mut executor = indexed(directory.path(), index);
        let before = stored(&mut executor);
        let answer = call(&mut executor, "/backup", NO_DOCUMENTS);
        assert_eq!(answer.results["backed_up"], 39);
        call(&mut executor, "/index", vec![document("new", &[1.0, 1.0]), document("03", &[9.0, 9.0])]);
        call_with(&mut executor, "/delete", NO_DOCUMENTS, json!({"ids": ["04"]})).unwrap();
        assert_ne!(stored(&mut executor), before);
        assert_eq!(call(&mut executor, "/restore", NO_DOCUMENTS).results["restored"], 39);
        assert_eq!(stored(&mut executor), before);
        // Writes after a restore do not change the backup.
        call(&mut executor, "/index", vec![document("new", &[0.0, 0.0])]);
        assert_eq!(stored(&mut executor).len(), 40);
        drop(executor);
        let mut executor =
            open(directory.path(), "VectorIndexer", &json!({"metric": "euclidean", "index": index}));
        assert_eq!(stored(&mut executor).len(), 40);
        call(&mut executor, "/clear", NO_DOCUMENTS);
        call(&mut executor, "/restore", NO_DOCUMENTS);
        assert_eq!(stored(&mut executor), before);
    }
}

#[test]
fn a_backup_replaces_the_one_with_its_name() {
    let directory = directory();
    let mut executor = indexed(directory.path(), "Flat");
    let mut named =
        |endpoint: &str, parameters: Value| call_with(&mut executor, endpoint, NO_DOCUMENTS, parameters);
    named("/backup", json!({"target_name": "one"})).unwrap();
    named("/delete", json!({"ids": ["00", "01"]})).unwrap();
    named("/backup", json!({"target_name": "two"})).unwrap();
    assert_eq!(named("/restore", json!({"source_name": "one"})).unwrap().results["restored"], 39);
    assert_eq!(named("/restore", json!({"source_name": "two"})).unwrap().results["restored"], 37);
    assert_eq!(named("/backup", json!({"target_name": "one"})).unwrap().results["backed_up"], 37);
    assert_eq!(named("/restore", json!({"source_name": "one"})).unwrap().results["restored"], 37);
    let error = named("/restore", json!({"source_name": "three"})).unwrap_err().to_string();
    assert_eq!(error, "parameter `source_name`: there is no backup `three`; there are: one, two");
}

#[test]
fn a_backup_survives_an_interrupted_replacement() {
    let directory = directory();
    let mut executor = indexed(directory.path(), "Flat");
    call(&mut executor, "/backup", NO_DOCUMENTS);
    let backups = shard_directory(directory.path()).join("backups");
    std::fs::rename(backups.join("snapshot"), backups.join("snapshot.old")).unwrap();
    std::fs::create_dir(backups.join("snapshot.new")).unwrap();
    assert_eq!(call(&mut executor, "/restore", NO_DOCUMENTS).results["restored"], 39);
    let left: Vec<_> = std::fs::read_dir(&backups).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["snapshot"]);
}

/// Directory of the only shard of `open`.
fn shard_directory(base: &std::path::Path) -> std::path::PathBuf {
    base.join("0")
}

#[test]
fn a_damaged_backup_is_named_and_not_restored() {
    let directory = directory();
    let mut executor = indexed(directory.path(), "Flat");
    call(&mut executor, "/backup", NO_DOCUMENTS);
    let backup = shard_directory(directory.path()).join("backups/snapshot");
    let before = stored(&mut executor);
    for file in ["vectors-000001.bin", "manifest.json"] {
        std::fs::write(backup.join(file), b"nonsense").unwrap();
        let error = call_with(&mut executor, "/restore", NO_DOCUMENTS, json!({})).unwrap_err().to_string();
        assert!(error.contains(file), "{error}");
        assert_eq!(stored(&mut executor), before);
    }
    call(&mut executor, "/index", vec![document("new", &[0.0, 0.0])]);
    assert_eq!(stored(&mut executor).len(), before.len() + 1);
}

#[test]
fn backup_names_cannot_leave_the_workspace_and_their_number_is_bounded() {
    let directory = directory();
    let mut executor = indexed(directory.path(), "Flat");
    let mut backup = |parameters: Value| call_with(&mut executor, "/backup", NO_DOCUMENTS, parameters);
    for name in ["", "..", "../x", "/tmp/x", "a/b", "a.new", "a\0", &"x".repeat(65)] {
        let error = backup(json!({"target_name": name})).unwrap_err().to_string();
        assert!(error.starts_with("parameter `target_name`: must be a name of 1 to 64 letters"), "{error}");
    }
    assert!(backup(json!({"token": "t"})).unwrap_err().to_string().contains("are not uploaded"));
    for number in 0..16 {
        backup(json!({"target_name": format!("n{number:02}")})).unwrap();
    }
    let error = backup(json!({"target_name": "more"})).unwrap_err().to_string();
    assert!(error.contains("there are 16 backups already"), "{error}");
    backup(json!({"target_name": "n00"})).unwrap();
}

#[test]
fn read_only_indexes_reject_backup_and_restore() {
    let directory = directory();
    let mut executor = indexed(directory.path(), "Flat");
    call(&mut executor, "/backup", NO_DOCUMENTS);
    drop(executor);
    let context = Context { read_only: true, ..Context::standalone(shard_directory(directory.path())) };
    let mut executor =
        ExecutorHarness::new(executor_type("VectorIndexer"), &json!({"metric": "euclidean"}), context)
            .unwrap();
    for endpoint in ["/backup", "/restore"] {
        let error = call_with(&mut executor, endpoint, NO_DOCUMENTS, json!({})).unwrap_err().to_string();
        assert!(error.contains("read_only"), "{error}");
    }
}

#[test]
fn fill_embedding_sets_stored_vectors() {
    let directory = directory();
    let mut executor = open(directory.path(), "AnnLiteIndexer", &json!({"n_dim": 2}));
    call(&mut executor, "/index", vec![document("a", &[3.0, 4.0])]);
    let documents = vec![Document::new("a").with_text("kept"), Document::new("b")];
    let answer = call(&mut executor, "/fill_embedding", documents);
    assert_eq!(answer.documents[0], document("a", &[3.0, 4.0]).with_text("kept"));
    assert_eq!(answer.documents[1], Document::new("b"));
    assert_eq!((&answer.results["filled"], &answer.results["unknown"]), (&json!(1), &json!(1)));
}
