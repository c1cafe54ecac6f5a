//! Executors derived from the `Executor` of the Python package `flowrun`, with the standard library alone.

use std::time::{Duration, Instant};

use flowrun::diagnostic::Report;
use flowrun::runtime::{Flow, Request, RequestError, launch};
use flowrun_sdk::ErrorKind;
use serde_json::{Value, json};

use super::{
    assert_origins, call_result, expect_error, native_pod, plan_pods, send, start_pods, texts, texts_of,
};
use crate::isolation::is_alive;
use crate::support::client::wait_until;
use crate::support::{error, ids, reply};

#[tokio::test]
async fn a_method_handles_its_endpoints_and_a_default_method_the_others() {
    let (_directory, flow) = start_pods(&native_pod("Sample", ", uses_with: {suffix: '?'}")).await;
    for endpoint in ["/shout", "/louder"] {
        let answer = reply(send(&flow, endpoint, texts(&["a", "b"]), &json!({"times": 2})).await);
        assert_eq!(
            (texts_of(&answer.documents), ids(&answer.documents)),
            (vec!["A??", "B??"], vec!["a", "b"])
        );
    }
    let other = reply(send(&flow, "/unbound", texts(&["a"]), &Value::Null).await);
    assert_eq!(other.documents[0].tags["handled"], "default");
}

#[tokio::test]
async fn documents_pass_through_an_endpoint_without_a_method() {
    let (_directory, flow) = start_pods(&native_pod("FieldAccess", "")).await;
    let answer = reply(send(&flow, "/unbound", texts(&["a"]), &Value::Null).await);
    assert_eq!(ids(&answer.documents), ["a"]);
    // The process was not called.
    assert_eq!(flow.pod_statistics()[0].calls, 0);
}

#[tokio::test]
async fn a_method_may_return_other_documents_or_a_dictionary() {
    let (directory, flow) = start_pods(&native_pod("Sample", ", uses_metas: {name: shop}")).await;
    let half = reply(send(&flow, "/half", texts(&["a", "b", "c", "d"]), &Value::Null).await);
    assert_eq!(ids(&half.documents), ["a", "b"]);
    let more = reply(send(&flow, "/more", texts(&["a"]), &Value::Null).await);
    assert_eq!((ids(&more.documents), texts_of(&more.documents)), (vec!["a", "new"], vec!["a", "more"]));
    let sent = json!({"list": [1, 2.5, null, true, "x"], "deep": {"a": {"b": []}}});
    let about = call_result(&flow, "/about", &sent).await;
    let workspace = directory.path().canonicalize().unwrap().join("workspace");
    let own = workspace.join("shop/0");
    assert_eq!(about["name"], "shop");
    assert_eq!(about["workspace"].as_str(), own.to_str());
    assert_eq!(about["parameters"], sent);
    let runtime = json!({"workspace": workspace, "shard_id": 0, "shards": 1, "replica_id": 0, "replicas": 1,
        "name": "e/rep-0", "read_only": false});
    assert_eq!(about["runtime"], runtime);
}

#[tokio::test]
async fn documents_of_a_join_without_reduce_are_grouped_by_pod() {
    assert_origins(&native_pod("Sample", "")).await;
}

#[tokio::test]
async fn a_process_has_the_environment_variables_of_its_flow_and_its_pod_only() {
    let (directory, pod) = (tempfile::tempdir().unwrap(), native_pod("Sample", ", env: {B: 2}"));
    let pod = pod.replace('@', &super::executor_directory().to_string_lossy());
    let yaml = format!("jtype: Flow\nwith: {{env: {{A: one, B: one}}}}\nexecutors:\n{pod}\n");
    let topology = crate::support::plan(&yaml, directory.path(), &flowrun::yaml::Environment::default());
    let flow = crate::support::start(&topology).await;
    let variables = call_result(&flow, "/about", &Value::Null).await["variables"].clone();
    assert_eq!(variables, json!({"A": "one", "B": "2", "FLOWRUN_TOKEN": null}));
}

#[tokio::test]
async fn the_flow_can_bind_an_endpoint_to_a_method() {
    let (_directory, flow) =
        start_pods(&native_pod("Sample", ", uses_requests: {/mine: unbound, loud: shout}")).await;
    let mine = reply(send(&flow, "/mine", texts(&["a"]), &Value::Null).await);
    assert_eq!(mine.documents[0].tags["method"], "unbound");
    assert_eq!(texts_of(&reply(send(&flow, "/loud", texts(&["a"]), &Value::Null).await).documents), ["A!"]);
    // As in Jina, a method that the flow binds loses the endpoints of its decorator.
    let before = reply(send(&flow, "/shout", texts(&["a"]), &Value::Null).await);
    assert_eq!(before.documents[0].tags["handled"], "default");
}

