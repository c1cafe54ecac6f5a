//! Simulated power failures: any part of the writes since the last sync may be on disk. The index opens afterwards, with all
//! synced writes and without invented data. `make crash` simulates 5,000.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use flowrun_sdk::Document;
use flowrun_sdk::testing::ExecutorHarness;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::damage::files;
use crate::harness::{NO_DOCUMENTS, call, call_with, directory, document, open};

/// Size of the atomic write of the disk, in bytes; small, so that small files have several sectors.
const SECTOR: usize = 64;

/// Number of simulated failures; `FLOWRUN_POWER_FAILURES` overrides it.
fn failures() -> ProptestConfig {
    ProptestConfig::with_cases(
        std::env::var("FLOWRUN_POWER_FAILURES").map_or(48, |count| count.parse().unwrap()),
    )
}

/// A document id, and the version to write; `None` deletes it.
type Step = (u8, Option<u8>);

fn steps(calls_max: usize) -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = (0..10_u8, proptest::option::weighted(0.8, 0..5_u8));
    proptest::collection::vec(proptest::collection::vec(step, 1..4), 0..calls_max)
}

fn version(id: u8, version: u8) -> Document {
    let text = format!("{version} of {id} ").repeat(9);
    document(&id.to_string(), &[f32::from(id), f32::from(version) + 1.0]).with_text(text)
}

fn with(fsync: &str) -> Value {
    json!({"metric": "euclidean", "fsync": fsync})
}

/// Executes calls and applies them to the expected documents.
fn execute(executor: &mut ExecutorHarness, calls: &[Vec<Step>], stored: &mut BTreeMap<u8, u8>) {
    for steps in calls {
        let written = steps.iter().filter_map(|(id, number)| Some(version(*id, (*number)?)));
        call(executor, "/index", written.collect());
        let removed: Vec<String> =
            steps.iter().filter(|(_, number)| number.is_none()).map(|(id, _)| id.to_string()).collect();
        call_with(executor, "/delete", NO_DOCUMENTS, json!({ "ids": removed })).unwrap();
        for (id, number) in steps.iter().filter(|(_, number)| number.is_some()) {
            stored.insert(*id, number.unwrap());
        }
        for (id, _) in steps.iter().filter(|(_, number)| number.is_none()) {
            stored.remove(id);
        }
    }
}

/// The bytes on disk after a failure: each sector has the old or the new content.
fn tear(before: Option<&Vec<u8>>, after: &[u8], written: &[bool]) -> Vec<u8> {
    let mut torn = after.to_vec();
    for (number, sector) in torn.chunks_mut(SECTOR).enumerate() {
        if written[number % written.len()] {
            continue;
        }
        let start = number * SECTOR;
        for (position, byte) in (start..).zip(sector.iter_mut()) {
            *byte = before.and_then(|before| before.get(position)).copied().unwrap_or(0);
        }
    }
    torn
}

/// Replaces the files of an index; directories stay.
fn replace(shard: &Path, torn: &BTreeMap<PathBuf, Vec<u8>>) {
    for path in files(shard).keys().filter(|path| !torn.contains_key(*path)) {
        fs::remove_file(path).unwrap();
    }
    torn.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
}

/// All stored documents, by id.
fn stored(executor: &mut ExecutorHarness) -> Vec<Document> {
    call_with(executor, "/list", NO_DOCUMENTS, json!({"limit": 100})).unwrap().documents.to_vec()
}

