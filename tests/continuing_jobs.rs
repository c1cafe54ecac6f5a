//! `--checkpoint` and `--part`: a batch job that is continued, or shared by several processes.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::program::{PASS, command, directory, flowrun, json_lines, text};

/// Executor that fails documents without text.
const HASH: &str =
    "jtype: Flow\nwith: {endpoint: /index}\nexecutors: [{name: enc, uses: TextHashingEncoder}]\n";

/// Runs the flow over `in.jsonl` with more arguments, and returns the exit code, the summary, and standard error.
fn run(directory: &Path, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let fixed = ["flow.yml", "--summary", "-", "--request-size", "1"];
    let output = flowrun(directory, &[&fixed[..], arguments].concat());
    let summary = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), summary, text(&output.stderr).to_owned())
}

fn write_lines(path: &Path, ids: impl Iterator<Item = usize>) {
    let lines: String = ids.map(|id| format!("{{\"id\":\"{id}\",\"text\":\"t\"}}\n")).collect();
    std::fs::write(path, lines).unwrap();
}

/// Ids of the results in a file.
fn result_ids(path: &Path) -> Vec<String> {
    let results = std::fs::read_to_string(path).unwrap();
    json_lines(&results).iter().map(|document| document["id"].as_str().unwrap().to_owned()).collect()
}

const CHECKPOINT: [&str; 6] = ["-i", "in.jsonl", "-o", "out.jsonl", "--checkpoint", "c"];

#[test]
fn a_job_that_is_killed_repeatedly_writes_every_result_once_and_in_order() {
    let directory = directory(PASS);
    let count = 20_000;
    write_lines(&directory.path().join("in.jsonl"), 0..count);
    let checkpoint = directory.path().join("c");
    let recorded = || std::fs::metadata(&checkpoint).map_or(0, |metadata| metadata.len());
    let mut killed = 0;
    for _ in 0..3 {
        let before = recorded();
        let arguments = [&["flow.yml", "-q", "--request-size", "1"][..], &CHECKPOINT].concat();
        let mut job = command(directory.path(), &arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Killed as soon as it has made some progress.
        while recorded() < before + 20_000 && job.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        killed += u32::from(job.try_wait().unwrap().is_none());
        job.kill().unwrap();
        job.wait().unwrap();
    }
    assert!(killed > 0, "the job ended before it was killed");
    let (code, summary, stderr) = run(directory.path(), &CHECKPOINT);
    assert_eq!(code, Some(0), "{stderr}");
    let before = summary["done_before"].as_u64().unwrap();
    assert!(before > 0 && before + summary["succeeded"].as_u64().unwrap() == count as u64, "{summary}");
    let expected: Vec<String> = (0..count).map(|id| id.to_string()).collect();
    assert!(result_ids(&directory.path().join("out.jsonl")) == expected);
    let (_, summary, stderr) = run(directory.path(), &CHECKPOINT);
    assert_eq!((&summary["documents"], &summary["done_before"]), (&0.into(), &count.into()));
    assert!(stderr.contains("0 failed, 20000 documents done before"), "{stderr}");
}

#[test]
fn documents_that_failed_are_tried_again_and_new_lines_are_processed() {
    let directory = directory(HASH);
    let input = directory.path().join("in.jsonl");
    std::fs::write(&input, "{\"id\":\"a\",\"text\":\"t\"}\n{\"id\":\"b\"}\n{\"id\":\"c\",\"text\":\"t\"}\n")
        .unwrap();
    let (code, summary, _) = run(directory.path(), &CHECKPOINT);
    assert_eq!((code, &summary["succeeded"], &summary["failed"]), (Some(1), &2.into(), &1.into()));
    let added = "{\"id\":\"a\",\"text\":\"t\"}\n{\"id\":\"b\",\"text\":\"t\"}\n{\"id\":\"c\",\"text\":\"t\"}\n{\"id\":\"d\",\"text\":\"t\"}\n";
    std::fs::write(&input, added).unwrap();
    let (code, summary, stderr) = run(directory.path(), &CHECKPOINT);
    assert_eq!((code, &summary["succeeded"], &summary["done_before"]), (Some(0), &2.into(), &2.into()));
    assert_eq!(result_ids(&directory.path().join("out.jsonl")), ["a", "c", "b", "d"], "{stderr}");
    std::fs::write(&input, added.replace("\"d\"", "\"e\"")).unwrap();
    let (code, _, stderr) = run(directory.path(), &CHECKPOINT);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("in.jsonl:4: the line is not the one that was processed before"), "{stderr}");
    std::fs::write(&input, "{\"id\":\"f\",\"text\":\"t\"}\n").unwrap();
    let (code, _, stderr) = run(directory.path(), &CHECKPOINT);
    assert_eq!(code, Some(1));
    assert_eq!(stderr.matches("the file has 1 line, but line 4 was processed before").count(), 1, "{stderr}");
}

