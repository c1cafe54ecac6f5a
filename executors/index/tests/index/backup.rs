//! A backup brings back what was stored when it was written, and nobody reaches beyond the workspace with its name.

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Document, Value};
use serde_json::json;

use crate::bench::{NONE, call, call_with, directory, document, found, kind, open};

/// Every stored document with its text and its distance from zero.
fn stored(bench: &mut ExecutorHarness) -> Vec<(String, Option<String>, f32)> {
    let answer = call_with(bench, "/search", vec![document("q", &[0.0, 0.0])], json!({"limit": 99})).unwrap();
    let texts = answer.documents[0].matches.iter().map(|found| found.text.as_deref().map(str::to_owned));
    found(&answer.documents[0]).into_iter().zip(texts).map(|((id, far), text)| (id, text, far)).collect()
}

fn indexed(base: &std::path::Path, index: &str) -> ExecutorHarness {
    let mut bench = open(base, "VectorIndexer", &json!({"metric": "euclidean", "index": index}));
    let numbered =
        (0..40_u8).map(|n| document(&format!("{n:02}"), &[n.into(), 0.0]).with_text(n.to_string()));
    call(&mut bench, "/index", numbered.collect());
    call_with(&mut bench, "/delete", NONE, json!({"ids": ["07"]})).unwrap();
    bench
}

#[test]
fn what_was_stored_comes_back_also_after_the_next_opening() {
    for index in ["Flat", "HNSW8"] {
        let directory = directory();
        let mut bench = indexed(directory.path(), index);
        let before = stored(&mut bench);
        let answer = call(&mut bench, "/backup", NONE);
        assert_eq!(answer.results["backed_up"], 39);
        call(&mut bench, "/index", vec![document("new", &[1.0, 1.0]), document("03", &[9.0, 9.0])]);
        call_with(&mut bench, "/delete", NONE, json!({"ids": ["04"]})).unwrap();
        assert_ne!(stored(&mut bench), before);
        assert_eq!(call(&mut bench, "/restore", NONE).results["restored"], 39);
        assert_eq!(stored(&mut bench), before);
        // What comes then is stored beside it, and the backup stays.
        call(&mut bench, "/index", vec![document("new", &[0.0, 0.0])]);
        assert_eq!(stored(&mut bench).len(), 40);
        drop(bench);
        let mut bench =
            open(directory.path(), "VectorIndexer", &json!({"metric": "euclidean", "index": index}));
        assert_eq!(stored(&mut bench).len(), 40);
        call(&mut bench, "/clear", NONE);
        call(&mut bench, "/restore", NONE);
        assert_eq!(stored(&mut bench), before);
    }
}

#[test]
fn backups_have_names_and_a_new_one_takes_the_place_of_an_earlier() {
    let directory = directory();
    let mut bench = indexed(directory.path(), "Flat");
    let mut named = |endpoint: &str, parameters: Value| call_with(&mut bench, endpoint, NONE, parameters);
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
fn a_backup_whose_replacement_was_cut_short_is_still_there() {
    let directory = directory();
    let mut bench = indexed(directory.path(), "Flat");
    call(&mut bench, "/backup", NONE);
    let backups = bench_directory(directory.path()).join("backups");
    std::fs::rename(backups.join("snapshot"), backups.join("snapshot.old")).unwrap();
    std::fs::create_dir(backups.join("snapshot.new")).unwrap();
    assert_eq!(call(&mut bench, "/restore", NONE).results["restored"], 39);
    let left: Vec<_> = std::fs::read_dir(&backups).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["snapshot"]);
}

/// Where `open` has its only shard.
fn bench_directory(base: &std::path::Path) -> std::path::PathBuf {
    base.join("0")
}

#[test]
fn a_backup_that_is_damaged_is_named_and_nothing_changes() {
    let directory = directory();
    let mut bench = indexed(directory.path(), "Flat");
    call(&mut bench, "/backup", NONE);
    let backup = bench_directory(directory.path()).join("backups/snapshot");
    let before = stored(&mut bench);
    for file in ["vectors-000001.bin", "manifest.json"] {
        std::fs::write(backup.join(file), b"nonsense").unwrap();
        let error = call_with(&mut bench, "/restore", NONE, json!({})).unwrap_err().to_string();
        assert!(error.contains(file), "{error}");
        assert_eq!(stored(&mut bench), before);
    }
    call(&mut bench, "/index", vec![document("new", &[0.0, 0.0])]);
    assert_eq!(stored(&mut bench).len(), before.len() + 1);
}

#[test]
fn no_name_leads_out_of_the_workspace_and_their_number_is_bounded() {
    let directory = directory();
    let mut bench = indexed(directory.path(), "Flat");
    let mut backup = |parameters: Value| call_with(&mut bench, "/backup", NONE, parameters);
    for name in ["", "..", "../x", "/tmp/x", "a/b", "a.new", "a\0", &"x".repeat(65)] {
        let error = backup(json!({"target_name": name})).unwrap_err().to_string();
        assert!(error.starts_with("parameter `target_name`: must be a name of 1 to 64 letters"), "{error}");
    }
    assert!(backup(json!({"token": "t"})).unwrap_err().to_string().contains("there is no cloud"));
    for number in 0..16 {
        backup(json!({"target_name": format!("n{number:02}")})).unwrap();
    }
    let error = backup(json!({"target_name": "more"})).unwrap_err().to_string();
    assert!(error.contains("there are 16 backups already"), "{error}");
    backup(json!({"target_name": "n00"})).unwrap();
}

#[test]
fn what_is_read_only_writes_no_backup_and_restores_none() {
    let directory = directory();
    let mut bench = indexed(directory.path(), "Flat");
    call(&mut bench, "/backup", NONE);
    drop(bench);
    let context = Context { read_only: true, ..Context::standalone(bench_directory(directory.path())) };
    let mut bench =
        ExecutorHarness::new(kind("VectorIndexer"), &json!({"metric": "euclidean"}), context).unwrap();
    for endpoint in ["/backup", "/restore"] {
        let error = call_with(&mut bench, endpoint, NONE, json!({})).unwrap_err().to_string();
        assert!(error.contains("read_only"), "{error}");
    }
}

#[test]
fn documents_get_the_vectors_that_are_stored_under_their_ids() {
    let directory = directory();
    let mut bench = open(directory.path(), "AnnLiteIndexer", &json!({"n_dim": 2}));
    call(&mut bench, "/index", vec![document("a", &[3.0, 4.0])]);
    let asked = vec![Document::new("a").with_text("kept"), Document::new("b")];
    let answer = call(&mut bench, "/fill_embedding", asked);
    assert_eq!(answer.documents[0], document("a", &[3.0, 4.0]).with_text("kept"));
    assert_eq!(answer.documents[1], Document::new("b"));
    assert_eq!((&answer.results["filled"], &answer.results["unknown"]), (&json!(1), &json!(1)));
}
