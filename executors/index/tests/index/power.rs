//! A power failure leaves the disk with any part of what was written since it was told last. The index opens, with all that the
//! disk was told of, and nothing that nobody wrote; `make crash` does it some thousand times.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use flowrun_sdk::Document;
use flowrun_sdk::testing::ExecutorHarness;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bench::{NONE, call, call_with, directory, document, open};
use crate::damage::files;

/// What a disk writes at once, in bytes; small, so that what is little has several.
const SECTOR: usize = 64;

/// How many failures there are; more with `FLOWRUN_POWER_FAILURES`.
fn failures() -> ProptestConfig {
    ProptestConfig::with_cases(
        std::env::var("FLOWRUN_POWER_FAILURES").map_or(48, |count| count.parse().unwrap()),
    )
}

/// A document that is written, with a version, or removed.
type Step = (u8, Option<u8>);

fn steps(most: usize) -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = (0..10_u8, proptest::option::weighted(0.8, 0..5_u8));
    proptest::collection::vec(proptest::collection::vec(step, 1..4), 0..most)
}

fn version(id: u8, version: u8) -> Document {
    let text = format!("{version} of {id} ").repeat(9);
    document(&id.to_string(), &[f32::from(id), f32::from(version) + 1.0]).with_text(text)
}

fn with(fsync: &str) -> Value {
    json!({"metric": "euclidean", "fsync": fsync})
}

/// Makes calls, and says what is stored then.
fn take(bench: &mut ExecutorHarness, calls: &[Vec<Step>], stored: &mut BTreeMap<u8, u8>) {
    for steps in calls {
        let written = steps.iter().filter_map(|(id, number)| Some(version(*id, (*number)?)));
        call(bench, "/index", written.collect());
        let removed: Vec<String> =
            steps.iter().filter(|(_, number)| number.is_none()).map(|(id, _)| id.to_string()).collect();
        call_with(bench, "/delete", NONE, json!({ "ids": removed })).unwrap();
        for (id, number) in steps.iter().filter(|(_, number)| number.is_some()) {
            stored.insert(*id, number.unwrap());
        }
        for (id, _) in steps.iter().filter(|(_, number)| number.is_none()) {
            stored.remove(id);
        }
    }
}

/// What the disk has of a file: of each sector what was there before, or what was written since.
fn torn(before: Option<&Vec<u8>>, after: &[u8], kept: &[bool]) -> Vec<u8> {
    let mut torn = after.to_vec();
    for (number, sector) in torn.chunks_mut(SECTOR).enumerate() {
        if kept[number % kept.len()] {
            continue;
        }
        let start = number * SECTOR;
        for (place, byte) in (start..).zip(sector.iter_mut()) {
            *byte = before.and_then(|before| before.get(place)).copied().unwrap_or(0);
        }
    }
    torn
}

/// Puts these files in the place of those of an index; directories stay.
fn replace(shard: &Path, torn: &BTreeMap<PathBuf, Vec<u8>>) {
    for path in files(shard).keys().filter(|path| !torn.contains_key(*path)) {
        fs::remove_file(path).unwrap();
    }
    torn.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
}

/// What is stored, in the order of ids.
fn stored(bench: &mut ExecutorHarness) -> Vec<Document> {
    call_with(bench, "/list", NONE, json!({"limit": 100})).unwrap().documents.to_vec()
}

