//! How a run ends before its input does: by signals, and when nobody reads its results.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::program::{PASS, command, directory};

/// Starts a flow that waits for standard input, and waits until it is ready.
fn waiting(directory: &Path) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child = command(
        directory,
        &["--verbose", "run", "flow.yml", "--input", "-", "--output", "-", "--request-size", "1"],
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "the flow did not become ready");
    }
    (child, said)
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_signal_finishes_what_is_inside_and_says_which_it_was() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let directory = directory(PASS);
        let (mut child, mut said) = waiting(directory.path());
        let mut input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        input.write_all(b"{\"id\": \"x\"}\n").unwrap();
        let mut result = String::new();
        output.read_line(&mut result).unwrap();
        assert_eq!(result, "{\"id\":\"x\"}\n");
        // The input stays open: it is the signal that ends the job.
        signal(&child, name);
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{rest}");
        assert!(rest.contains("1 succeeded, 0 failed"), "{rest}");
        drop(input);
    }
}

#[test]
fn a_second_signal_ends_at_once_whatever_is_held_up() {
    let directory = directory(PASS);
    let (mut child, mut said) = waiting(directory.path());
    let mut input = child.stdin.take().unwrap();
    // Results that nobody reads fill the pipe, and then the job is held up.
    let line = format!("{{\"id\": \"x\", \"text\": \"{}\"}}\n", "long ".repeat(20_000));
    let feeding = std::thread::spawn(move || (0..100).try_for_each(|_| input.write_all(line.as_bytes())));
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut [0; 1000]).unwrap();
    signal(&child, "INT");
    let mut line = String::new();
    while !line.contains("a second signal exits at once") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0);
    }
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    // Its input is gone, which ends the feeding.
    let _ = feeding.join().unwrap();
}

#[test]
fn whoever_closes_the_pipe_has_read_enough() {
    let directory = directory(PASS);
    let lines: String = (0..20_000).map(|number| format!("{{\"id\": \"{number}\"}}\n")).collect();
    std::fs::write(directory.path().join("in.jsonl"), lines).unwrap();
    let mut child = command(directory.path(), &["flow.yml", "-i", "in.jsonl", "-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    // What was asked for besides the results is done to the end.
    assert!(said.contains("20000 succeeded, 0 failed"), "{said}");
}