#[test]
fn only_new_and_changed_files_of_a_directory_are_processed() {
    let directory = directory(PASS);
    let files = directory.path().join("files");
    std::fs::create_dir(&files).unwrap();
    let write = |name: &str, content: &str| std::fs::write(files.join(name), content).unwrap();
    write("a.txt", "1");
    write("b.txt", "1");
    let arguments = ["-i", "files", "--checkpoint", "c"];
    let succeeded = || run(directory.path(), &arguments).1["succeeded"].as_u64();
    assert_eq!(succeeded(), Some(2));
    assert_eq!(succeeded(), Some(0));
    write("b.txt", "changed");
    write("c.txt", "1");
    assert_eq!(succeeded(), Some(2));
    assert_eq!(succeeded(), Some(0));
}

#[test]
fn the_parts_of_a_job_have_every_document_once() {
    let directory = directory(PASS);
    write_lines(&directory.path().join("in.jsonl"), 0..200);
    let mut all = BTreeSet::new();
    for part in ["1/3", "2/3", "3/3"] {
        let (code, summary, stderr) =
            run(directory.path(), &["-i", "in.jsonl", "--part", part, "-o", "part.jsonl"]);
        assert_eq!(code, Some(0), "{stderr}");
        let ids = result_ids(&directory.path().join("part.jsonl"));
        assert!(ids.len() > 30 && summary["succeeded"] == ids.len(), "{part}: {}", ids.len());
        for id in ids {
            assert!(all.insert(id.clone()), "{id} is in two parts");
        }
    }
    assert_eq!(all.len(), 200);
}

#[test]
fn wrong_checkpoints_and_parts_are_wrong_usage_and_change_no_file() {
    let directory = directory(PASS);
    write_lines(&directory.path().join("in.jsonl"), 0..3);
    std::fs::write(directory.path().join("notes.txt"), "notes").unwrap();
    run(directory.path(), &CHECKPOINT);
    for (arguments, expected) in [
        (&["-i", "in.jsonl", "--checkpoint", "notes.txt"][..], "notes.txt: it is not a checkpoint"),
        (&["-i", "in.jsonl", "--checkpoint", "in.jsonl"], "in.jsonl is an input of the job"),
        (
            &["-i", "in.jsonl", "-o", "out.jsonl", "--checkpoint", "out.jsonl"],
            "out.jsonl is the output of the job",
        ),
        (
            &["-i", "in.jsonl", "-o", "out.jsonl", "--checkpoint", "c", "--part", "1/2"],
            "the part none, not 1/2",
        ),
        (
            &["-i", "in.jsonl", "-e", "/search", "-o", "out.jsonl", "--checkpoint", "c"],
            "the endpoint /index, not /search",
        ),
        (&["-i", "in.jsonl", "-o", "other.jsonl", "--checkpoint", "c"], "belongs to a job with the output "),
        (
            &["-i", "in.jsonl", "--checkpoint", "missing/c"],
            "there is no directory `missing`; create it first",
        ),
        (&["-i", "in.jsonl", "--part", "3/2"], "write I/N, part I of N"),
    ] {
        let (code, _, stderr) = run(directory.path(), arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
    assert_eq!(std::fs::read_to_string(directory.path().join("notes.txt")).unwrap(), "notes");
    assert_eq!(result_ids(&directory.path().join("out.jsonl")), ["0", "1", "2"]);
    std::fs::write(directory.path().join("out.jsonl"), "").unwrap();
    let (code, _, stderr) = run(directory.path(), &CHECKPOINT);
    assert!(code == Some(2) && stderr.contains("cannot continue out.jsonl: it has 0 bytes"), "{stderr}");
}