proptest! {
    #![proptest_config(failures())]

    #[test]
    fn a_call_that_was_never_acknowledged_is_there_whole_or_not_at_all_after_a_power_failure(
        told in steps(8),
        untold in proptest::collection::vec((0..10_u8, 0..5_u8), 1..12),
        kept in proptest::collection::vec(proptest::bool::weighted(0.7), 1..60),
        has_vectors: bool,
    ) {
        let directory = directory();
        let shard = directory.path().join("0");
        let mut bench = open(directory.path(), "VectorIndexer", &with("always"));
        take(&mut bench, &told, &mut BTreeMap::new());
        call(&mut bench, "/index", vec![version(99, 0)]);
        let (before, without) = (files(&shard), stored(&mut bench));
        call(&mut bench, "/index", untold.iter().map(|(id, number)| version(*id, *number)).collect());
        let (after, with_all) = (files(&shard), stored(&mut bench));
        drop(bench);
        // The documents are written when the disk has the vectors.
        let torn = |(path, bytes): (&PathBuf, &Vec<u8>)| {
            let name = path.file_name().unwrap().to_str().unwrap();
            let bytes = match name {
                _ if name.ends_with(".jnl") && has_vectors => torn(before.get(path), bytes, &kept),
                _ if name.ends_with(".jnl") => before[path].clone(),
                _ if name.starts_with("vectors-") && !has_vectors => torn(before.get(path), bytes, &kept),
                _ => bytes.clone(),
            };
            (path.clone(), bytes)
        };
        replace(&shard, &after.iter().map(torn).collect());
        let mut bench = open(directory.path(), "VectorIndexer", &with("always"));
        let found = stored(&mut bench);
        prop_assert!(found == without || found == with_all, "{found:?}");
        let query = vec![document("q", &[0.0, 0.0])];
        let matches = call_with(&mut bench, "/search", query, json!({"top_k": 100})).unwrap().documents[0].matches.len();
        prop_assert_eq!(matches, found.len());
        let again = untold.iter().map(|(id, number)| version(*id, *number)).collect();
        call(&mut bench, "/index", again);
        prop_assert_eq!(stored(&mut bench), with_all);
    }

    #[test]
    fn what_the_disk_was_told_of_survives_a_power_failure_and_nothing_else_is_made_up(
        told in steps(8),
        untold in steps(12),
        kept in proptest::collection::vec(proptest::bool::weighted(0.7), 1..60),
        cut in 0..3_usize,
    ) {
        let directory = directory();
        let shard = directory.path().join("0");
        let mut stored = BTreeMap::new();
        let mut bench = open(directory.path(), "VectorIndexer", &with("always"));
        call(&mut bench, "/index", vec![version(99, 0)]);
        take(&mut bench, &told, &mut stored);
        drop(bench);
        let mut bench = open(directory.path(), "VectorIndexer", &with("never"));
        // Opening may have moved what is told.
        let before = files(&shard);
        take(&mut bench, &untold, &mut stored.clone());
        let after = files(&shard);
        drop(bench);
        let torn = |(path, bytes): (&PathBuf, &Vec<u8>)| {
            let name = path.file_name().unwrap().to_str().unwrap();
            let grows = name.ends_with(".jnl") || name.starts_with("vectors-");
            let mut torn = if grows { torn(before.get(path), bytes, &kept) } else { bytes.clone() };
            if name.starts_with("vectors-") {
                let told = before.get(path).map_or(0, Vec::len);
                torn.truncate(told + (torn.len() - told) / (cut + 1));
            }
            (path.clone(), torn)
        };
        replace(&shard, &after.iter().map(torn).collect());

        let mut bench = open(directory.path(), "VectorIndexer", &with("interval"));
        let found = call_with(&mut bench, "/search", vec![document("q", &[0.0, 0.0])], json!({"top_k": 100}));
        let found = found.unwrap().documents[0].matches.clone();
        let ids: BTreeSet<u8> = found.iter().map(|found| found.id.parse().unwrap()).collect();
        prop_assert_eq!((found.len(), call(&mut bench, "/count", NONE).results["count"].as_u64()),
            (ids.len(), Some(ids.len() as u64)));
        let named = found.iter().map(|found| Document::new(&*found.id)).collect();
        for found in &call(&mut bench, "/get", named).documents {
            let number: u8 = found.text.as_ref().unwrap()[..1].parse().unwrap();
            let id: u8 = found.id.parse().unwrap();
            let written = version(id, number);
            prop_assert_eq!((&found.text, &found.embedding), (&written.text, &written.embedding));
            let is_known = told.iter().chain(&untold).flatten().any(|step| *step == (id, Some(number)));
            prop_assert!(is_known || id == 99, "{found:?}");
        }
        let touched: BTreeSet<u8> = untold.iter().flatten().map(|(id, _)| *id).collect();
        for (id, number) in stored.iter().filter(|(id, _)| !touched.contains(id)).chain([(&99, &0)]) {
            let kept = call(&mut bench, "/get", vec![Document::new(id.to_string())]).documents[0].clone();
            prop_assert_eq!(&kept.text, &version(*id, *number).text, "{} is lost", id);
        }
        // And it goes on.
        call(&mut bench, "/index", vec![version(77, 1)]);
        drop(bench);
        let mut bench = open(directory.path(), "VectorIndexer", &with("always"));
        let again = call(&mut bench, "/count", NONE).results["count"].as_u64();
        prop_assert_eq!(again, Some(ids.len() as u64 + 1));
    }
}
