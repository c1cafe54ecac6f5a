//! A process that indexes, updates, deletes and compacts is killed at random times, repeatedly. Afterwards acknowledged
//! writes are present, the last unacknowledged one is applied completely or not at all, and no document is duplicated.
//! `make crash` kills it 500 times.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use flowrun_index::tool;
use flowrun_sdk::Document;
use serde_json::{Value, json};

use crate::harness::{NO_DOCUMENTS, call, call_with, directory, document, matches_of, open};

/// Environment variables of the child process: the directory of the index, and the first step.
const DIRECTORY: &str = "FLOWRUN_TEST_CRASHES_IN";
const STEP: &str = "FLOWRUN_TEST_CRASHES_STEP";
/// Default number of kills; `FLOWRUN_KILLS` overrides it.
const KILLS: u64 = 12;
/// Number of document ids.
const IDS: u64 = 60;

fn with() -> Value {
    json!({"metric": "euclidean", "index": "HNSW8"})
}

/// A pseudo-random number, determined by step and salt.
fn number(step: u64, salt: u64) -> u64 {
    let mut mixed = (step ^ salt << 32).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// One call or compaction.
enum Step {
    Index(Vec<(String, u64)>),
    Delete(Vec<String>),
    Compact,
}

impl Step {
    fn numbered(step: u64) -> Self {
        let ids = |count: u64| (0..count).map(move |salt| format!("{:02}", number(step, salt) % IDS));
        match number(step, 99) % 12 {
            0 => Self::Compact,
            1..=3 => Self::Delete(ids(4).collect()),
            _ => Self::Index(ids(6).map(|id| (id, step)).collect()),
        }
    }

    fn apply(&self, stored: &mut BTreeMap<String, u64>) {
        match self {
            Self::Index(documents) => stored.extend(documents.iter().cloned()),
            Self::Delete(ids) => stored.retain(|id, _| !ids.contains(id)),
            Self::Compact => {}
        }
    }
}

/// The expected documents after the first `steps` steps.
fn after(steps: u64) -> BTreeMap<String, u64> {
    let mut stored = BTreeMap::new();
    (0..steps).for_each(|step| Step::numbered(step).apply(&mut stored));
    stored
}

/// The child process: executes steps and reports each as it is acknowledged.
#[test]
#[ignore = "child process of the next test"]
fn child_process() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let first: u64 = std::env::var(STEP).unwrap().parse().unwrap();
    let mut executor = Some(open(&directory, "VectorIndexer", &with()));
    for step in first..first + 100_000 {
        match Step::numbered(step) {
            Step::Index(documents) => {
                let documents = documents
                    .iter()
                    .map(|(id, value)| document(id, &[*value as f32, 1.0]).with_tag("value", *value));
                call(executor.as_mut().unwrap(), "/index", documents.collect());
            }
            Step::Delete(ids) => {
                call_with(executor.as_mut().unwrap(), "/delete", NO_DOCUMENTS, json!({"ids": ids})).unwrap();
            }
            Step::Compact => {
                drop(executor.take());
                tool::compact(&directory).unwrap();
                executor = Some(open(&directory, "VectorIndexer", &with()));
            }
        }
        println!("\ndone {step}");
        std::io::stdout().flush().unwrap();
    }
}

/// Starts the child process and kills it. Returns the number of acknowledged steps.
fn work_until_killed(directory: &Path, first: u64, round: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["repeated_crashes::child_process", "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(STEP, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = first;
    let (steps, delay_us) = (number(round, 7) % 25, number(round, 8) % 4000);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut is_killed = false;
    for line in lines {
        if let Some(step) = line.unwrap().strip_prefix("done ") {
            acknowledged = step.parse::<u64>().unwrap() + 1;
        }
        if !is_killed && acknowledged >= first + steps {
            // A random time within the next step.
            std::thread::sleep(Duration::from_micros(delay_us));
            child.kill().unwrap();
            is_killed = true;
        }
    }
    assert!(is_killed, "the child exited early: {:?}", child.wait());
    child.wait().unwrap();
    acknowledged
}

/// The stored documents and their values; a search must find the same.
fn stored(directory: &Path) -> BTreeMap<String, u64> {
    let mut executor = open(directory, "VectorIndexer", &with());
    let listed = call_with(&mut executor, "/list", NO_DOCUMENTS, json!({"limit": 1000})).unwrap().documents;
    let value = |document: &Document| document.tags["value"].as_f64().unwrap() as u64;
    let stored: BTreeMap<String, u64> =
        listed.iter().map(|document| (document.id.clone(), value(document))).collect();
    assert_eq!(stored.len(), listed.len(), "a document is duplicated");
    let query = vec![document("q", &[0.0, 1.0])];
    let answer = call_with(&mut executor, "/search", query, json!({"top_k": 1000})).unwrap();
    let searched: BTreeMap<String, u64> =
        matches_of(&answer.documents[0]).into_iter().map(|(id, distance)| (id, distance as u64)).collect();
    assert_eq!(searched, stored, "search and list differ");
    stored
}

#[test]
fn acknowledged_writes_survive_repeated_kills() {
    let kills = std::env::var("FLOWRUN_KILLS").map_or(KILLS, |count| count.parse().unwrap());
    let directory = directory();
    let mut step = 0;
    for round in 0..kills {
        let acknowledged = work_until_killed(directory.path(), step, round);
        let stored = stored(directory.path());
        step = match (after(acknowledged), after(acknowledged + 1)) {
            (expected, _) if stored == expected => acknowledged,
            (_, next) if stored == next => acknowledged + 1,
            (expected, _) => panic!(
                "round {round}: after {acknowledged} steps expected {expected:?}, but found {stored:?}"
            ),
        };
    }
    let problems = tool::verify(directory.path()).unwrap();
    assert!(problems.iter().all(|(_, problems)| problems.is_empty()), "{problems:?}");
}