proptest! {
    #![proptest_config(failures())]

    #[test]
    fn an_unacknowledged_call_is_applied_completely_or_not_at_all(
        synced in steps(8),
        unsynced in proptest::collection::vec((0..10_u8, 0..5_u8), 1..12),
        written_sectors in proptest::collection::vec(proptest::bool::weighted(0.7), 1..60),
        vectors_are_synced: bool,
    ) {
        let directory = directory();
        let shard = directory.path().join("0");
        let mut executor = open(directory.path(), "VectorIndexer", &with("always"));
        execute(&mut executor, &synced, &mut BTreeMap::new());
        call(&mut executor, "/index", vec![version(99, 0)]);
        let (before, without) = (files(&shard), stored(&mut executor));
        call(&mut executor, "/index", unsynced.iter().map(|(id, number)| version(*id, *number)).collect());
        let (after, with_all) = (files(&shard), stored(&mut executor));
        drop(executor);
        // Documents are only written after the vectors are synced.
        let torn = |(path, bytes): (&PathBuf, &Vec<u8>)| {
            let name = path.file_name().unwrap().to_str().unwrap();
            let bytes = match name {
                _ if name.ends_with(".jnl") && vectors_are_synced => tear(before.get(path), bytes, &written_sectors),
                _ if name.ends_with(".jnl") => before[path].clone(),
                // Written after the journal is synced.
                "acknowledged" => before[path].clone(),
                _ if name.starts_with("vectors-") && !vectors_are_synced => tear(before.get(path), bytes, &written_sectors),
                _ => bytes.clone(),
            };
            (path.clone(), bytes)
        };
        replace(&shard, &after.iter().map(torn).collect());
        let mut executor = open(directory.path(), "VectorIndexer", &with("always"));
        let found = stored(&mut executor);
        prop_assert!(found == without || found == with_all, "{found:?}");
        let query = vec![document("q", &[0.0, 0.0])];
        let matches = call_with(&mut executor, "/search", query, json!({"top_k": 100})).unwrap().documents[0].matches.len();
        prop_assert_eq!(matches, found.len());
        let again = unsynced.iter().map(|(id, number)| version(*id, *number)).collect();
        call(&mut executor, "/index", again);
        prop_assert_eq!(stored(&mut executor), with_all);
    }

    #[test]
    fn synced_writes_survive_a_power_failure_and_no_data_is_invented(
        synced in steps(8),
        unsynced in steps(12),
        written_sectors in proptest::collection::vec(proptest::bool::weighted(0.7), 1..60),
        cut in 0..3_usize,
    ) {
        let directory = directory();
        let shard = directory.path().join("0");
        let mut stored = BTreeMap::new();
        let mut executor = open(directory.path(), "VectorIndexer", &with("always"));
        call(&mut executor, "/index", vec![version(99, 0)]);
        execute(&mut executor, &synced, &mut stored);
        drop(executor);
        let mut executor = open(directory.path(), "VectorIndexer", &with("never"));
        // Opening may rewrite synced files.
        let before = files(&shard);
        execute(&mut executor, &unsynced, &mut stored.clone());
        let after = files(&shard);
        drop(executor);
        let torn = |(path, bytes): (&PathBuf, &Vec<u8>)| {
            let name = path.file_name().unwrap().to_str().unwrap();
            let grows = name.ends_with(".jnl") || name.starts_with("vectors-");
            let mut torn = if grows { tear(before.get(path), bytes, &written_sectors) } else { bytes.clone() };
            if name.starts_with("vectors-") {
                let synced = before.get(path).map_or(0, Vec::len);
                torn.truncate(synced + (torn.len() - synced) / (cut + 1));
            }
            (path.clone(), torn)
        };
        replace(&shard, &after.iter().map(torn).collect());

        let mut executor = open(directory.path(), "VectorIndexer", &with("interval"));
        let found = call_with(&mut executor, "/search", vec![document("q", &[0.0, 0.0])], json!({"top_k": 100}));
        let found = found.unwrap().documents[0].matches.clone();
        let ids: BTreeSet<u8> = found.iter().map(|found| found.id.parse().unwrap()).collect();
        prop_assert_eq!((found.len(), call(&mut executor, "/count", NO_DOCUMENTS).results["count"].as_u64()),
            (ids.len(), Some(ids.len() as u64)));
        let references = found.iter().map(|found| Document::new(&*found.id)).collect();
        for found in &call(&mut executor, "/get", references).documents {
            let number: u8 = found.text.as_ref().unwrap()[..1].parse().unwrap();
            let id: u8 = found.id.parse().unwrap();
            let written = version(id, number);
            prop_assert_eq!((&found.text, &found.embedding), (&written.text, &written.embedding));
            let is_known = synced.iter().chain(&unsynced).flatten().any(|step| *step == (id, Some(number)));
            prop_assert!(is_known || id == 99, "{found:?}");
        }
        let touched: BTreeSet<u8> = unsynced.iter().flatten().map(|(id, _)| *id).collect();
        for (id, number) in stored.iter().filter(|(id, _)| !touched.contains(id)).chain([(&99, &0)]) {
            let stored = call(&mut executor, "/get", vec![Document::new(id.to_string())]).documents[0].clone();
            prop_assert_eq!(&stored.text, &version(*id, *number).text, "{} is lost", id);
        }
        // The index accepts further writes.
        call(&mut executor, "/index", vec![version(77, 1)]);
        drop(executor);
        let mut executor = open(directory.path(), "VectorIndexer", &with("always"));
        let again = call(&mut executor, "/count", NO_DOCUMENTS).results["count"].as_u64();
        prop_assert_eq!(again, Some(ids.len() as u64 + 1));
    }
}
