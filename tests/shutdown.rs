//! Early exit of `flowrun run`: on signals, and if the reader of its results closes the pipe.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::support::program::{PASS, command, directory};

/// Starts a flow that reads standard input, and waits until it is ready. Returns the rest of its standard error.
fn start_reading_stdin(directory: &Path) -> (Child, BufReader<ChildStderr>) {
    let mut child = command(
        directory,
        &["--verbose", "run", "flow.yml", "--input", "-", "--output", "-", "--request-size", "1"],
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "the flow did not become ready");
    }
    (child, stderr)
}

/// Returns whether this process, and so the programs that it starts, ignores SIGHUP (signal 1).
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 1
}

fn send_signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn the_first_signal_drains_the_flow_and_determines_the_exit_code() {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        if name == "HUP" && hangups_are_ignored() {
            println!("SIGHUP is ignored, as under `nohup`; it is not tested");
            continue;
        }
        let directory = directory(PASS);
        let (mut child, mut stderr) = start_reading_stdin(directory.path());
        let mut input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        input.write_all(b"{\"id\": \"x\"}\n").unwrap();
        let mut result = String::new();
        output.read_line(&mut result).unwrap();
        assert_eq!(result, "{\"id\":\"x\"}\n");
        // The input stays open, so that only the signal can end the job.
        send_signal(&child, name);
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{rest}");
        assert!(rest.contains("1 succeeded, 0 failed"), "{rest}");
        drop(input);
    }
}

#[test]
fn signals_without_a_meaning_lose_no_requests() {
    let directory = directory(PASS);
    let (mut child, mut stderr) = start_reading_stdin(directory.path());
    for name in ["USR1", "USR2", "ALRM"] {
        send_signal(&child, name);
        let mut line = String::new();
        while !line.contains("ignoring a signal") {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "SIG{name} ended the program");
        }
    }
    child.stdin.take().unwrap().write_all(b"{\"id\": \"x\"}\n").unwrap();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    assert!(rest.contains("1 succeeded, 0 failed"), "{rest}");
}

#[test]
fn a_second_signal_exits_at_once_even_if_the_output_blocks() {
    let directory = directory(PASS);
    let (mut child, mut stderr) = start_reading_stdin(directory.path());
    let mut input = child.stdin.take().unwrap();
    // Results that are not read fill the pipe; then the job blocks.
    let document = format!("{{\"id\": \"x\", \"text\": \"{}\"}}\n", "long ".repeat(20_000));
    let feeding = std::thread::spawn(move || (0..100).try_for_each(|_| input.write_all(document.as_bytes())));
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut [0; 1000]).unwrap();
    send_signal(&child, "INT");
    let mut line = String::new();
    while !line.contains("a second signal exits at once") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0);
    }
    send_signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    // The closed pipe ends the feeding thread.
    let _ = feeding.join().unwrap();
}

#[test]
fn a_closed_output_pipe_does_not_stop_the_job() {
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
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(stderr.contains("20000 succeeded, 0 failed"), "{stderr}");
}
