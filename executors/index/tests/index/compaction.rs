//! Compaction removes tombstones, and an interrupted compaction loses nothing.

use std::fs;
use std::path::{Path, PathBuf};

use flowrun_index::tool;
use flowrun_sdk::Document;
use flowrun_sdk::testing::ExecutorHarness;
use serde_json::{Value, json};

use crate::harness::{NO_DOCUMENTS, call, call_with, clip, directory, matches_of, open};

/// Large, so that a few hundred tombstones trigger a compaction.
const DIMENSION: u16 = 2048;
const CLIPS: u16 = 80;

fn with(index: &str) -> Value {
    json!({"metric": "euclidean", "index": index, "access_paths": "@c", "fsync": "never"})
}

/// Clips of four frames; the vectors depend on the version.
fn clips(version: u16) -> Vec<Document> {
    let vector =
        |frame: u16| (0..DIMENSION).map(|n| f32::from((frame * 31 + n * version) % 97)).collect::<Vec<_>>();
    let clip_of = |number: u16| {
        let frames: Vec<Vec<f32>> = (0..4).map(|frame| vector(number * 4 + frame)).collect();
        clip(&format!("{number:02}"), &frames.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    (0..CLIPS).map(clip_of).collect()
}

/// Writes these versions of the clips one after the other, and deletes some clips.
fn write(base: &Path, index: &str, versions: std::ops::RangeInclusive<u16>) {
    let mut executor = open(base, "VectorIndexer", &with(index));
    versions.for_each(|version| drop(call(&mut executor, "/index", clips(version))));
    call_with(&mut executor, "/delete", NO_DOCUMENTS, json!({"ids": ["07", "08#2"]})).unwrap();
    call_with(&mut executor, "/status", NO_DOCUMENTS, json!({"settled": true})).unwrap();
    executor.close().unwrap();
}

/// The matches of some vectors, and the status of the index.
fn answers(executor: &mut ExecutorHarness) -> (Vec<Vec<(String, f32)>>, Value) {
    let queries = clips(3).into_iter().step_by(7).collect();
    let answer = call(executor, "/search", queries);
    let frames = answer.documents.iter().flat_map(|clip| clip.chunks.iter().map(matches_of));
    let (frames, mut status) = (frames.collect(), call(executor, "/status", NO_DOCUMENTS).results);
    status.remove("deleted").unwrap();
    (frames, Value::Object(status))
}

fn files(base: &Path) -> Vec<String> {
    let names = fs::read_dir(base.join("0")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

#[test]
fn an_index_is_compacted_when_most_rows_are_tombstones() {
    for index in ["Flat", "HNSW8"] {
        let (directory, once) = (directory(), directory());
        // Every clip was written three times: 645 of 960 rows are tombstones.
        write(directory.path(), index, 1..=3);
        write(once.path(), index, 3..=3);
        let mut executor = open(directory.path(), "VectorIndexer", &with(index));
        // All tombstones were removed, or all but the last five, which came after the compaction began.
        let dead = call(&mut executor, "/status", NO_DOCUMENTS).results["deleted"].as_u64().unwrap();
        assert!(dead == 0 || dead == 5, "{dead}");
        let (found, status) = answers(&mut executor);
        let expected = answers(&mut open(once.path(), "VectorIndexer", &with(index)));
        assert_eq!(status, expected.1);
        // A graph depends on insertion order, so its matches may differ.
        assert!(index != "Flat" || found == expected.0);
        let length = fs::metadata(directory.path().join("0/vectors-000002.bin")).unwrap().len();
        assert_eq!(length, 64 + (315 + dead) * (4 * u64::from(DIMENSION) + 4));
        // Parents and chunks are still linked.
        let deleted = call_with(&mut executor, "/delete", NO_DOCUMENTS, json!({"ids": ["08"]})).unwrap();
        assert_eq!(deleted.results["deleted"], 3);
        assert_eq!(call(&mut executor, "/index", clips(3)).results["indexed"], 320);
        assert_eq!(call(&mut executor, "/status", NO_DOCUMENTS).results["vectors"], 320);
        executor.close().unwrap();
        let mut expected =
            vec!["LOCK", "documents-000002", "faiss-000002.index", "manifest.json", "vectors-000002.bin"];
        expected.retain(|name| index == "HNSW8" || !name.starts_with("faiss"));
        assert_eq!(files(directory.path()), expected);
    }
}

#[test]
fn an_interrupted_compaction_leaves_one_complete_generation() {
    let directory = directory();
    let path = |name: &str| -> PathBuf { directory.path().join(name) };
    write(&path("before"), "Flat", 3..=3);
    copy(&path("before"), &path("after"));
    assert_eq!(tool::compact(&path("after")).unwrap(), 5);
    let expected = answers(&mut open(&path("after"), "VectorIndexer", &with("Flat")));
    let cases: [(&str, &str, &[&str]); 5] = [
        ("only temporary files", "before", &[]),
        ("documents only", "before", &["documents-000002"]),
        ("all but the manifest", "before", &["documents-000002", "vectors-000002.bin"]),
        ("old generation not removed", "after", &["documents-000001", "vectors-000001.bin"]),
        ("old generation partly removed", "after", &["vectors-000001.bin"]),
    ];
    for (case, base, others) in cases {
        copy(&path(base), &path(case));
        let source = if base == "before" { "after" } else { "before" };
        for name in others {
            copy(&path(source).join("0").join(name), &path(case).join("0").join(name));
        }
        if base == "before" {
            fs::create_dir_all(path(case).join("0/documents-000002.new")).unwrap();
            fs::write(path(case).join("0/vectors-000002.new"), b"half a header").unwrap();
        }
        let mut executor = open(&path(case), "VectorIndexer", &with("Flat"));
        assert_eq!(answers(&mut executor), expected, "{case}");
        drop(executor);
        let generation = if base == "before" { 1 } else { 2 };
        let (documents, vectors) =
            (format!("documents-{generation:06}"), format!("vectors-{generation:06}.bin"));
        assert_eq!(files(&path(case)), ["LOCK", &documents, "manifest.json", &vectors], "{case}");
    }
}
