//! The processes of a distributed flow: `flowrun worker` and a gateway, on this machine.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::remote::free_port;
use crate::serving::{Serving, write_certificate};
use crate::support::client::wait_until_blocking;
use crate::support::program::{flowrun, json_lines};
use crate::support::scratch;

/// Texts to index. Many have the same distance to a query.
fn texts() -> Value {
    let words = ["red", "green", "blue", "ring", "sea", "rain"];
    let text = |number: usize| {
        let (first, second) = (words[number % 6], words[number / 6 % 6]);
        json!({"id": format!("t{number}"), "text": format!("a {first} {second}")})
    };
    (0..60).map(text).collect()
}

/// Ids of the matches of each document in a response.
fn matches(response: &str) -> Vec<Vec<String>> {
    let body: Value = serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap();
    let ids = |document: &Value| {
        let matches = document["matches"].as_array().unwrap().iter();
        matches.map(|found| found["id"].as_str().unwrap().to_owned()).collect()
    };
    body["data"].as_array().unwrap().iter().map(ids).collect()
}

/// Answers of a flow to searches, after all texts are indexed.
fn index_and_search(gateway: &Serving) -> Vec<Vec<String>> {
    let indexed = gateway.post(&json!({"data": texts(), "exec_endpoint": "/index"}));
    assert!(indexed.contains("\"t59\"") && !indexed.contains("__failed__"), "{indexed}");
    let queries = json!([{"text": "red"}, {"text": "a green ring"}, {"text": "rain at sea"}]);
    let parameters = json!({"limit": 20});
    matches(&gateway.post(&json!({"data": queries, "exec_endpoint": "/search", "parameters": parameters})))
}

const FLOW: &str = "jtype: Flow\nwith: {workspace: index}\nexecutors:\n\
                    - {name: encoder, uses: TextHashingEncoder, replicas: 2}\n\
                    - {name: texts, uses: VectorIndexer, shards: 2}\n";

/// Writes a flow and its placement. Returns the addresses of the encoders and of the shards.
fn write_files(directory: &Path) -> [String; 4] {
    let addresses = [(); 4].map(|()| format!("127.0.0.1:{}", free_port()));
    let [one, two, first, second] = &addresses;
    let placement = format!("pods:\n  encoder: ['{one}', '{two}']\n  texts: [['{first}'], ['{second}']]\n");
    std::fs::write(directory.join("flow.yml"), FLOW).unwrap();
    std::fs::write(directory.join("placement.yml"), placement).unwrap();
    addresses
}

fn worker(directory: &Path, arguments: &[&str]) -> Serving {
    let common = ["worker", "flow.yml", "--placement", "placement.yml"];
    Serving::start(directory, &[&common[..], arguments].concat())
}

fn gateway(directory: &Path) -> Serving {
    let gateway = Serving::start(directory, &["flow.yml", "--placement", "placement.yml", "--port", "0"]);
    wait_until_blocking(|| gateway.get(0, "/ready").contains("\"ready\":true}"));
    gateway
}

#[test]
fn two_workers_with_a_sharded_index_answer_like_one_process() {
    let (one, many) = (scratch(), scratch());
    std::fs::write(one.path().join("flow.yml"), FLOW).unwrap();
    let expected = index_and_search(&Serving::start(one.path(), &["flow.yml", "--port", "0"]));
    assert!(expected.iter().all(|matches| matches.len() == 20), "{expected:?}");

    let addresses = write_files(many.path());
    let encoders = ["0", "1"].map(|replica| worker(many.path(), &["--pod", "encoder", "--replica", replica]));
    let mut shards = ["0", "1"].map(|shard| worker(many.path(), &["--pod", "texts", "--shard", shard]));
    let listening = encoders.iter().chain(&shards).map(|worker| worker.addresses[0].clone());
    assert_eq!(listening.collect::<Vec<_>>(), addresses);
    let serving = gateway(many.path());
    assert_eq!(index_and_search(&serving), expected);
    assert!(shards[0].get(0, "/ready").contains("{\"ready\":true}"));
    let metrics = shards[0].get(0, "/metrics");
    assert!(metrics.contains("flowrun_pod_calls_total{pod=\"texts\"}"), "{metrics}");
    let metrics = serving.get(0, "/metrics");
    assert!(metrics.contains("flowrun_executor_remote_addresses_reachable{pod=\"encoder\""), "{metrics}");

    // A killed shard keeps its acknowledged documents, and any gateway finds them after a restart.
    shards[1].kill();
    shards[1] = worker(many.path(), &["--pod", "texts", "--shard", "1"]);
    assert_eq!(index_and_search(&gateway(many.path())), expected);
    for mut process in encoders.into_iter().chain(shards).chain([serving]) {
        process.send_sigterm();
        assert_eq!(process.wait(), Some(143));
    }
}

#[test]
fn one_worker_runs_a_chain_of_pods() {
    let (one, many) = (scratch(), scratch());
    let flow = FLOW.replace(", replicas: 2", "").replace(", shards: 2", "");
    for directory in [&one, &many] {
        std::fs::write(directory.path().join("flow.yml"), &flow).unwrap();
    }
    let expected = index_and_search(&Serving::start(one.path(), &["flow.yml", "--port", "0"]));
    let placement = format!("pods: {{encoder + texts: '127.0.0.1:{}'}}\n", free_port());
    std::fs::write(many.path().join("placement.yml"), placement).unwrap();
    let _worker = worker(many.path(), &["--pod", "encoder+texts"]);
    assert_eq!(index_and_search(&gateway(many.path())), expected);
    assert!(many.path().join("index").is_dir());
}

