//! From flow files to topologies: equivalent files in different dialects give the same plan.

use std::path::Path;

use flowrun::diagnostic::{Report, Sources};
use flowrun::graph::draw::{Format, draw};
use flowrun::spec::normal_form;
use flowrun::topology::{MemoryBound, Topology};
use flowrun::yaml::Environment;
use serde_json::{Value, json};

use crate::support::{catalog, plan};

fn planned(yaml: &str, environment: &Environment) -> Topology {
    let directory = tempfile::tempdir().unwrap();
    plan(yaml, directory.path(), environment)
}

/// The graph of a flow as JSON.
fn graph(yaml: &str) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flow.yml");
    std::fs::write(&path, yaml).unwrap();
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let (graph, _) =
        flowrun::read(&path, &Environment::default(), &catalog(), &mut sources, &mut report).unwrap();
    serde_json::from_str(&draw(&graph, Format::Json)).unwrap()
}

/// Name, needs, shards and replicas of every pod.
fn shape(yaml: &str) -> Vec<(String, Vec<String>, u64, u64)> {
    let graph = graph(yaml);
    let pods = graph["pods"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    pods.map(|pod| {
        let needs = pod["needs"].as_array().unwrap().iter().map(text).collect();
        (text(&pod["name"]), needs, pod["shards"].as_u64().unwrap(), pod["replicas"].as_u64().unwrap())
    })
    .collect()
}

#[test]
fn equivalent_files_of_every_dialect_give_the_same_flow() {
    let legacy = "!Flow\npods:\n  a: {yaml_path: Pass, replicas: 2}\n  b: {yaml_path: Pass, replicas: 3, separated_workspace: true}\n  \
                  c: {uses: Log, needs: a}\n  d: {uses: _merge, needs: [b, c]}\n";
    let list = "!Flow\nversion: '1'\npods:\n- {name: a, uses: Pass, replicas: 2}\n- {name: b, uses: Pass, parallel: 3}\n\
                - {name: c, uses: Log, needs: a}\n- {name: d, method: needs, needs: [b, c]}\n";
    let modern = "jtype: Flow\nexecutors:\n- {name: a, uses: Pass, replicas: 2}\n- {name: b, uses: Pass, shards: 3}\n\
                  - {name: c, uses: Log, needs: [a]}\n- {name: d, needs: [b, c]}\n";
    let expected = shape(modern);
    assert_eq!(
        expected[3],
        ("d".to_owned(), vec!["b".to_owned(), "c".to_owned()], 1, 1),
        "the join needs both, in the order in which they are written"
    );
    assert_eq!(shape(legacy), expected);
    assert_eq!(shape(list), expected);
}

#[test]
fn the_normal_form_gives_the_same_plan() {
    let legacy = "!Flow\nwith: {prefetch: 7}\npods:\n  a: {uses: Pass, replicas: 2}\n  b:\n    uses: VectorIndexer\n    replicas: 3\n    \
                polling: all\n    uses_after: _merge_topk\n  c: {uses: Log, needs: a}\n  d: {uses: _concat, needs: [b, c]}\n";
    let modern = "jtype: Flow\nwith: {when_full: refuse, timeout: 900, exit_on_hang: true, endpoint: /x, input: '-', output: '-', top_k: 3, request_size: 5}\n\
                executors:\n- {name: a, uses: Pass}\n- {name: w, uses: Log, method: inspect}\n\
                - {name: b, uses: VectorIndexer, uses_metas: {name: other, workspace: ws, read_only: true}, timeout_ready: -1}\n\
                - {name: c, uses: Log, needs: gateway, concurrency: 3, timeout_ready: 50, floating: true}\n\
                - {name: d, uses: Pass, method: needs_all, shards: 2, polling: {/x: ALL}}\n";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flow.yml");
    let normal = |yaml: &str| {
        std::fs::write(&path, yaml).unwrap();
        let (mut sources, mut report) = (Sources::default(), Report::default());
        let read = flowrun::read(&path, &Environment::default(), &catalog(), &mut sources, &mut report);
        assert!(!report.has_errors(), "{report:?}\n{yaml}");
        normal_form(read.unwrap().0.spec(), &sources.variables)
    };
    for yaml in [legacy, modern] {
        let once = normal(yaml);
        assert_eq!(normal(&once), once);
        assert_eq!(shape(&once), shape(yaml));
        let environment = Environment::default();
        assert_eq!(planned(&once, &environment).to_string(), planned(yaml, &environment).to_string());
    }
}

#[test]
fn polling_by_endpoint_is_as_in_jina_3() {
    let polling = |value: &str| {
        graph(&format!("jtype: Flow\nexecutors: [{{name: a, uses: Pass, shards: 2, polling: {value}}}]\n"))["pods"][0]["polling"].clone()
    };
    assert_eq!(polling("ALL"), json!({"/search": "ALL", "/index": "ANY", "*": "ALL"}));
    assert_eq!(polling("any"), json!({"/search": "ALL", "/index": "ANY", "*": "ANY"}));
    let map = "{'/index': 'ALL', '/update': 'ALL', '*': 'ANY'}";
    assert_eq!(polling(map), json!({"/search": "ALL", "/index": "ALL", "/update": "ALL", "*": "ANY"}));
    assert_eq!(
        polling("'{\"/status\": \"ALL\"}'"),
        json!({"/search": "ALL", "/index": "ANY", "/status": "ALL", "*": "ANY"})
    );
}

#[test]
fn needs_all_joins_every_leaf() {
    let needs = |executors: &str| {
        let shape = shape(&format!("jtype: Flow\nexecutors:\n{executors}"));
        shape.into_iter().find(|(name, ..)| name == "j").unwrap().1
    };
    let floating = "- {name: a, uses: Pass}\n- {name: f, uses: Log, needs: a, floating: true}\n";
    assert_eq!(needs(&format!("{floating}- {{name: j, method: needs_all}}\n")), ["a"]);
    assert_eq!(needs("- {name: j, method: needs_all}\n"), ["gateway"]);
    let branches = "- {name: a, uses: Pass}\n- {name: b, uses: Pass, needs: gateway}\n- {name: c, uses: Pass, needs: a}\n";
    assert_eq!(needs(&format!("{branches}- {{name: j, method: needs_all}}\n")), ["b", "c"]);
}

#[test]
fn every_leaf_that_is_not_floating_is_part_of_the_reply() {
    let yaml = "jtype: Flow\nexecutors:\n- {name: a, uses: Pass}\n- {name: b, uses: Pass, needs: a}\n\
                - {name: c, uses: Pass, needs: a}\n- {name: side, uses: Log, needs: a, floating: true}\n";
    let topology = planned(yaml, &Environment::default());
    assert_eq!((topology.exit_inputs, topology.entry_ports.len()), (2, 1));
    let outputs: usize = topology.pods.iter().map(|pod| pod.outputs.len()).sum();
    assert_eq!(outputs, 5);
}

#[test]
fn channels_have_one_slot_per_credit_and_memory_is_bounded_by_credits() {
    let yaml = "jtype: Flow\nwith: {prefetch: $N}\nexecutors:\n- {name: a, uses: Pass}\n- {name: b, uses: Pass, needs: a, shards: 4}\n\
                - {name: c, uses: Pass, needs: a}\n";
    for credits in [1, 20] {
        let topology = planned(yaml, &Environment::from_variables([("N", &credits.to_string())]));
        assert_eq!(topology.credits, credits);
        assert!(topology.pods.iter().all(|pod| pod.channel_slots == credits));
        let memory = topology.memory;
        assert_eq!((memory.requests, memory.copies), (credits, 2 * 4));
        // `Pass` adds nothing, so the first copy of a request is the one that the gateway counts.
        let inside = (credits * memory.request_bytes_max).min(memory.gateway_bytes_max);
        assert_eq!(memory.flow_bytes(), 7 * inside);
        let growing = MemoryBound { grows: true, ..memory };
        assert_eq!(growing.flow_bytes(), credits * 8 * memory.request_bytes_max);
        let service = memory.gateway_bytes_max + memory.connections_bytes() + memory.pages_bytes();
        assert_eq!(memory.bytes(), memory.flow_bytes() + service);
    }
    let unlimited = planned(yaml, &Environment::from_variables([("N", "0")]));
    assert_eq!(unlimited.credits, flowrun::limits::PREFETCH_UNLIMITED);
}

#[test]
fn uses_before_and_uses_after_become_pods() {
    let yaml = "jtype: Flow\nexecutors:\n- {name: a, uses: Pass, shards: 2, uses_before: Log, uses_after: TopK}\n- {name: b, uses: Pass}\n";
    let topology = planned(yaml, &Environment::default());
    let names: Vec<&str> = topology.pods.iter().map(|pod| pod.name.as_str()).collect();
    assert_eq!(names, ["a/before", "a", "a/after", "b"]);
    assert_eq!(shape(yaml).len(), 2, "the graph shows the pods of the file");
}

#[test]
fn inspect_pods_are_side_branches() {
    let flow = |inspect: &str| {
        format!(
            "jtype: Flow\nwith: {{inspect: {inspect}}}\nexecutors:\n- {{name: a, uses: Pass}}\n\
             - {{name: watch, method: inspect, uses: Log}}\n- {{name: b, uses: Pass}}\n"
        )
    };
    let needs = |yaml: &str, name: &str| shape(yaml).into_iter().find(|pod| pod.0 == name).map(|pod| pod.1);
    assert_eq!(
        needs(&flow("COLLECT"), "b"),
        Some(vec!["a".to_owned()]),
        "the next pod does not need the inspect pod"
    );
    assert_eq!(planned(&flow("COLLECT"), &Environment::default()).exit_inputs, 2);
    assert_eq!(planned(&flow("HANG"), &Environment::default()).exit_inputs, 1);
    assert_eq!(needs(&flow("REMOVE"), "watch"), None);
}

#[test]
fn paths_are_relative_to_their_file_unless_a_variable_supplies_them() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = "jtype: Flow\nwith: {workspace: ws}\nexecutors:\n- {name: a, uses: DocumentStore}\n\
                - {name: b, uses: DocumentStore, uses_metas: {name: other}, workspace: $W}\n";
    let topology = plan(yaml, directory.path(), &Environment::from_variables([("W", "elsewhere")]));
    let workspace = |pod: usize| topology.pods[pod].executor.as_ref().unwrap().components[0].workspace(0);
    assert_eq!(workspace(0), directory.path().join("ws/DocumentStore/0"));
    assert_eq!(workspace(1), Path::new("elsewhere/other/0"));
}

