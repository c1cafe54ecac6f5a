//! Commands for distributed flows: `worker`, `new placement`, and `--placement` of `check` and `graph`.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::program::{directory, flowrun, text};

const FLOW: &str = "jtype: Flow\nexecutors:\n\
                    - {name: encoder, uses: TextHashingEncoder, replicas: 2}\n\
                    - {name: index, uses: VectorIndexer, shards: 2}\n\
                    - {name: kept, uses: DocumentStore, replicas: 2, uses_metas: {name: kept}}\n";

const PLACEMENT: &str = "pods:\n  encoder: ['127.0.0.1:7001', '127.0.0.1:7002']\n  \
                         index: [['127.0.0.1:7003'], ['127.0.0.1:7004']]\n";

/// A directory with a flow and its placement.
fn placed() -> tempfile::TempDir {
    let directory = directory(FLOW);
    std::fs::write(directory.path().join("placement.yml"), PLACEMENT).unwrap();
    directory
}

fn worker(directory: &Path, arguments: &str) -> Output {
    let arguments: Vec<&str> =
        ["worker", "flow.yml"].into_iter().chain(arguments.split_whitespace()).collect();
    flowrun(directory, &arguments)
}

#[test]
fn a_new_placement_has_every_pod_that_can_run_on_workers() {
    let directory = directory(FLOW);
    let output = flowrun(directory.path(), &["new", "placement", "flow.yml"]);
    assert!(output.status.success(), "{output:?}");
    let written = std::fs::read_to_string(directory.path().join("placement.yml")).unwrap();
    assert!(written.contains(PLACEMENT), "{written}");
    assert!(
        written.contains("# `kept` cannot run on workers: it stores documents in 2 replicas"),
        "{written}"
    );
    let commands = text(&output.stdout);
    for command in [
        "flowrun worker flow.yml --placement placement.yml --pod encoder --replica 1\n",
        "flowrun worker flow.yml --placement placement.yml --pod index --shard 0\n",
        "flowrun serve flow.yml --placement placement.yml\n",
    ] {
        assert!(commands.contains(command), "{commands}");
    }
    let again = flowrun(directory.path(), &["new", "placement", "flow.yml"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("`placement.yml` exists already"), "{again:?}");
    let checked = flowrun(directory.path(), &["check", "flow.yml", "--placement", "placement.yml"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn the_plan_and_the_graph_state_where_pods_run() {
    let directory = placed();
    let checked = flowrun(directory.path(), &["check", "flow.yml", "--placement", "placement.yml"]);
    let plan = text(&checked.stdout);
    assert!(plan.contains("index: 2 shards of 1 replica, on workers"), "{plan}");
    assert!(plan.contains("    shard 1: 127.0.0.1:7004\n"), "{plan}");
    assert!(plan.contains("kept: 1 shard of 2 replicas, "), "{plan}");
    for format in ["mermaid", "dot", "svg"] {
        let drawn = flowrun(
            directory.path(),
            &["graph", "flow.yml", "--placement", "placement.yml", "--format", format],
        );
        assert!(text(&drawn.stdout).contains("on 127.0.0.1:7003, "), "{drawn:?}");
    }
    let drawn =
        flowrun(directory.path(), &["graph", "flow.yml", "--placement", "placement.yml", "--format", "json"]);
    let drawn: Value = serde_json::from_slice(&drawn.stdout).unwrap();
    let workers = drawn["pods"].as_array().unwrap().iter().map(|pod| &pod["workers"]);
    let expected = [
        json!([["127.0.0.1:7001", "127.0.0.1:7002"]]),
        json!([["127.0.0.1:7003"], ["127.0.0.1:7004"]]),
        Value::Null,
    ];
    assert!(workers.eq(&expected), "{drawn}");
    let both = flowrun(directory.path(), &["check", "flow.yml", "flow.yml", "--placement", "placement.yml"]);
    assert_eq!(both.status.code(), Some(2), "{both:?}");
    assert!(text(&both.stderr).contains("a placement belongs to one flow"), "{both:?}");
}

#[test]
fn a_worker_names_what_is_wrong_with_its_options() {
    let directory = placed();
    for (arguments, expected) in [
        ("--pod encoder", "a worker needs the placement of its flow: add `--placement FILE`"),
        ("--placement placement.yml --pod encodr", "no workers for a pod `encodr`; did you mean `encoder`?"),
        (
            "--placement placement.yml --pod kept",
            "no workers for a pod `kept`; it has workers for `encoder`, `index`",
        ),
        ("--placement placement.yml --pod encoder", "`encoder` has 2 replicas: add `--replica N`"),
        (
            "--placement placement.yml --pod index",
            "`index` has 2 shards: add `--shard N`, with N from 0 to 1",
        ),
        ("--placement placement.yml --pod index --shard 2", "`index` has no shard 2"),
        (
            "--placement placement.yml --pod index --shard 0 --tls-cert a --tls-key b",
            "the placement expects no TLS at 127.0.0.1:7003: write `grpcs://127.0.0.1:7003` there",
        ),
    ] {
        let output = worker(directory.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {output:?}");
        assert!(text(&output.stderr).contains(expected), "{arguments}: {}", text(&output.stderr));
    }
}

#[test]
fn a_chain_is_planned_as_one_pod_and_drawn_with_its_pods() {
    let directory = placed();
    let flow = "jtype: Flow\nexecutors:\n- {name: encoder, uses: TextHashingEncoder}\n- {name: index, uses: VectorIndexer}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    std::fs::write(directory.path().join("placement.yml"), "pods: {encoder+index: ['127.0.0.1:7001']}\n")
        .unwrap();
    let checked = flowrun(directory.path(), &["check", "flow.yml", "--placement", "placement.yml"]);
    let plan = text(&checked.stdout);
    assert!(plan.contains("encoder+index: 1 shard of 1 replica, on workers"), "{plan}");
    let drawn = flowrun(directory.path(), &["graph", "flow.yml", "--placement", "placement.yml"]);
    assert_eq!(text(&drawn.stdout).matches("on 127.0.0.1:7001").count(), 2, "{drawn:?}");
    let output = worker(directory.path(), "--placement placement.yml --pod index");
    assert!(text(&output.stderr).contains("it shares workers: write `--pod encoder+index`"), "{output:?}");
}

#[test]
fn a_second_worker_for_the_same_replica_is_refused() {
    let directory = placed();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let placement = format!("pods: {{encoder: ['{address}', '127.0.0.1:1']}}\n");
    std::fs::write(directory.path().join("placement.yml"), placement).unwrap();
    let output = worker(directory.path(), "--placement placement.yml --pod encoder --replica 0");
    let stderr = text(&output.stderr);
    assert!(!output.status.success());
    let expected =
        format!("the worker for `encoder` shard 0 replica 0, which the placement expects at {address}");
    assert!(stderr.contains(&expected) && stderr.contains("cannot listen on"), "{stderr}");
}

#[test]
fn a_missing_token_is_reported_before_anything_is_served() {
    let directory = placed();
    let placement = format!("{PLACEMENT}token: {{variable: WORKER_TOKEN}}\n");
    std::fs::write(directory.path().join("placement.yml"), placement).unwrap();
    let gateway =
        flowrun(directory.path(), &["serve", "flow.yml", "--placement", "placement.yml", "--port", "0"]);
    for output in [gateway, worker(directory.path(), "--placement placement.yml --pod index --shard 0")] {
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains("`WORKER_TOKEN`") && stderr.contains("is not set"), "{stderr}");
    }
}

#[test]
fn a_worker_and_a_gateway_need_the_models_of_their_own_pods_only() {
    let flow = "jtype: Flow\nexecutors:\n- {name: encoder, uses: OnnxTextEncoder, uses_with: {model_path: none.onnx}}\n\
                - {name: index, uses: VectorIndexer}\n";
    let directory = directory(flow);
    std::fs::write(directory.path().join("placement.yml"), "pods: {encoder: 'h:1', index: '127.0.0.1:1'}\n")
        .unwrap();
    let checked = flowrun(directory.path(), &["check", "flow.yml", "--placement", "placement.yml"]);
    assert!(checked.status.success(), "{checked:?}");
    let output = worker(directory.path(), "--placement placement.yml --pod encoder");
    assert!(text(&output.stderr).contains("F407"), "{output:?}");
    let output = worker(directory.path(), "--placement placement.yml --pod index --shard 1");
    let stderr = text(&output.stderr);
    assert!(stderr.contains("`index` has no shard 1") && !stderr.contains("F407"), "{stderr}");
}
