//! What was acknowledged is there again after the process was killed in the midst of its work.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::bench::{NONE, call, directory, document, open, search};

/// Tells the test below that it is to write, where, and under which policy.
const DIRECTORY: &str = "FLOWRUN_TEST_KILLED_IN";
const FSYNC: &str = "FLOWRUN_TEST_KILLED_FSYNC";
/// What it says when its writes are acknowledged.
const ACKNOWLEDGED: &str = "everything is acknowledged";

const CALLS: u8 = 5;

/// The process that is killed: writes, says so, and waits for its end.
#[test]
#[ignore = "a part of the next test, which runs it"]
fn a_process_that_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let fsync = std::env::var(FSYNC).unwrap();
    let mut vectors = open(&directory.join("vectors"), "VectorIndexer", &json!({"fsync": fsync}));
    let mut documents = open(&directory.join("documents"), "DocumentStore", &json!({"fsync": fsync}));
    for number in 0..CALLS {
        let written = vec![document(&number.to_string(), &[1.0, f32::from(number)])];
        call(&mut vectors, "/index", written.clone());
        call(&mut documents, "/index", written);
    }
    println!("\n{ACKNOWLEDGED}");
    std::io::stdout().flush().unwrap();
    // Until it is killed, or its parent is gone.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn what_was_acknowledged_outlives_a_killed_process_under_both_policies() {
    for fsync in ["always", "never"] {
        let directory = directory();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["killed::a_process_that_is_killed", "--exact", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .env(FSYNC, fsync)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == ACKNOWLEDGED), "{fsync}: it ended before");
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        let mut vectors = open(&directory.path().join("vectors"), "VectorIndexer", &json!({}));
        assert_eq!(search(&mut vectors, &[1.0, 0.0]), ["0", "1", "2", "3", "4"], "{fsync}");
        let mut documents = open(&directory.path().join("documents"), "DocumentStore", &json!({}));
        assert_eq!(call(&mut documents, "/status", NONE).results["documents"], CALLS, "{fsync}");
    }
}
