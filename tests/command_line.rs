//! The command line: arguments, results, messages and exit codes.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::support::program::{PASS, command, directory, flowrun, json_lines, text};

/// A flow that reads the files that documents name.
const READER: &str = "jtype: Flow\nwith: {endpoint: /index}\nexecutors: [{name: reader, uses: UriReader}]\n";

#[test]
fn results_are_in_the_order_of_the_input() {
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
fn failed_documents_are_reported_and_the_exit_code_is_1_without_keep_going() {
    let directory = directory(READER);
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
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("b.txt: cannot read b.txt: No such file or directory (os error 2) (in `reader`)"),
        "{stderr}"
    );
    assert!(stderr.contains("in.jsonl:3: not JSON"), "{stderr}");
    let summary = std::fs::read_to_string(directory.path().join("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!((summary["documents"].as_u64(), summary["failed"].as_u64()), (Some(4), Some(2)));
    assert_eq!(summary["pods"][0]["failed_documents"], 1);

    let output = flowrun(directory.path(), &[&arguments[..], &["--keep-going"]].concat());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn values_of_variables_are_never_printed() {
    let invalid = [
        "executors: [{name: a, uses: 'grpc://user:${TOK}@127.0.0.1:2'}]",
        "executors: [{name: '${TOK}', uses: Pass}, {name: b, uses: '${TOK}', needs: '${TOK}'}]",
        "with: {port: '${TOK}', cors: '${TOK}'}\nexecutors: [{name: a, uses: Pass, replicas: '${TOK}'}]",
        "executors: [{name: a, uses: VectorIndexer, uses_with: {metric: 'x${TOK}', index: ['${TOK}']}}]",
        "with: {host: 'no host ${TOK}'}\nexecutors: [{name: a, uses: Pass}]",
    ];
    let valid = [
        "executors: [{name: '${TOK}', uses: Pass, workspace: 'w/${TOK}'}, {name: b, uses: Pass, needs: '${TOK}'}]",
    ];
    let print: [&[&str]; 8] = [
        &["check"],
        &["check", "--format", "json"],
        &["check", "--format", "sarif"],
        &["check", "--format", "github"],
        &["graph"],
        &["graph", "--format", "dot"],
        &["graph", "--format", "svg"],
        &["graph", "--format", "json"],
    ];
    let serve: [&[&str]; 2] = [&["serve"], &["serve", "--log-format", "json"]];
    let cases =
        invalid.iter().flat_map(|flow| print.iter().chain(&serve).map(move |arguments| (flow, arguments)));
    for (flow, arguments) in
        cases.chain(valid.iter().flat_map(|flow| print.iter().map(move |print| (flow, print))))
    {
        let directory = directory(&format!("jtype: Flow\n{flow}\n"));
        let arguments = [*arguments, &["flow.yml"]].concat();
        let output = command(directory.path(), &arguments).env("TOK", "hunter-2").output().unwrap();
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(!printed.contains("hunter-2"), "{arguments:?} {flow}\n{printed}");
    }
}

#[test]
fn standard_input_and_output_work_in_a_pipe() {
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
fn options_override_the_flow_and_variables_override_defaults() {
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
fn wrong_usage_exits_with_2_and_help_with_0() {
    let directory = directory(PASS);
    for (arguments, code) in [
        (vec!["run"], 2),
        (vec!["flow.yml", "--nonsense"], 2),
        (vec!["missing.yml"], 2),
        (vec!["check", "flow.yml", "--format", "nonsense"], 2),
        (vec!["executors", "Nowhere"], 2),
        (vec!["--help"], 0),
        (vec!["--version"], 0),
        (vec!["flow.yml", "-i", "-", "--timeout", "0"], 2),
        (vec!["flow.yml", "-i", "-", "--timeout", "1e19"], 0),
        (vec!["--log-format", "json", "check", "flow.yml"], 0),
        (vec!["run", "--help"], 0),
    ] {
        let output = flowrun(directory.path(), &arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn lenient_accepts_flows_that_jina_accepts() {
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
fn check_reports_the_same_diagnostics_in_every_format() {
    let directory = directory(
        "jtype: Flow\nexecutors:\n- {name: a, uses: Pass, replica: 2}\n- {name: b, uses: Nowhere}\n",
    );
    let check = |format: &str| flowrun(directory.path(), &["check", "flow.yml", "--format", format]);
    let human = check("human");
    assert_eq!(human.status.code(), Some(2));
    for part in [
        "error[F202]",
        "error[F401]",
        "credits: 50 requests",
        "memory bound: 50 requests × 1 copy",
        "2 errors",
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
fn graph_prints_a_drawing_in_every_format() {
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
fn executors_lists_executors_and_their_parameters() {
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
    let json = flowrun(directory.path(), &["executors", "BiMatchRanker", "--format", "json"]);
    let json: Value = serde_json::from_str(text(&json.stdout)).unwrap();
    assert_eq!((json["name"].as_str(), json["parameters"][0].is_object()), (Some("BiMatchRanker"), true));
    let completions = flowrun(directory.path(), &["completions", "bash"]);
    assert!(text(&completions.stdout).contains("--request-size"));
}

#[test]
fn log_lines_are_json_with_the_json_format() {
    let directory = directory("jtype: Flow\nwith: {endpoint: /index}\nexecutors: [{name: a, uses: Log}]\n");
    std::fs::write(directory.path().join("in.jsonl"), "{\"id\": \"x\"}\n").unwrap();
    let output = flowrun(directory.path(), &["flow.yml", "-i", "in.jsonl", "-v", "--log-format", "json"]);
    let lines = json_lines(text(&output.stderr));
    assert!(lines.iter().any(|line| line["message"] == "request" && line["pod"] == "a"), "{lines:?}");
    assert!(lines.iter().any(|line| line["message"] == "ready"), "{lines:?}");
}

#[test]
fn a_job_waits_for_capacity_even_if_the_flow_rejects_clients() {
    let directory = directory(
        "jtype: Flow\nwith: {endpoint: /index, when_full: refuse, prefetch: 1, request_size: 1}\n\
         executors: [{name: a, uses: Pass}, {name: extra, uses: TextHashingEncoder, floating: true}]\n",
    );
    let lines: String =
        (0..200).map(|number| format!("{{\"id\": \"{number}\", \"text\": \"word\"}}\n")).collect();
    std::fs::write(directory.path().join("in.jsonl"), lines).unwrap();
    let output = flowrun(directory.path(), &["flow.yml", "-i", "in.jsonl"]);
    assert!(text(&output.stderr).contains("200 succeeded, 0 failed"), "{}", text(&output.stderr));
}

#[test]
fn documents_dropped_by_an_executor_count_as_succeeded() {
    let directory = directory("jtype: Flow\nwith: {endpoint: /index}\nexecutors: [{name: a, uses: Clear}]\n");
    std::fs::write(directory.path().join("in.jsonl"), "{\"id\": \"x\"}\n{\"id\": \"y\"}\n").unwrap();
    let output = flowrun(directory.path(), &["flow.yml", "-i", "in.jsonl"]);
    assert!(text(&output.stderr).contains("2 succeeded, 0 failed"), "{}", text(&output.stderr));
}

#[test]
fn results_never_overwrite_their_input() {
    let directory = directory(PASS);
    let input = directory.path().join("same.jsonl");
    std::fs::write(&input, "{\"id\": \"x\"}\n").unwrap();
    let output = flowrun(directory.path(), &["flow.yml", "-i", "*.jsonl", "-o", "./same.jsonl"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(&input).unwrap(), "{\"id\": \"x\"}\n");
}

#[test]
fn a_flow_in_another_directory_reads_standard_input() {
    let directory = directory("");
    std::fs::create_dir(directory.path().join("flows")).unwrap();
    let flow = "jtype: Flow\nwith: {endpoint: /index, input: '-', output: '-'}\nexecutors: [{name: a, uses: Pass}]\n";
    std::fs::write(directory.path().join("flows/pipe.yml"), flow).unwrap();
    let mut child = command(directory.path(), &["flows/pipe.yml"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"{\"id\": \"x\"}\n").unwrap();
    assert_eq!(text(&child.wait_with_output().unwrap().stdout), "{\"id\":\"x\"}\n");
}

#[test]
fn errors_are_shown_even_after_many_warnings() {
    let mut flow = "!Flow\npods:\n".to_owned();
    for pod in 0..40 {
        flow.push_str(&format!("  p{pod}: {{uses: Pass, odd_{pod}: 1, rare_{pod}: 1, new_{pod}: 1}}\n"));
    }
    flow.push_str("  last: {uses: Pass, needs: nowhere}\n");
    let directory = directory(&flow);
    let check = flowrun(directory.path(), &["check", "flow.yml"]);
    assert_eq!(check.status.code(), Some(2));
    let stdout = text(&check.stdout);
    assert!(stdout.contains("there is no pod `nowhere`") && stdout.contains("not shown)"), "{stdout}");
}

#[test]
fn check_reports_the_errors_of_all_stages_in_one_run() {
    let directory = directory(
        "jtype: Flow\nwith: {prefetch: '$NOT_SET'}\nexecutors:\n- {name: a, uses: Pas, replica: 2}\n\
         - {name: b, uses: VectorIndexer, uses_with: {metrix: cosine}, needs: c}\n",
    );
    let check = flowrun(directory.path(), &["check", "flow.yml", "--format", "json"]);
    let mut codes: Vec<String> = json_lines(text(&check.stdout))
        .iter()
        .map(|diagnostic| diagnostic["code"].as_str().unwrap().to_owned())
        .collect();
    codes.sort();
    assert_eq!(codes, ["F105", "F202", "F301", "F401", "F402"]);
}
