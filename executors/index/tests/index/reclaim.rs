//! Rows that nobody finds any more are left behind, and whenever that is cut short nothing is lost.

use std::fs;
use std::path::{Path, PathBuf};

use flowrun_index::tool;
use flowrun_sdk::Document;
use flowrun_sdk::testing::ExecutorHarness;
use serde_json::{Value, json};

use crate::bench::{NONE, call, call_with, clip, directory, found, open};

/// Large, so that a few hundred dead rows are worth leaving behind.
const DIMENSION: u16 = 2048;
const CLIPS: u16 = 80;

fn with(index: &str) -> Value {
    json!({"metric": "euclidean", "index": index, "access_paths": "@c", "fsync": "never"})
}

/// Clips of four frames; the vectors differ from time to time.
fn clips(time: u16) -> Vec<Document> {
    let vector =
        |frame: u16| (0..DIMENSION).map(|n| f32::from((frame * 31 + n * time) % 97)).collect::<Vec<_>>();
    let clip_of = |number: u16| {
        let frames: Vec<Vec<f32>> = (0..4).map(|frame| vector(number * 4 + frame)).collect();
        clip(&format!("{number:02}"), &frames.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    (0..CLIPS).map(clip_of).collect()
}

/// Writes the clips as they are at one of these times after the other, and removes some.
fn write(base: &Path, index: &str, times: std::ops::RangeInclusive<u16>) {
    let mut bench = open(base, "VectorIndexer", &with(index));
    times.for_each(|time| drop(call(&mut bench, "/index", clips(time))));
    call_with(&mut bench, "/delete", NONE, json!({"ids": ["07", "08#2"]})).unwrap();
    call_with(&mut bench, "/status", NONE, json!({"settled": true})).unwrap();
    bench.close().unwrap();
}

/// What is found for some vectors, and what is told about the index.
fn answers(bench: &mut ExecutorHarness) -> (Vec<Vec<(String, f32)>>, Value) {
    let queries = clips(3).into_iter().step_by(7).collect();
    let answer = call(bench, "/search", queries);
    let frames = answer.documents.iter().flat_map(|clip| clip.chunks.iter().map(found));
    let (frames, mut status) = (frames.collect(), call(bench, "/status", NONE).results);
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
fn when_most_rows_are_dead_they_are_left_behind() {
    for index in ["Flat", "HNSW8"] {
        let (directory, once) = (directory(), directory());
        // Every clip came three times: of 960 rows 645 are dead.
        write(directory.path(), index, 1..=3);
        write(once.path(), index, 3..=3);
        let mut bench = open(directory.path(), "VectorIndexer", &with(index));
        // All of these, or all that were dead before the last five were removed.
        let dead = call(&mut bench, "/status", NONE).results["deleted"].as_u64().unwrap();
        assert!(dead == 0 || dead == 5, "{dead}");
        let (found, status) = answers(&mut bench);
        let expected = answers(&mut open(once.path(), "VectorIndexer", &with(index)));
        assert_eq!(status, expected.1);
        // A graph that was built in another order may find others.
        assert!(index != "Flat" || found == expected.0);
        let length = fs::metadata(directory.path().join("0/vectors-000002.bin")).unwrap().len();
        assert_eq!(length, 64 + (315 + dead) * (4 * u64::from(DIMENSION) + 4));
        // What belongs together still does.
        let deleted = call_with(&mut bench, "/delete", NONE, json!({"ids": ["08"]})).unwrap();
        assert_eq!(deleted.results["deleted"], 3);
        assert_eq!(call(&mut bench, "/index", clips(3)).results["indexed"], 320);
        assert_eq!(call(&mut bench, "/status", NONE).results["vectors"], 320);
        bench.close().unwrap();
        let mut expected =
            vec!["LOCK", "documents-000002", "faiss-000002.index", "manifest.json", "vectors-000002.bin"];
        expected.retain(|name| index == "HNSW8" || !name.starts_with("faiss"));
        assert_eq!(files(directory.path()), expected);
    }
}

#[test]
fn cut_short_at_any_instant_one_generation_is_whole() {
    let directory = directory();
    let path = |name: &str| -> PathBuf { directory.path().join(name) };
    write(&path("before"), "Flat", 3..=3);
    copy(&path("before"), &path("after"));
    assert_eq!(tool::compact(&path("after")).unwrap(), 5);
    let expected = answers(&mut open(&path("after"), "VectorIndexer", &with("Flat")));
    let cases: [(&str, &str, &[&str]); 5] = [
        ("nothing but a beginning", "before", &[]),
        ("the documents alone", "before", &["documents-000002"]),
        ("everything but the manifest", "before", &["documents-000002", "vectors-000002.bin"]),
        ("everything but the removal", "after", &["documents-000001", "vectors-000001.bin"]),
        ("a part of the removal", "after", &["vectors-000001.bin"]),
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
        let mut bench = open(&path(case), "VectorIndexer", &with("Flat"));
        assert_eq!(answers(&mut bench), expected, "{case}");
        drop(bench);
        let generation = if base == "before" { 1 } else { 2 };
        let (documents, vectors) =
            (format!("documents-{generation:06}"), format!("vectors-{generation:06}.bin"));
        assert_eq!(files(&path(case)), ["LOCK", &documents, "manifest.json", &vectors], "{case}");
    }
}