#[test]
fn flows_with_unavailable_executors_can_be_drawn() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flow.yml");
    let yaml = "jtype: Flow\nexecutors:\n- {name: a, uses: Nowhere}\n- {name: b, uses: 'jinahub+docker://X', needs: gateway, external: true, port: 5}\n\
                - {name: c, uses: mine.yml, needs: [a, b], when: {tags__x: {$eq: 1}}}\n";
    std::fs::write(&path, yaml).unwrap();
    let policy = flowrun::diagnostic::Policy { inspect: true, lenient: false };
    let (mut sources, mut report) = (Sources::default(), Report::new(policy));
    let (graph, _) =
        flowrun::read(&path, &Environment::default(), &catalog(), &mut sources, &mut report).unwrap();
    assert!(!report.has_errors() && !report.is_empty());
    let json: Value = serde_json::from_str(&draw(&graph, Format::Json)).unwrap();
    assert_eq!(
        json["pods"][1],
        json!({
            "name": "b", "needs": ["gateway"], "replicas": 1, "shards": 1,
            "polling": {"/search": "ALL", "/index": "ANY", "*": "ANY"},
            "uses": "RemoteExecutor", "floating": false, "external": true,
            "addresses": "0.0.0.0:5", "workers": null, "when": null,
        })
    );
    for format in [Format::Mermaid, Format::Dot, Format::Svg] {
        let drawn = draw(&graph, format);
        assert!(["a", "b", "c"].iter().all(|name| drawn.contains(name)), "{drawn}");
    }
}
