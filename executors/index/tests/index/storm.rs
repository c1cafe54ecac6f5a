//! A process that indexes, updates, removes and compacts is killed at any instant, again and again: what it acknowledged is
//! there, what it did not is there whole or not at all, and nothing is there twice. `make crash` does it five hundred times.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use flowrun_index::tool;
use flowrun_sdk::Document;
use serde_json::{Value, json};

use crate::bench::{NONE, call, call_with, directory, document, found, open};

/// Tells the test below that it is to work, where, from which step on.
const DIRECTORY: &str = "FLOWRUN_TEST_STORM_IN";
const STEP: &str = "FLOWRUN_TEST_STORM_STEP";
/// How often it is killed; more with `FLOWRUN_KILLS`.
const KILLS: u64 = 12;
/// Different documents.
const IDS: u64 = 60;

fn with() -> Value {
    json!({"metric": "euclidean", "index": "HNSW8"})
}

/// A number that seems random and belongs to a step.
fn number(step: u64, salt: u64) -> u64 {
    let mut mixed = (step ^ salt << 32).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// What one step does.
enum Step {
    Index(Vec<(String, u64)>),
    Delete(Vec<String>),
    Compact,
}

impl Step {
    fn of(step: u64) -> Self {
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

fn after(steps: u64) -> BTreeMap<String, u64> {
    let mut stored = BTreeMap::new();
    (0..steps).for_each(|step| Step::of(step).apply(&mut stored));
    stored
}

/// The process that is killed: takes step after step, and says of each that it is acknowledged.
#[test]
#[ignore = "a part of the next test, which runs it"]
fn a_process_that_works_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let first: u64 = std::env::var(STEP).unwrap().parse().unwrap();
    let mut bench = Some(open(&directory, "VectorIndexer", &with()));
    for step in first..first + 100_000 {
        match Step::of(step) {
            Step::Index(documents) => {
                let documents = documents
                    .iter()
                    .map(|(id, value)| document(id, &[*value as f32, 1.0]).with_tag("value", *value));
                call(bench.as_mut().unwrap(), "/index", documents.collect());
            }
            Step::Delete(ids) => {
                call_with(bench.as_mut().unwrap(), "/delete", NONE, json!({"ids": ids})).unwrap();
            }
            Step::Compact => {
                drop(bench.take());
                tool::compact(&directory).unwrap();
                bench = Some(open(&directory, "VectorIndexer", &with()));
            }
        }
        println!("\ndone {step}");
        std::io::stdout().flush().unwrap();
    }
}

/// Lets the process work and kills it; how many steps are acknowledged then.
fn work_until_killed(directory: &Path, first: u64, round: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["storm::a_process_that_works_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(STEP, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = first;
    let (steps, moment) = (number(round, 7) % 25, number(round, 8) % 4000);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut is_killed = false;
    for line in lines {
        if let Some(step) = line.unwrap().strip_prefix("done ") {
            acknowledged = step.parse::<u64>().unwrap() + 1;
        }
        if !is_killed && acknowledged >= first + steps {
            // Any moment of the next step will do.
            std::thread::sleep(Duration::from_micros(moment));
            child.kill().unwrap();
            is_killed = true;
        }
    }
    assert!(is_killed, "it ended before: {:?}", child.wait());
    child.wait().unwrap();
    acknowledged
}

/// What is stored, and whether searching finds just that.
fn stored(directory: &Path) -> BTreeMap<String, u64> {
    let mut bench = open(directory, "VectorIndexer", &with());
    let listed = call_with(&mut bench, "/list", NONE, json!({"limit": 1000})).unwrap().documents;
    let value = |document: &Document| document.tags["value"].as_f64().unwrap() as u64;
    let stored: BTreeMap<String, u64> =
        listed.iter().map(|document| (document.id.clone(), value(document))).collect();
    assert_eq!(stored.len(), listed.len(), "something is there twice");
    let query = vec![document("q", &[0.0, 1.0])];
    let answer = call_with(&mut bench, "/search", query, json!({"top_k": 1000})).unwrap();
    let searched: BTreeMap<String, u64> =
        found(&answer.documents[0]).into_iter().map(|(id, distance)| (id, distance as u64)).collect();
    assert_eq!(searched, stored, "what is searched is not what is stored");
    stored
}

#[test]
fn what_was_acknowledged_outlives_any_number_of_kills() {
    let kills = std::env::var("FLOWRUN_KILLS").map_or(KILLS, |count| count.parse().unwrap());
    let directory = directory();
    let mut step = 0;
    for round in 0..kills {
        let acknowledged = work_until_killed(directory.path(), step, round);
        let stored = stored(directory.path());
        step = match (after(acknowledged), after(acknowledged + 1)) {
            (expected, _) if stored == expected => acknowledged,
            (_, next) if stored == next => acknowledged + 1,
            (expected, _) => panic!("round {round}: {acknowledged} steps leave {expected:?}, not {stored:?}"),
        };
    }
    let problems = tool::verify(directory.path()).unwrap();
    assert!(problems.iter().all(|(_, problems)| problems.is_empty()), "{problems:?}");
}
