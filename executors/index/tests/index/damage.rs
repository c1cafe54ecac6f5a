//! Damage is found: whatever byte of an index changes, or wherever a file ends too early, it is told by name, built again
//! where it can be, or changes nothing. `make crash` does it ten thousand times.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use flowrun_index::tool;
use flowrun_sdk::Document;
use flowrun_sdk::guard::read_file;
use serde_json::json;

use crate::bench::{call, call_with, directory, document, found, try_open};

/// How many bytes are changed; more with `FLOWRUN_DAMAGES`.
const FLIPS: usize = 200;

fn with() -> serde_json::Value {
    json!({"metric": "euclidean", "index": "HNSW8"})
}

fn fill(base: &Path) {
    let mut bench = try_open(base, "VectorIndexer", &with()).unwrap();
    for call_number in 0..4_u16 {
        let documents = (0..25_u16).map(|number| {
            let number = call_number * 20 + number;
            document(&format!("{number:03}"), &[f32::from(number), 1.0, 0.5]).with_tag("number", number)
        });
        call(&mut bench, "/index", documents.collect());
    }
    bench.close().unwrap();
}

/// The files of an index, whatever is not the lock.
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

/// Puts everything back as it was.
fn put_back(directory: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    fs::remove_dir_all(directory).unwrap();
    for (path, bytes) in files {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// What the index answers, if it can be opened.
fn answers(base: &Path) -> Option<Vec<(String, f32)>> {
    let mut bench = try_open(base, "VectorIndexer", &with()).ok()?;
    let query: Vec<Document> = vec![document("q", &[30.0, 1.0, 0.5])];
    let answer = call_with(&mut bench, "/search", query, json!({"top_k": 200})).ok()?;
    Some(found(&answer.documents[0]))
}

/// Whether the damage is told; if not, it must change nothing.
fn is_found_or_harmless(base: &Path, expected: &[(String, f32)], what: &str) {
    let seen = catch_unwind(AssertUnwindSafe(|| {
        let is_told =
            tool::verify(base).map_or(true, |shards| shards.iter().any(|(_, told)| !told.is_empty()));
        (is_told, answers(base))
    }));
    let (is_told, answers) = seen.unwrap_or_else(|_| panic!("{what}: it crashed"));
    let is_same = answers.as_deref() == Some(expected);
    assert!(is_told || is_same, "{what} is not found, and the answer is another one");
}

#[test]
fn a_byte_that_changes_anywhere_is_found() {
    let flips = std::env::var("FLOWRUN_DAMAGES").map_or(FLIPS, |count| count.parse().unwrap());
    let directory = directory();
    fill(directory.path());
    let expected = answers(directory.path()).unwrap();
    let shard = directory.path().join("0");
    let whole = files(&shard);
    let sizes: usize = whole.values().map(Vec::len).sum();
    let mut state = 7_u64;
    for _ in 0..flips {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut place = usize::try_from(state >> 33).unwrap() % sizes;
        let (path, bytes) = whole
            .iter()
            .find(|(_, bytes)| {
                let is_here = place < bytes.len();
                place -= if is_here { 0 } else { bytes.len() };
                is_here
            })
            .unwrap();
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (state % 8);
        fs::write(path, damaged).unwrap();
        is_found_or_harmless(directory.path(), &expected, &format!("byte {place} of {}", path.display()));
        put_back(&shard, &whole);
    }
}

#[test]
fn every_byte_of_a_header_that_changes_is_found() {
    let directory = directory();
    fill(directory.path());
    let expected = answers(directory.path()).unwrap();
    let shard = directory.path().join("0");
    let whole = files(&shard);
    let manifest = shard.join("manifest.json");
    let trailer = whole[&shard.join("faiss-000001.index")].len() - 40;
    for (path, range) in [
        (manifest.clone(), 0..whole[&manifest].len()),
        (shard.join("vectors-000001.bin"), 0..64),
        (shard.join("faiss-000001.index"), trailer..trailer + 40),
    ] {
        for place in range {
            let mut damaged = whole[&path].clone();
            damaged[place] ^= 0x04;
            fs::write(&path, damaged).unwrap();
            is_found_or_harmless(directory.path(), &expected, &format!("byte {place} of {}", path.display()));
            put_back(&shard, &whole);
        }
    }
}

#[test]
fn a_file_that_ends_too_early_is_found() {
    let directory = directory();
    fill(directory.path());
    let expected = answers(directory.path()).unwrap();
    let shard = directory.path().join("0");
    let whole = files(&shard);
    for name in ["manifest.json", "vectors-000001.bin", "faiss-000001.index"] {
        let path = shard.join(name);
        for percent in 0..100 {
            let bytes = &whole[&path];
            fs::write(&path, &bytes[..bytes.len() * percent / 100]).unwrap();
            is_found_or_harmless(directory.path(), &expected, &format!("{percent} % of {name}"));
            put_back(&shard, &whole);
        }
    }
}