#[test]
fn a_batch_job_uses_workers() {
    let directory = scratch();
    write_files(directory.path());
    let _encoders =
        ["0", "1"].map(|replica| worker(directory.path(), &["--pod", "encoder", "--replica", replica]));
    let _shards = ["0", "1"].map(|shard| worker(directory.path(), &["--pod", "texts", "--shard", shard]));
    let lines: String = texts().as_array().unwrap().iter().map(|text| format!("{text}\n")).collect();
    std::fs::write(directory.path().join("texts.jsonl"), lines).unwrap();
    let run = |endpoint: &str, output: &str| {
        let common = ["run", "flow.yml", "--placement", "placement.yml", "-i", "texts.jsonl", "-e", endpoint];
        let output = flowrun(directory.path(), &[&common[..], &["-o", output]].concat());
        assert!(output.status.success(), "{output:?}");
    };
    run("/index", "indexed.jsonl");
    run("/search", "found.jsonl");
    let found = json_lines(&std::fs::read_to_string(directory.path().join("found.jsonl")).unwrap());
    assert_eq!(found.len(), 60);
    assert!(found.iter().all(|document| !document["matches"].as_array().unwrap().is_empty()), "{found:?}");
}

#[test]
fn workers_serve_tls_and_require_the_token_of_the_placement() {
    let directory = scratch();
    let path = directory.path();
    write_certificate(path, "tls");
    let address = format!("grpcs://localhost:{}", free_port());
    let placement =
        format!("pods: {{encoder: '{address}'}}\nca: tls.crt\ntoken: {{variable: WORKER_TOKEN}}\n");
    std::fs::write(path.join("placement.yml"), placement).unwrap();
    let flow = "jtype: Flow\nexecutors: [{name: encoder, uses: TextHashingEncoder}]\n";
    std::fs::write(path.join("flow.yml"), flow).unwrap();
    let common = ["flow.yml", "--placement", "placement.yml"];
    let worker =
        [&["worker"][..], &common, &["--pod", "encoder", "--tls-cert", "tls.crt", "--tls-key", "tls.key"]];
    let serve = [&["serve"][..], &common, &["--port", "0"]];
    let token = [("WORKER_TOKEN", Path::new("secret"))];
    let _worker = Serving::start_with(path, &worker.concat(), &token);
    let gateway = Serving::start_with(path, &serve.concat(), &token);
    wait_until_blocking(|| gateway.get(0, "/ready").contains("{\"ready\":true}"));
    let encode = json!({"data": [{"text": "red"}], "exec_endpoint": "/encode"});
    assert!(gateway.post(&encode).contains("\"embedding\""));
    let wrong = Serving::start_with(path, &serve.concat(), &[("WORKER_TOKEN", Path::new("other"))]);
    let refused = wrong.post(&encode);
    assert!(refused.contains("authorization: Bearer TOKEN"), "{refused}");
    assert!(wrong.get(0, "/ready").contains("cannot reach replica 0 at grpcs://localhost:"));
}

#[test]
fn the_example_answers_searches() {
    let workspace = scratch();
    let example = Path::new("flows/distributed").canonicalize().unwrap();
    let [flow, placement] =
        ["flow.yml", "placement.yml"].map(|name| example.join(name).display().to_string());
    let addresses = [(); 3].map(|()| format!("127.0.0.1:{}", free_port()));
    let variables: Vec<(&str, &Path)> = ["ENCODER", "TEXTS_0", "TEXTS_1"]
        .into_iter()
        .zip(addresses.iter().map(Path::new))
        .chain([("WORKSPACE", workspace.path())])
        .collect();
    let start = |command: &str, arguments: &[&str]| {
        let common = [command, &flow, "--placement", &placement];
        Serving::start_with(workspace.path(), &[&common[..], arguments].concat(), &variables)
    };
    let _workers = [&["encoder"][..], &["texts", "--shard", "0"], &["texts", "--shard", "1"]]
        .map(|pod| start("worker", &[&["--pod"][..], pod].concat()));
    let gateway = start("serve", &["--port", "0"]);
    wait_until_blocking(|| gateway.get(0, "/ready").contains("\"ready\":true}"));
    let answers = index_and_search(&gateway);
    assert!(answers.iter().all(|matches| matches.len() == 20), "{answers:?}");
}

#[test]
fn a_replica_killed_under_load_fails_no_search() {
    let directory = scratch();
    write_files(directory.path());
    let mut encoders =
        ["0", "1"].map(|replica| worker(directory.path(), &["--pod", "encoder", "--replica", replica]));
    let _shards = ["0", "1"].map(|shard| worker(directory.path(), &["--pod", "texts", "--shard", shard]));
    let serving = gateway(directory.path());
    index_and_search(&serving);
    let (answered, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let body = json!({"data": [{"text": "a red ring"}], "exec_endpoint": "/search"});
                    let response = serving.post(&body);
                    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let answered_more = |count: usize| {
            let target = answered.load(Ordering::Relaxed) + count;
            wait_until_blocking(|| answered.load(Ordering::Relaxed) >= target);
        };
        answered_more(50);
        encoders[0].kill();
        answered_more(200);
        encoders[0] = worker(directory.path(), &["--pod", "encoder", "--replica", "0"]);
        answered_more(200);
        stop.store(true, Ordering::Relaxed);
    });
}