#[tokio::test]
async fn an_exception_is_reported_with_its_name_arguments_and_traceback() {
    let (_directory, flow) = start_pods(&native_pod("Sample", "")).await;
    let failed = expect_error(&flow, "/raise").await;
    assert_eq!(failed.to_string(), "KeyError('no such thing', 42) (in `e`)");
    let exception = failed.error.exception().unwrap();
    assert_eq!((exception.name.as_str(), exception.executor.as_str()), ("KeyError", "Sample"));
    assert_eq!(exception.args, ["no such thing", "42"]);
    let stacks = exception.stacks.concat();
    assert!(
        stacks.contains("native.py") && stacks.contains("raise KeyError(\"no such thing\", 42)"),
        "{stacks}"
    );
    assert!(!stacks.contains("child.py"), "{stacks}");
    let input = expect_error(&flow, "/input").await;
    assert_eq!((input.error.kind(), input.error.message()), (ErrorKind::Input, "cannot be read"));
    let wrong = expect_error(&flow, "/wrong").await;
    assert!(
        wrong.to_string().contains("a method must return documents, a dictionary or None, not 42"),
        "{wrong}"
    );
}

#[tokio::test]
async fn failed_documents_do_not_affect_the_others() {
    for (class, endpoint) in [("Sample", "/partly"), ("AsyncMethods", "/sync")] {
        let (_directory, flow) = start_pods(&native_pod(class, "")).await;
        let answer = reply(send(&flow, endpoint, texts(&["good", "bad"]), &Value::Null).await);
        assert_eq!(ids(&answer.documents), ["good"]);
        let failures: Vec<String> = answer.failures.iter().map(ToString::to_string).collect();
        assert_eq!(failures, ["bad: it is bad (in `e`)"]);
    }
}

#[tokio::test]
async fn coroutine_methods_run_concurrently() {
    let (_directory, flow) = start_pods(&native_pod("AsyncMethods", ", concurrency: 8")).await;
    let all = json!({"all": 8});
    let calls = (0..8).map(|_| send(&flow, "/meet", texts(&["a"]), &all));
    for outcome in futures_util::future::join_all(calls).await {
        assert_eq!(ids(&reply(outcome).documents), ["a"]);
    }
}

/// Calls an endpoint with a deadline of 50 ms. Returns the error.
async fn call_with_deadline(flow: &Flow, endpoint: &str) -> RequestError {
    let request = Request {
        endpoint: endpoint.to_owned(),
        deadline: Some(Instant::now() + Duration::from_millis(50)),
        documents: texts(&["a"]),
        ..Request::default()
    };
    error(flow.submit(request).await.unwrap().outcome().await)
}

#[tokio::test]
async fn a_call_is_cancelled_at_its_deadline_and_the_process_survives() {
    for class in ["Sample", "AsyncMethods"] {
        let (_directory, flow) = start_pods(&native_pod(class, "")).await;
        let began = Instant::now();
        assert_eq!(call_with_deadline(&flow, "/wait").await.error.kind(), ErrorKind::Expired);
        // The same process handles the next call.
        reply(send(&flow, "/sync", texts(&["a"]), &Value::Null).await);
        assert!(began.elapsed() < Duration::from_secs(4));
        assert_eq!(flow.unhealthy_pods(), []);
    }
}

#[tokio::test]
async fn a_method_that_ignores_cancellation_is_killed_with_its_process() {
    let (_directory, flow) = start_pods(&native_pod("Sample", "")).await;
    let before = call_result(&flow, "/pid", &Value::Null).await["pid"].as_u64().unwrap();
    let began = Instant::now();
    call_with_deadline(&flow, "/uncancellable").await;
    assert!(began.elapsed() < Duration::from_secs(4));
    let after = call_result(&flow, "/pid", &Value::Null).await;
    assert_eq!(after["calls"], 1);
    assert!(!is_alive(before));
}

#[tokio::test]
async fn a_process_that_exits_fails_its_calls_and_is_restarted() {
    let (_directory, flow) = start_pods(&native_pod("Sample", "")).await;
    let failed = expect_error(&flow, "/die").await.to_string();
    let expected = "the executor's process ended with exit status 7; last output:\nlast words (in `e`)";
    assert_eq!(failed, expected);
    assert_eq!(call_result(&flow, "/pid", &Value::Null).await["calls"], 1);
}

#[tokio::test]
async fn an_executor_is_closed_when_the_flow_ends() {
    for class in ["Sample", "AsyncMethods"] {
        let (directory, flow) = start_pods(&native_pod(class, "")).await;
        let drained = flow.drain(Duration::from_secs(20)).await;
        assert!(drained.completed() && drained.failed_workers.is_empty(), "{drained:?}");
        let closed = directory.path().join("workspace/Sample/0/closed");
        assert_eq!(closed.exists(), class == "Sample");
    }
}

#[tokio::test]
async fn modules_are_imported_by_name() {
    for uses in [
        "uses: Counter, py_modules: [shop.counter]",
        "uses: shop.counter.Counter",
        "uses: {jtype: shop.counter.Counter}",
        "uses: {jtype: Counter, metas: {py_modules: shop.counter}}",
        "uses: Counter, uses_metas: {py_modules: [shop.counter]}",
    ] {
        let pods = format!("- {{name: e, {uses}}}");
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(super::executor_directory().join("shop"), directory.path().join("shop"))
            .unwrap();
        let yaml = format!("jtype: Flow\nexecutors:\n{pods}\n");
        let topology = crate::support::plan(&yaml, directory.path(), &flowrun::yaml::Environment::default());
        let flow = crate::support::start(&topology).await;
        let answer = reply(send(&flow, "/any", texts(&["four"]), &Value::Null).await);
        assert_eq!(answer.results["e/rep-0"], json!({"characters": 4}), "{uses}");
    }
}

