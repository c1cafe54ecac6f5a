//! The program with a plugin whose calls do not return: readiness, the log, exit codes.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::serving::Serving;
use crate::support::plugin;
use crate::support::program::{directory, flowrun, text};

/// Source of a plugin that waits for the file `open` in its directory, for documents at `/wait`.
const WAITING: &str = r#"
#include "flowrun.h"
#include <string.h>
#include <unistd.h>

FLOWRUN_NOTE("{\"sdk\": \"c\", \"executors\": [{\"name\": \"Waiting\"}]}");

static uint32_t create(const flowrun_build *build, flowrun_made *made) { (void)build; (void)made; return FLOWRUN_OK; }
static void destroy(void *executor) { (void)executor; }

static uint32_t execute(void *executor, const flowrun_call *call) {
    (void)executor;
    if (call->endpoint.length == 5 && memcmp(call->endpoint.data, "/wait", 5) == 0)
        while (access("open", F_OK) != 0) usleep(1000);
    return FLOWRUN_OK;
}

static const flowrun_plugin_table table = {
    sizeof table, FLOWRUN_ABI_VERSION, flowrun_describe, create, execute, NULL, destroy,
};

const flowrun_plugin_table *flowrun_plugin(const flowrun_host *host) { (void)host; return &table; }
"#;

/// A directory with the plugin and a flow of it, with these settings of the flow and of its pod.
fn waiting(with: &str, keys: &str) -> tempfile::TempDir {
    let directory = directory(&format!(
        "jtype: Flow\nwith: {{{with}}}\nexecutors:\n- {{name: w, uses: ./waiting.so{keys}}}\n"
    ));
    plugin::compile_with(WAITING, &directory.path().join("waiting.so"), &["-D_DEFAULT_SOURCE"]);
    directory
}

fn serve(directory: &Path) -> Serving {
    Serving::start(directory, &["serve", "flow.yml", "--port", "0"])
}

fn post_waiting(serving: &Serving) -> String {
    serving.post(&json!({"execEndpoint": "/wait", "data": [{"id": "x"}]}))
}

/// Asks for the readiness until the response contains `expected`.
fn wait_for_readiness(serving: &Serving, expected: &str) {
    while !serving.get(0, "/ready").contains(expected) {
        std::thread::yield_now();
    }
}

#[test]
fn readiness_and_the_log_name_the_worker_that_hangs_and_its_recovery() {
    let directory = waiting("", ", timeout_send: 100");
    let mut serving = serve(directory.path());
    let response = post_waiting(&serving);
    assert!(response.starts_with("HTTP/1.1 504 ") && response.contains("longer than 100 ms"), "{response}");
    wait_for_readiness(&serving, "503 Service Unavailable");
    let hangs = "worker `w/rep-0` hangs in a call of `Waiting` at /wait, longer than 100 ms (`timeout_send`)";
    assert!(serving.get(0, "/ready").contains(&json!({ "w": hangs }).to_string()));
    let mut log = BufReader::new(serving.take_stderr());
    let mut read_until = |expected: &str| {
        let mut line = String::new();
        while !line.contains(expected) {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "the log ended without {expected:?}");
        }
        line
    };
    read_until(hangs);
    let given_up = read_until("it is not expected to return");
    assert!(
        given_up.contains("worker `w/rep-0` has been in a call of `Waiting` at /wait for "),
        "{given_up}"
    );
    std::fs::write(directory.path().join("open"), "").unwrap();
    wait_for_readiness(&serving, "200 OK");
    read_until("the worker is ready again");
    assert!(post_waiting(&serving).starts_with("HTTP/1.1 200 "));
}

#[test]
fn exit_on_hang_ends_the_service_with_its_own_code() {
    let directory = waiting("exit_on_hang: true", ", timeout_send: 50");
    let mut serving = serve(directory.path());
    assert!(post_waiting(&serving).starts_with("HTTP/1.1 504 "));
    assert_eq!(serving.wait(), Some(5));
}

#[test]
fn sigterm_ends_a_service_at_once_if_only_an_abandoned_call_is_left() {
    let directory = waiting("timeout: 100", "");
    let mut serving = serve(directory.path());
    assert!(post_waiting(&serving).starts_with("HTTP/1.1 504 "));
    let started = Instant::now();
    serving.send_sigterm();
    assert_eq!(serving.wait(), Some(4));
    assert!(started.elapsed() < Duration::from_secs(20), "the drain takes 30 s: {:?}", started.elapsed());
}

#[test]
fn a_batch_job_whose_workers_hang_ends_with_its_own_code() {
    let directory = waiting("endpoint: /wait", ", timeout_send: 50");
    std::fs::write(directory.path().join("in.jsonl"), "{\"id\": \"a\"}\n{\"id\": \"b\"}\n").unwrap();
    let output = flowrun(directory.path(), &["run", "flow.yml", "-i", "in.jsonl", "--request-size", "1"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stderr.contains("the call took longer than 50 ms (`timeout_send`)"), "{stderr}");
    assert!(stderr.contains("`Waiting` at /wait") && stderr.contains("the job was ended"), "{stderr}");
    assert!(stderr.contains("0 succeeded, 2 failed"), "{stderr}");
}
