//! The program as its users and their scripts meet it: arguments in, results, messages and exit codes out.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A flow that passes documents on.
const PASS: &str = "jtype: Flow\nwith: {endpoint: /index}\nexecutors: [{name: a, uses: Pass}]\n";
/// A flow that reads files.
const READ: &str = "jtype: Flow\nwith: {endpoint: /index}\nexecutors: [{name: reader, uses: UriReader}]\n";

fn directory(flow: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    directory
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowrun"));
    command.args(arguments).current_dir(directory).env_clear().stdin(Stdio::null());
    command
}

fn flowrun(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn results_come_in_the_order_of_the_input() {
    let directory = directory(PASS);
    let lines: String =
        (0..500).map(|number| format!("{{\"id\": \"{number}\", \"text\": \"t\"}}\n")).collect();
    std::fs::write(directory.path().join("in.jsonl"), lines).unwrap();
    let arguments = ["flow.yml", "--input", "in.jsonl", "-o", "out.jsonl", "--request-size", "7"];
    let output = flowrun(directory.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let results = json_lines(&std::fs::read_to_string(directory.path().join("out.jsonl")).unwrap());
    let ids: Vec<&str> = results.iter().map(|document| document["id"].as_str().unwrap()).collect();
    assert_eq!(ids, (0..500).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(text(&output.stderr).contains("500 succeeded, 0 failed"), "{}", text(&output.stderr));
}

#[test]
fn documents_that_fail_are_named_and_make_the_exit_code_1_unless_told_to_keep_going() {
    let directory = directory(READ);
    for name in ["a.txt", "c.txt"] {
        std::fs::write(directory.path().join(name), name).unwrap();
    }
    let lines = "{\"id\": \"a\", \"uri\": \"a.txt\"}\n{\"id\": \"b\", \"uri\": \"b.txt\"}\nnonsense\n{\"id\": \"c\", \"uri\": \"c.txt\"}\n";
    std::fs::write(directory.path().join("in.jsonl"), lines).unwrap();
    let arguments = ["flow.yml", "-i", "in.jsonl", "-o", "-", "--summary", "summary.json"];
    let output = flowrun(directory.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    let ids: Vec<Value> =
        json_lines(text(&output.stdout)).iter().map(|document| document["id"].clone()).collect();
    assert_eq!(ids, ["a", "c"]);
    let said = text(&output.stderr);
    assert!(
        said.contains("b.txt: cannot read b.txt: No such file or directory (os error 2) (in `reader`)"),
        "{said}"
    );
    assert!(said.contains("in.jsonl:3: not JSON"), "{said}");
    let summary = std::fs::read_to_string(directory.path().join("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!((summary["documents"].as_u64(), summary["failed"].as_u64()), (Some(4), Some(2)));
    assert_eq!(summary["pods"][0]["failed_documents"], 1);

    let output = flowrun(directory.path(), &[&arguments[..], &["--keep-going"]].concat());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn standard_input_and_output_make_a_pipe() {
    let directory = directory(PASS);
    let mut child = command(directory.path(), &["flow.yml", "--input", "-", "--output", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"{\"text\": \"one\"}\n{\"text\": \"two\"}\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let texts: Vec<Value> =
        json_lines(text(&output.stdout)).iter().map(|document| document["text"].clone()).collect();
    assert_eq!((texts, output.status.code()), (vec!["one".into(), "two".into()], Some(0)));
}

#[test]
fn the_command_line_wins_over_the_flow_and_variables_over_defaults() {
    let flow = "jtype: Flow\nwith: {endpoint: /search, input: nowhere, top_k: 1}\nexecutors:\n- {name: a, uses: '${WHAT:-Nowhere}'}\n";
    let directory = directory(flow);
    std::fs::write(directory.path().join("in.jsonl"), "{\"id\": \"x\"}\n").unwrap();
    let missing = flowrun(directory.path(), &["run", "flow.yml"]);
    assert_eq!(missing.status.code(), Some(2));
    let given = [
        "run",
        "flow.yml",
        "--set",
        "WHAT=Pass",
        "-i",
        "in.jsonl",
        "-e",
        "index",
        "-k",
        "3",
        "-p",
        "a=[1]",
        "-p",
        "b=x",
    ];
    assert_eq!(flowrun(directory.path(), &given).status.code(), Some(0));
}

#[test]
fn wrong_usage_ends_with_2_and_help_with_0() {
    let directory = directory(PASS);
    for (arguments, code) in [
        (vec!["run"], 2),
        (vec!["flow.yml", "--nonsense"], 2),
        (vec!["missing.yml"], 2),
        (vec!["check", "flow.yml", "--format", "nonsense"], 2),
        (vec!["executors", "Nowhere"], 2),
        (vec!["--help"], 0),
        (vec!["--version"], 0),
        (vec!["run", "--help"], 0),
    ] {
        let output = flowrun(directory.path(), &arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn lenient_runs_what_jina_runs() {
    let flow =
        "!Flow\nwith: {endpoint: /index}\npods:\n  a: {uses: Pass, replicas: 2, seperated_workspace: true}\n";
    let directory = directory(flow);
    std::fs::write(directory.path().join("in.jsonl"), "{\"id\": \"x\"}\n").unwrap();
    let strict = flowrun(directory.path(), &["flow.yml", "-i", "in.jsonl"]);
    assert_eq!(strict.status.code(), Some(2));
    assert!(text(&strict.stderr).contains("`--lenient` runs it as Jina would"), "{}", text(&strict.stderr));
    let lenient = flowrun(directory.path(), &["flow.yml", "-i", "in.jsonl", "--lenient"]);
    assert_eq!(lenient.status.code(), Some(0), "{}", text(&lenient.stderr));
    assert!(text(&lenient.stderr).contains("warning[F202]"));
}

#[test]
fn a_check_tells_programs_what_it_tells_people() {
    let directory = directory(
        "jtype: Flow\nexecutors:\n- {name: a, uses: Pass, replica: 2}\n- {name: b, uses: Nowhere}\n",
    );
    let check = |format: &str| flowrun(directory.path(), &["check", "flow.yml", "--format", format]);
    let human = check("human");
    assert_eq!(human.status.code(), Some(2));
    for part in [
        "error[F202]",
        "warning[F401]",
        "credits: 50 requests",
        "memory bound: 50 requests × 1 copy",
        "1 error, 1 warning",
    ] {
        assert!(text(&human.stdout).contains(part), "{part}\n{}", text(&human.stdout));
    }
    let json = json_lines(text(&check("json").stdout));
    assert_eq!((json[0]["code"].as_str(), json[0]["labels"][0]["line"].as_u64()), (Some("F202"), Some(3)));
    assert_eq!(json[0]["labels"][0]["column"], 25);
    let sarif: Value = serde_json::from_str(text(&check("sarif").stdout)).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!((result["ruleId"].as_str(), result["level"].as_str()), (Some("F202"), Some("error")));
    let region = &result["locations"][0]["physicalLocation"]["region"];
    assert_eq!(
        (region["startLine"].as_u64(), region["startColumn"].as_u64(), region["endColumn"].as_u64()),
        (Some(3), Some(25), Some(32))
    );
    let github = check("github");
    let line = text(&github.stdout).lines().next().unwrap();
    assert_eq!(
        line,
        "::error file=flow.yml,line=3,col=25,title=F202 misspelt-key::an executor has no key `replica`%0Adid you mean `replicas`?"
    );
}

#[test]
fn a_graph_is_drawn_on_standard_output() {
    let directory = directory(
        "jtype: Flow\nexecutors:\n- {name: a, uses: Pass, replicas: 2}\n- {name: b, uses: Log, floating: true}\n",
    );
    let draw = |format: &str| {
        let output = flowrun(directory.path(), &["graph", "flow.yml", "--format", format]);
        assert_eq!(output.status.code(), Some(0));
        text(&output.stdout).to_owned()
    };
    assert!(draw("mermaid").starts_with(
        "flowchart LR\n    entrance([gateway])\n    pod0[\"<b>a</b><br/>Pass<br/>2 replicas\"]"
    ));
    assert!(draw("dot").contains("pod0 -> exit;"));
    let svg = draw("svg");
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>\n"));
    assert!(!svg.replace("http://www.w3.org/2000/svg", "").contains("http"), "nothing is fetched");
    assert_eq!(serde_json::from_str::<Value>(&draw("json")).unwrap()["pods"][1]["needs"][0], "a");
}

#[test]
fn executors_and_their_parameters_are_listed() {
    let directory = directory(PASS);
    let list = flowrun(directory.path(), &["executors"]);
    assert!(
        ["VectorIndexer", "GifSegmenter", "BiMatchRanker", "TextHashingEncoder", "Pass"]
            .iter()
            .all(|name| text(&list.stdout).contains(name))
    );
    let one = flowrun(directory.path(), &["executors", "BiMatchRanker"]);
    assert!(
        text(&one.stdout).contains("d_miss") && text(&one.stdout).contains("2000"),
        "{}",
        text(&one.stdout)
    );
    let misspelt = flowrun(directory.path(), &["executors", "BiMatchRankr"]);
    assert!(text(&misspelt.stderr).contains("did you mean `BiMatchRanker`?"));
    let completions = flowrun(directory.path(), &["completions", "bash"]);
    assert!(text(&completions.stdout).contains("--request-size"));
}

#[test]
fn log_lines_are_json_where_asked_for() {
    let directory = directory("jtype: Flow\nwith: {endpoint: /index}\nexecutors: [{name: a, uses: Log}]\n");
    std::fs::write(directory.path().join("in.jsonl"), "{\"id\": \"x\"}\n").unwrap();
    let output = flowrun(directory.path(), &["flow.yml", "-i", "in.jsonl", "-v", "--log-format", "json"]);
    let lines = text(&output.stderr).lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["message"] == "request" && line["pod"] == "a"), "{lines:?}");
    assert!(lines.iter().any(|line| line["message"] == "ready"), "{lines:?}");
}

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
    while !line.contains("a second signal ends at once") {
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
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
