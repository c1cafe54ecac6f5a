//! Rows that nobody finds any more are left behind at the next opening, and whenever that is cut short nothing is lost.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use flowrun_sdk::testing::Bench;
use flowrun_sdk::{Context, Document};
use serde_json::{Value, json};

use crate::bench::{NONE, call, call_with, clip, directory, found, kind, open};

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

/// Most of what is written here is dead: every clip came three times, some are gone.
fn write_mostly_dead(base: &Path, index: &str) {
    let mut bench = open(base, "VectorIndexer", &with(index));
    (1..=3).for_each(|time| drop(call(&mut bench, "/index", clips(time))));
    call_with(&mut bench, "/delete", NONE, json!({"ids": ["07", "08#2"]})).unwrap();
    bench.close().unwrap();
}

/// What is found for some vectors, and what is told about the index.
fn answers(bench: &mut Bench) -> (Vec<Vec<(String, f32)>>, Value) {
    let queries = clips(3).into_iter().step_by(7).collect();
    let answer = call(bench, "/search", queries);
    let frames = answer.documents.iter().flat_map(|clip| clip.chunks.iter().map(found));
    let (frames, mut status) = (frames.collect(), call(bench, "/status", NONE).results);
    let deleted = status.remove("deleted").unwrap();
    assert!(deleted == 0 || deleted == 645, "{deleted}");
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
fn dead_rows_are_left_behind_at_the_next_opening() {
    for index in ["Flat", "HNSW8"] {
        let directory = directory();
        write_mostly_dead(directory.path(), index);
        let context = Context { read_only: true, ..Context::alone(directory.path().join("0")) };
        let before = {
            let mut bench = Bench::new(kind("VectorIndexer"), &with(index), context).unwrap();
            assert_eq!(call(&mut bench, "/status", NONE).results["deleted"], 645);
            answers(&mut bench)
        };
        let mut bench = open(directory.path(), "VectorIndexer", &with(index));
        assert_eq!(call(&mut bench, "/status", NONE).results["deleted"], 0);
        let (found, status) = answers(&mut bench);
        assert_eq!(status, before.1);
        // A graph over other rows may find others.
        assert!(index != "Flat" || found == before.0);
        let length = fs::metadata(directory.path().join("0/vectors-000002.bin")).unwrap().len();
        assert_eq!(length, 64 + 315 * (4 * u64::from(DIMENSION) + 4));
        // What belongs together still does.
        let deleted = call_with(&mut bench, "/delete", NONE, json!({"ids": ["08"]})).unwrap();
        assert_eq!(deleted.results["deleted"], 3);
        assert_eq!(call(&mut bench, "/index", clips(3)).results["indexed"], 320);
        assert_eq!(call(&mut bench, "/status", NONE).results["vectors"], 320);
        bench.close().unwrap();
        drop(open(directory.path(), "VectorIndexer", &with(index)));
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
    write_mostly_dead(&path("before"), "Flat");
    copy(&path("before"), &path("after"));
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
        assert_eq!(
            files(&path(case)),
            ["LOCK", "documents-000002", "manifest.json", "vectors-000002.bin"],
            "{case}"
        );
    }
}

#[test]
fn what_cannot_be_copied_stays_where_it_is() {
    let directory = directory();
    write_mostly_dead(directory.path(), "HNSW8");
    // The last row lives, and is not read when the index is opened.
    let path = directory.path().join("0/vectors-000001.bin");
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[1], fs::metadata(&path).unwrap().len() - 1).unwrap();
    let mut bench = open(directory.path(), "VectorIndexer", &with("HNSW8"));
    let status = call(&mut bench, "/status", NONE).results;
    assert_eq!((&status["vectors"], &status["deleted"]), (&json!(315), &json!(645)));
    let expected = ["LOCK", "documents-000001", "faiss-000001.index", "manifest.json", "vectors-000001.bin"];
    assert_eq!(files(directory.path()), expected);
}
