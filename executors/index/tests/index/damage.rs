//! Damaged and truncated files are reported by name, rebuilt where possible, or have no effect. `make crash` damages 10,000
//! bytes.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use flowrun_index::tool;
use flowrun_sdk::Document;
use flowrun_sdk::guard::read_file;
use serde_json::json;

use crate::harness::{call, call_with, directory, document, matches_of, try_open};

/// Default number of changed bytes; `FLOWRUN_DAMAGES` overrides it.
const FLIPS: usize = 200;

fn with() -> serde_json::Value {
    json!({"metric": "euclidean", "index": "HNSW8"})
}

fn fill(base: &Path) {
    let mut executor = try_open(base, "VectorIndexer", &with()).unwrap();
    for call_number in 0..4_u16 {
        let documents = (0..25_u16).map(|number| {
            let number = call_number * 20 + number;
            document(&format!("{number:03}"), &[f32::from(number), 1.0, 0.5]).with_tag("number", number)
        });
        call(&mut executor, "/index", documents.collect());
    }
    executor.close().unwrap();
}

/// The files of an index, without the lock and other empty files.
pub(crate) fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if fs::metadata(&path).unwrap().len() > 0 {
            found.insert(path.clone(), read_file(&path, 1 << 30).unwrap());
        }
    }
    found
}

/// Restores all files.
fn restore_files(directory: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    fs::remove_dir_all(directory).unwrap();
    for (path, bytes) in files {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Matches of a query, or `None` when the index cannot be opened.
fn answers(base: &Path) -> Option<Vec<(String, f32)>> {
    let mut executor = try_open(base, "VectorIndexer", &with()).ok()?;
    let query: Vec<Document> = vec![document("q", &[30.0, 1.0, 0.5])];
    let answer = call_with(&mut executor, "/search", query, json!({"top_k": 200})).ok()?;
    Some(matches_of(&answer.documents[0]))
}

/// Asserts that the damage is reported, or that the answer is unchanged.
fn assert_reported_or_harmless(base: &Path, expected: &[(String, f32)], damage: &str) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let is_reported =
            tool::verify(base).map_or(true, |shards| shards.iter().any(|(_, problems)| !problems.is_empty()));
        (is_reported, answers(base))
    }));
    let (is_reported, answers) = outcome.unwrap_or_else(|_| panic!("{damage}: panicked"));
    let is_same = answers.as_deref() == Some(expected);
    assert!(is_reported || is_same, "{damage} is not reported, and the answer differs");
}

#[test]
fn a_changed_byte_anywhere_is_reported_or_harmless() {
    let flips = std::env::var("FLOWRUN_DAMAGES").map_or(FLIPS, |count| count.parse().unwrap());
    let directory = directory();
    fill(directory.path());
    let expected = answers(directory.path()).unwrap();
    let shard = directory.path().join("0");
    let intact = files(&shard);
    let sizes: usize = intact.values().map(Vec::len).sum();
    let mut state = 7_u64;
    for _ in 0..flips {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut position = usize::try_from(state >> 33).unwrap() % sizes;
        let (path, bytes) = intact
            .iter()
            .find(|(_, bytes)| {
                let is_here = position < bytes.len();
                position -= if is_here { 0 } else { bytes.len() };
                is_here
            })
            .unwrap();
        let mut damaged = bytes.clone();
        damaged[position] ^= 1 << (state % 8);
        fs::write(path, damaged).unwrap();
        assert_reported_or_harmless(
            directory.path(),
            &expected,
            &format!("byte {position} of {}", path.display()),
        );
        restore_files(&shard, &intact);
    }
}

#[test]
fn every_changed_header_byte_is_reported_or_harmless() {
    let directory = directory();
    fill(directory.path());
    let expected = answers(directory.path()).unwrap();
    let shard = directory.path().join("0");
    let intact = files(&shard);
    let manifest = shard.join("manifest.json");
    let trailer = intact[&shard.join("faiss-000001.index")].len() - 40;
    for (path, range) in [
        (manifest.clone(), 0..intact[&manifest].len()),
        (shard.join("vectors-000001.bin"), 0..64),
        (shard.join("faiss-000001.index"), trailer..trailer + 40),
    ] {
        for position in range {
            let mut damaged = intact[&path].clone();
            damaged[position] ^= 0x04;
            fs::write(&path, damaged).unwrap();
            assert_reported_or_harmless(
                directory.path(),
                &expected,
                &format!("byte {position} of {}", path.display()),
            );
            restore_files(&shard, &intact);
        }
    }
}

#[test]
fn truncated_files_are_reported_or_harmless() {
    let directory = directory();
    fill(directory.path());
    let expected = answers(directory.path()).unwrap();
    let shard = directory.path().join("0");
    let intact = files(&shard);
    for name in ["manifest.json", "vectors-000001.bin", "faiss-000001.index"] {
        let path = shard.join(name);
        for percent in 0..100 {
            let bytes = &intact[&path];
            fs::write(&path, &bytes[..bytes.len() * percent / 100]).unwrap();
            assert_reported_or_harmless(directory.path(), &expected, &format!("{percent} % of {name}"));
            restore_files(&shard, &intact);
        }
    }
}
