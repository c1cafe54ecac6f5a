//! Acknowledged writes survive `kill -9`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::harness::{NO_DOCUMENTS, call, directory, document, open, search};

/// Environment variables of the child process: the directory to write to, and the `fsync` policy.
const DIRECTORY: &str = "FLOWRUN_TEST_KILLED_IN";
const FSYNC: &str = "FLOWRUN_TEST_KILLED_FSYNC";
/// Line that the child prints when all writes are acknowledged.
const ACKNOWLEDGED: &str = "everything is acknowledged";

const CALLS: u8 = 5;

/// The child process: writes, reports it, and waits to be killed.
#[test]
#[ignore = "child process of the next test"]
fn child_process() {
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
    // Blocks until it is killed, or the parent has exited.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn acknowledged_writes_survive_a_killed_process() {
    for fsync in ["always", "never"] {
        let directory = directory();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::child_process", "--exact", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .env(FSYNC, fsync)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == ACKNOWLEDGED), "{fsync}: the child exited early");
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        let mut vectors = open(&directory.path().join("vectors"), "VectorIndexer", &json!({}));
        assert_eq!(search(&mut vectors, &[1.0, 0.0]), ["0", "1", "2", "3", "4"], "{fsync}");
        let mut documents = open(&directory.path().join("documents"), "DocumentStore", &json!({}));
        assert_eq!(call(&mut documents, "/status", NO_DOCUMENTS).results["documents"], CALLS, "{fsync}");
    }
}
