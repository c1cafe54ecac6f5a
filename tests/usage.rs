//! Exit codes and messages of the command line for mistakes: misspelt commands, flows that cannot run, failed documents.

use serde_json::Value;

use crate::support::program::{PASS, command, directory, flowrun, json_lines, text};

/// A flow whose executor fails documents without text.
const HASH: &str = "jtype: Flow\nexecutors: [{name: enc, uses: TextHashingEncoder}]\n";

/// Twenty-five documents without text, as JSON lines.
fn without_text() -> String {
    (0..25).map(|number| format!("{{\"id\":\"n{number:02}\"}}\n")).collect()
}

#[test]
fn check_has_the_exit_code_of_run() {
    let flows = [
        ("jtype: Flow\nexecutors: [{name: a, uses: Pass}]\n", 0, 0),
        ("jtype: Flow\nexecutors: [{name: enc, uses: ImageDescriptorEncodr}]\n", 2, 0),
        ("jtype: Flow\nexecutors: [{name: a, uses: 'jinaai://me/enc:latest'}]\n", 2, 0),
        (
            "jtype: Flow\ngateway: {uses: MyGateway, py_modules: [gw.py]}\nexecutors: [{name: a, uses: Pass}]\n",
            2,
            0,
        ),
        ("jtype: Flow\nexecutors: [{name: a, uses: Pass, needs: nowhere}]\n", 2, 2),
        ("jtype: Flow\nwith: {input: nowhere, endpoint: /x}\nexecutors: [{name: a, uses: Pass}]\n", 2, 0),
        ("jtype: Flow\nwith: {input: flow.yml}\nexecutors: [{name: a, uses: Pass}]\n", 2, 0),
    ];
    for (flow, code, graph_code) in flows {
        let directory = directory(flow);
        let check = flowrun(directory.path(), &["check", "flow.yml"]);
        assert_eq!(check.status.code(), Some(code), "{flow}{}", text(&check.stdout));
        if code != 0 {
            assert_eq!(flowrun(directory.path(), &["run", "flow.yml"]).status.code(), Some(code), "{flow}");
        }
        let lenient = flowrun(directory.path(), &["graph", "flow.yml"]).status.code();
        assert_eq!(lenient, Some(graph_code), "`graph`: {flow}");
    }
}

#[test]
fn check_reads_several_flows_and_fails_if_one_has_errors() {
    let directory = directory(PASS);
    std::fs::write(directory.path().join("typo.yml"), HASH.replace("TextHashing", "TextHshing")).unwrap();
    std::fs::write(directory.path().join("good.yml"), HASH).unwrap();
    let files = ["check", "good.yml", "typo.yml", "absent.yml"];
    let check = flowrun(directory.path(), &files);
    assert_eq!(check.status.code(), Some(2));
    let stdout = text(&check.stdout);
    for part in ["good.yml: no problems found\n", "typo.yml: 1 error\n", "absent.yml: 1 error\n"] {
        assert!(stdout.contains(part), "{stdout}");
    }
    let json = flowrun(directory.path(), &[&files[..], &["--format", "json"]].concat());
    assert_eq!(json_lines(text(&json.stdout)).len(), 2);
    let sarif = flowrun(directory.path(), &[&files[..], &["--format", "sarif"]].concat());
    let sarif: Value = serde_json::from_str(text(&sarif.stdout)).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 2);
    assert_eq!(flowrun(directory.path(), &["check", "good.yml", "good.yml"]).status.code(), Some(0));
}

#[test]
fn the_flow_may_follow_an_option_with_a_value() {
    let directory = directory("jtype: Flow\nexecutors: [{name: enc, uses: Nowhere}]\n");
    let serve = flowrun(directory.path(), &["serve", "--port", "0", "flow.yml"]);
    assert!(text(&serve.stderr).contains("there is no executor `Nowhere`"), "{}", text(&serve.stderr));
}

#[test]
fn input_after_the_flow_may_be_several_files() {
    let directory = directory(PASS);
    for name in ["a", "b"] {
        let document = format!("{{\"id\": \"{name}\"}}\n");
        std::fs::write(directory.path().join(format!("{name}.jsonl")), document).unwrap();
    }
    for arguments in [["-i", "a.jsonl", "b.jsonl"], ["a.jsonl", "-i", "b.jsonl"]] {
        let output = flowrun(directory.path(), &[&["flow.yml", "-o", "-"][..], &arguments].concat());
        assert_eq!(json_lines(text(&output.stdout)).len(), 2, "{}", text(&output.stderr));
    }
}

