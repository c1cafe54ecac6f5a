//! Python executors in a service: replies to clients, the log, and the end of all processes with flowrun, however it
//! exits.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::executor_directory;
use crate::isolation::is_alive;
use crate::serving::Serving;
use crate::support::program::directory;

fn pids(serving: &Serving) -> Vec<u64> {
    let response = serving.post(&json!({"data": [{"id": "a"}], "execEndpoint": "/start-processes"}));
    let body: Value = serde_json::from_str(response.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let results = &body["parameters"]["__results__"]["e/rep-0"]["pids"];
    results.as_array().unwrap().iter().map(|pid| pid.as_f64().unwrap() as u64).collect()
}

fn until_gone(pids: &[u64]) {
    let began = Instant::now();
    while pids.iter().any(|pid| is_alive(*pid)) {
        assert!(began.elapsed() < Duration::from_secs(30), "{pids:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn serving() -> (tempfile::TempDir, Serving) {
    let native = executor_directory().join("native.py");
    let flow = format!(
        "jtype: Flow\nexecutors:\n- {{name: e, uses: Sample, py_modules: ['{}']}}\n- {{name: f, uses: Pass, isolate: process}}\n",
        native.display()
    );
    let directory = directory(&flow);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let serving = Serving::start_with(directory.path(), &["flow.yml", "-v"], &[("PATH", path.as_ref())]);
    (directory, serving)
}

/// Child processes of a process.
fn children(pid: u32) -> Vec<u64> {
    let list = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flat_map(|thread| {
        std::fs::read_to_string(thread.unwrap().path().join("children"))
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    list.map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn no_process_survives_when_flowrun_is_killed() {
    let (_directory, mut serving) = serving();
    let mut all = pids(&serving);
    // The Python process, the process of `f`, and the guardian.
    let own = children(serving.pid());
    assert_eq!(own.len(), 3, "{own:?}");
    all.extend(own);
    assert!(all.iter().all(|pid| is_alive(*pid)));
    serving.kill();
    until_gone(&all);
}

#[test]
fn no_process_survives_when_flowrun_exits() {
    let (directory, serving) = serving();
    let mut all = pids(&serving);
    all.extend(children(serving.pid()));
    let log = serving.stderr_until_exit();
    until_gone(&all);
    assert!(log.contains("Sample runs in Python 3."), "{log}");
    // The executor was closed before its process exited.
    assert!(directory.path().join("workspace/Sample/0/closed").exists());
}

#[test]
fn no_process_of_flowrun_inherits_a_token() {
    let tokens = "tokens: [{role: read, variable: READER}]";
    let flow =
        format!("jtype: Flow\nwith: {{{tokens}}}\nexecutors: [{{name: f, uses: Pass, isolate: process}}]\n");
    let directory = directory(&flow);
    let path = ("PATH", "/usr/bin".as_ref());
    let variables = [path, ("FLOWRUN_TOKEN", "secret-a".as_ref()), ("READER", "secret-b".as_ref())];
    let serving = Serving::start_with(directory.path(), &["flow.yml"], &variables);
    // The process of `f`, and the guardian.
    let children = children(serving.pid());
    assert_eq!(children.len(), 2);
    for pid in children {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
        let environment = String::from_utf8_lossy(&environment);
        assert!(environment.contains("PATH=") && !environment.contains("secret-"), "{environment}");
    }
}

#[test]
fn clients_receive_an_exception_in_jinas_form() {
    let (_directory, serving) = serving();
    let response = serving.post(&json!({"data": [{"id": "a"}], "execEndpoint": "/raise"}));
    let body: Value = serde_json::from_str(response.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let status = &body["header"]["status"];
    assert_eq!(
        (&status["code"], &status["description"]),
        (&json!(1), &json!("KeyError('no such thing', 42) (in `e`)"))
    );
    let exception = &status["exception"];
    let fields = (&exception["name"], &exception["args"], &exception["executor"]);
    assert_eq!(fields, (&json!("KeyError"), &json!(["no such thing", "42"]), &json!("Sample")));
    assert!(exception["stacks"].to_string().contains("native.py"), "{exception}");
    // The directories of the server are hidden.
    assert!(!response.contains(executor_directory().to_str().unwrap()), "{response}");
}

#[test]
fn output_of_an_executor_is_logged_with_its_pod() {
    let (_directory, serving) = serving();
    serving.post(&json!({"data": [{"id": "a"}], "execEndpoint": "/print"}));
    let log = serving.stderr_until_exit();
    for line in ["INFO to the output pod=\"e/rep-0\"", "WARN to the error pod=\"e/rep-0\""] {
        assert!(log.contains(line), "{log}");
    }
}
