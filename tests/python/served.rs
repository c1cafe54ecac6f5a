//! Python's executors in a flow that is served: what clients are told, what the log says, and that nothing outlives
//! flowrun, neither processes nor what they started, whatever ends it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::executors;
use crate::isolation::lives;
use crate::serving::Serving;
use crate::support::program::directory;

fn pids(serving: &Serving) -> Vec<u64> {
    let response = serving.post(&json!({"data": [{"id": "a"}], "execEndpoint": "/offspring"}));
    let body: Value = serde_json::from_str(response.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let results = &body["parameters"]["__results__"]["e/rep-0"]["pids"];
    results.as_array().unwrap().iter().map(|pid| pid.as_f64().unwrap() as u64).collect()
}

fn until_gone(pids: &[u64]) {
    let began = Instant::now();
    while pids.iter().any(|pid| lives(*pid)) {
        assert!(began.elapsed() < Duration::from_secs(30), "{pids:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn serving() -> (tempfile::TempDir, Serving) {
    let native = executors().join("native.py");
    let flow = format!(
        "jtype: Flow\nexecutors:\n- {{name: e, uses: Shop, py_modules: ['{}']}}\n- {{name: f, uses: Pass, isolate: process}}\n",
        native.display()
    );
    let directory = directory(&flow);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let serving = Serving::start_with(directory.path(), &["flow.yml", "-v"], &[("PATH", path.as_ref())]);
    (directory, serving)
}

/// The processes that a process started.
fn children(of: u32) -> Vec<u64> {
    let list = std::fs::read_dir(format!("/proc/{of}/task")).unwrap().flat_map(|thread| {
        std::fs::read_to_string(thread.unwrap().path().join("children"))
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    list.map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn nothing_is_left_when_flowrun_is_killed() {
    let (_directory, mut serving) = serving();
    let mut all = pids(&serving);
    // Python's, that of `f`, and the one that watches over them.
    let own = children(serving.pid());
    assert_eq!(own.len(), 3, "{own:?}");
    all.extend(own);
    assert!(all.iter().all(|pid| lives(*pid)));
    serving.kill();
    until_gone(&all);
}

#[test]
fn nothing_is_left_when_flowrun_ends() {
    let (directory, serving) = serving();
    let mut all = pids(&serving);
    all.extend(children(serving.pid()));
    let said = serving.stderr_until_exit();
    until_gone(&all);
    assert!(said.contains("Shop runs in Python 3."), "{said}");
    // It was closed before it went.
    assert!(directory.path().join("workspace/Shop/0/closed").exists());
}

#[test]
fn clients_are_told_of_an_exception_as_jina_tells_it() {
    let (_directory, serving) = serving();
    let response = serving.post(&json!({"data": [{"id": "a"}], "execEndpoint": "/raise"}));
    let body: Value = serde_json::from_str(response.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let status = &body["header"]["status"];
    assert_eq!(
        (&status["code"], &status["description"]),
        (&json!(1), &json!("KeyError('no such thing', 42) (in `e`)"))
    );
    let exception = &status["exception"];
    let told = (&exception["name"], &exception["args"], &exception["executor"]);
    assert_eq!(told, (&json!("KeyError"), &json!(["no such thing", "42"]), &json!("Shop")));
    assert!(exception["stacks"].to_string().contains("native.py"), "{exception}");
}

#[test]
fn what_an_executor_prints_is_in_the_log_with_its_pod() {
    let (_directory, serving) = serving();
    serving.post(&json!({"data": [{"id": "a"}], "execEndpoint": "/print"}));
    let said = serving.stderr_until_exit();
    for line in ["INFO to the output pod=\"e/rep-0\"", "WARN to the error pod=\"e/rep-0\""] {
        assert!(said.contains(line), "{said}");
    }
}