#[tokio::test]
async fn modules_of_a_pod_define_the_executors_before_and_after_its_shards() {
    let keys = ", uses_before: Sample, uses_after: Sample, shards: 2, polling: ALL";
    let (_directory, flow) = start_pods(&native_pod("Sample", keys)).await;
    let answer = reply(send(&flow, "/shout", texts(&["a"]), &Value::Null).await);
    assert_eq!(texts_of(&answer.documents), ["A!!!"]);
    // A built-in executor stays one.
    let (_directory, topology) = plan_pods(&native_pod("Sample", ", uses_after: Log, python: python3"));
    assert_eq!(topology.pods[1].executor.as_ref().unwrap().components[0].class, "Log");
}

#[tokio::test]
async fn parameters_are_addressed_by_the_name_of_the_pod_or_of_the_executor() {
    for (keys, name) in [("", "Sample"), (", uses_metas: {name: own}", "own")] {
        let (_directory, flow) = start_pods(&native_pod("Sample", keys)).await;
        let sent = json!({"k": 1, "e__l": 1, name: {"k": 2}, "e": {"k": 3, "m": 3}});
        let received = json!({"k": 2, "l": 1, "m": 3, name: {"k": 2}, "e": {"k": 3, "m": 3}});
        assert_eq!(call_result(&flow, "/about", &sent).await["parameters"], received);
    }
}

#[tokio::test]
async fn jina_0_flows_and_executor_files_may_name_python_classes() {
    let directory = tempfile::tempdir().unwrap();
    let native = super::executor_directory().join("native.py");
    let file =
        format!("!Sample\nwith: {{suffix: '.'}}\nmetas:\n  name: own\n  py_modules: {}\n", native.display());
    std::fs::write(directory.path().join("shop.yml"), file).unwrap();
    let yaml = "!Flow\npods:\n  e:\n    uses: shop.yml\n    replicas: 2\n";
    let topology = crate::support::plan(yaml, directory.path(), &flowrun::yaml::Environment::default());
    let flow = crate::support::start(&topology).await;
    assert_eq!(texts_of(&reply(send(&flow, "/shout", texts(&["a"]), &Value::Null).await).documents), ["A."]);
}

#[tokio::test]
async fn a_start_failure_reports_the_reason() {
    for (pod, expected) in [
        (native_pod("FailingConstructor", ""), "`e` could not be started: RuntimeError: no licence"),
        (
            "- {name: e, uses: shop.counter.Absent}".to_owned(),
            "shop.counter has no class 'Absent'; it defines Counter",
        ),
        (native_pod("NotAnExecutor", ""), "NotAnExecutor is no executor"),
        (native_pod("Sample", ", uses_requests: {/x: gone}"), "`requests` names the method `gone`"),
        (native_pod("Sample", ", python: python9"), "`python`: there is no Python at `python9`"),
        ("- {name: e, uses: not.there.Mine}".to_owned(), "ModuleNotFoundError: No module named 'not'"),
        (
            native_pod("SlowConstructor", ", timeout_ready: 3000"),
            "`e` was not ready within 3 s: its process takes longer to start",
        ),
    ] {
        let (directory, topology) = plan_pods(&pod);
        std::os::unix::fs::symlink(super::executor_directory().join("shop"), directory.path().join("shop"))
            .unwrap();
        let mut report = Report::default();
        assert!(launch(&topology, &crate::support::catalog(), &mut report).await.is_none());
        let message = report.sorted()[0].message.clone();
        assert!(message.contains(expected), "{message}");
        assert!(!pod.contains("SlowConstructor") || message.ends_with("still loading"), "{message}");
    }
}

#[tokio::test]
async fn processes_started_by_an_executor_end_with_it() {
    let (_directory, flow) = start_pods(&native_pod("Sample", "")).await;
    let started = call_result(&flow, "/start-processes", &Value::Null).await;
    let pids: Vec<u64> =
        started["pids"].as_array().unwrap().iter().map(|pid| pid.as_u64().unwrap()).take(3).collect();
    // A fourth process has a session of its own, and ends with flowrun.
    assert!(pids.len() == 3 && pids.iter().all(|pid| is_alive(*pid)));
    expect_error(&flow, "/die").await;
    wait_until(|| !pids.iter().any(|pid| is_alive(*pid))).await;
}

#[tokio::test]
async fn a_method_with_dynamic_batching_receives_documents_of_several_requests() {
    let (_directory, flow) = start_pods(&native_pod("Batched", "")).await;
    let one = async |id: &str| reply(crate::support::send(&flow, "/count", &[id]).await);
    for answer in <[_; 3]>::from(tokio::join!(one("a"), one("b"), one("c"))) {
        assert_eq!(answer.documents[0].tags["batch_size"], 3.0);
    }
}