#[test]
fn a_misspelt_command_gets_a_suggestion() {
    let directory = directory(PASS);
    let output = flowrun(directory.path(), &["chek", "flow.yml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "error: there is no command or file `chek`; did you mean `check`?\n");
}

#[test]
fn every_failed_document_is_in_the_summary_and_printed_once() {
    let directory = directory(HASH);
    std::fs::write(directory.path().join("in.jsonl"), without_text()).unwrap();
    let arguments = ["flow.yml", "-i", "in.jsonl", "-e", "/x", "--summary", "-"];
    let output = flowrun(directory.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    let summary: Value = serde_json::from_str(text(&output.stdout)).unwrap();
    assert_eq!(summary["failures"].as_array().unwrap().len(), 25);
    let stderr = text(&output.stderr);
    assert!(stderr.contains("failed: 25 × ") && stderr.contains("(in `enc`): n00, n01, "), "{stderr}");
    assert_eq!(stderr.matches("n00").count(), 1, "{stderr}");
}

#[test]
fn unsupported_files_are_reported_once_and_can_be_excluded() {
    let directory = directory(
        "jtype: Flow\nwith: {endpoint: /x, input: media}\nexecutors: [{name: loader, uses: ImageReader}]\n",
    );
    let media = directory.path().join("media");
    std::fs::create_dir(&media).unwrap();
    for number in 0..3 {
        std::fs::write(media.join(format!("{number}.heic")), b"\0\0\0\x18ftypheic").unwrap();
    }
    std::fs::write(media.join("clip.mp4"), b"\0\0\0\x18ftypmp42").unwrap();
    image::RgbImage::new(4, 4).save(media.join("a.png")).unwrap();
    let run = |arguments: &[&str]| {
        let output = flowrun(directory.path(), &[&["flow.yml", "-e", "/x"], arguments].concat());
        (output.status.code(), text(&output.stderr).to_owned())
    };
    let (code, stderr) = run(&[]);
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(stderr.matches("a HEIC image").count(), 1, "{stderr}");
    assert!(stderr.contains("failed: 3 × the content is a HEIC image"), "{stderr}");
    let (code, stderr) = run(&["--include", "*.png"]);
    assert!(code == Some(0) && stderr.contains("1 succeeded, 0 failed, 4 files skipped"), "{stderr}");
    let flow = "jtype: Flow\nwith: {endpoint: /x, input: media, include: [image/*, '!*.heic']}\n\
                executors: [{name: loader, uses: ImageReader}]\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let (code, stderr) = run(&[]);
    assert!(code == Some(0) && stderr.contains("1 succeeded, 0 failed, 4 files skipped"), "{stderr}");
    let (code, stderr) = run(&["--include", "a***"]);
    assert!(code == Some(2) && stderr.contains("`a***` is neither a name pattern"), "{stderr}");
}

#[test]
fn every_line_of_standard_error_is_json_with_the_json_format() {
    let hash = directory(HASH);
    std::fs::write(hash.path().join("in.jsonl"), without_text()).unwrap();
    let run = ["--log-format", "json", "flow.yml", "-i", "in.jsonl", "-e", "/x", "-o", "out.jsonl"];
    let lines = json_lines(text(&flowrun(hash.path(), &run).stderr));
    assert_eq!(lines.iter().filter(|line| line["level"] == "WARN" && line["pod"] == "enc").count(), 25);
    assert_eq!(lines.last().unwrap()["failed"], 25);

    let typo = directory("jtype: Flow\nexecutors: [{name: enc, uses: Nowhere}]\n");
    let lines = json_lines(text(&flowrun(typo.path(), &["--log-format", "json", "flow.yml"]).stderr));
    assert_eq!(lines[0]["code"], "F401");
    let lines = json_lines(text(&flowrun(typo.path(), &["--log-format", "json", "executors", "X"]).stderr));
    assert_eq!((lines.len(), &lines[0]["level"]), (1, &Value::from("ERROR")));
}

#[test]
fn quiet_prints_failures_only() {
    let directory = directory(HASH);
    std::fs::write(directory.path().join("in.jsonl"), "{\"id\": \"a\", \"text\": \"t\"}\n").unwrap();
    let output = flowrun(directory.path(), &["-q", "flow.yml", "-i", "in.jsonl", "-e", "/x"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    std::fs::write(directory.path().join("in.jsonl"), without_text()).unwrap();
    let output = flowrun(directory.path(), &["-q", "flow.yml", "-i", "in.jsonl", "-e", "/x"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(!stderr.is_empty() && stderr.lines().all(|line| line.contains("failed")), "{stderr}");
}

#[test]
fn output_files_that_cannot_be_created_are_named_and_exit_with_2() {
    let directory = directory(PASS);
    std::fs::write(directory.path().join("in.jsonl"), "{\"id\": \"a\"}\n").unwrap();
    for option in ["--summary", "--output"] {
        let output = flowrun(directory.path(), &["flow.yml", "-i", "in.jsonl", option, "missing/s.json"]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(
            text(&output.stderr),
            "error: cannot create missing/s.json: there is no directory `missing`; create it first\n"
        );
    }
}

#[test]
fn wrong_usage_of_client_and_bench_exits_with_2() {
    let directory = directory(PASS);
    for arguments in [
        vec!["client", "nonsense", "/x"],
        vec!["client", "127.0.0.1:1", "/x", "nowhere.jsonl"],
        vec!["client", "127.0.0.1:1", "/x", "--ca", "flow.yml"],
        vec!["client", "127.0.0.1:1", "/x", "--token-file", "nowhere"],
        vec!["bench", "nothere.yml"],
        vec!["bench", "127.0.0.1:1", "--input", "nowhere.jsonl"],
    ] {
        let output = flowrun(directory.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        let stderr = text(&output.stderr);
        assert!(stderr.matches("(os error").count() <= 1, "the cause is printed once: {stderr}");
    }
    let bench = flowrun(directory.path(), &["bench", "nothere.yml"]);
    assert_eq!(text(&bench.stderr), "error: there is no flow file `nothere.yml`\n");
}

#[test]
fn colours_are_printed_on_request_only() {
    let directory = directory("jtype: Flow\nexecutors: [{name: enc, uses: Nowhere}]\n");
    let check = |color: &str| {
        let mut check = command(directory.path(), &["check", "flow.yml", "--color", color]);
        check.env("NO_COLOR", "1").output().unwrap().stdout.contains(&b'\x1b')
    };
    assert_eq!(["auto", "never", "always"].map(check), [false, false, true]);
}
