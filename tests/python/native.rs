//! Executors of the package `flowrun`, which has nothing to be installed.

use std::time::{Duration, Instant};

use flowrun::diagnostic::Report;
use flowrun::runtime::{Flow, Request, RequestError, launch};
use flowrun_sdk::ErrorKind;
use serde_json::{Value, json};

use super::{fails, native, planned, result, said, sees_origins, send, started, texts};
use crate::isolation::lives;
use crate::support::client::until;
use crate::support::{error, ids, reply};

#[tokio::test]
async fn a_method_handles_its_endpoints_and_another_all_others() {
    let (_directory, flow) = started(&native("Shop", ", uses_with: {suffix: '?'}")).await;
    for endpoint in ["/shout", "/louder"] {
        let answer = reply(send(&flow, endpoint, texts(&["a", "b"]), &json!({"times": 2})).await);
        assert_eq!((said(&answer.documents), ids(&answer.documents)), (vec!["A??", "B??"], vec!["a", "b"]));
    }
    let other = reply(send(&flow, "/unheard", texts(&["a"]), &Value::Null).await);
    assert_eq!(other.documents[0].tags["handled"], "otherwise");
}

#[tokio::test]
async fn what_nothing_handles_passes_by() {
    let (_directory, flow) = started(&native("Traveller", "")).await;
    let answer = reply(send(&flow, "/unheard", texts(&["a"]), &Value::Null).await);
    assert_eq!(ids(&answer.documents), ["a"]);
    // It was not even called.
    assert_eq!(flow.pod_statistics()[0].calls, 0);
}

#[tokio::test]
async fn a_method_may_return_fewer_documents_more_or_a_dictionary() {
    let (directory, flow) = started(&native("Shop", ", uses_metas: {name: shop}")).await;
    let half = reply(send(&flow, "/half", texts(&["a", "b", "c", "d"]), &Value::Null).await);
    assert_eq!(ids(&half.documents), ["a", "b"]);
    let more = reply(send(&flow, "/more", texts(&["a"]), &Value::Null).await);
    assert_eq!((ids(&more.documents), said(&more.documents)), (vec!["a", "new"], vec!["a", "more"]));
    let sent = json!({"list": [1, 2.5, null, true, "x"], "deep": {"a": {"b": []}}});
    let about = result(&flow, "/about", &sent).await;
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
async fn documents_that_a_join_lists_side_by_side_are_known_by_where_they_are_from() {
    sees_origins(&native("Shop", "")).await;
}

#[tokio::test]
async fn a_process_gets_the_variables_of_its_flow_and_its_pod() {
    let (directory, pod) = (tempfile::tempdir().unwrap(), native("Shop", ", env: {B: 2}"));
    let pod = pod.replace('@', &super::executors().to_string_lossy());
    let yaml = format!("jtype: Flow\nwith: {{env: {{A: one, B: one}}}}\nexecutors:\n{pod}\n");
    let topology = crate::support::plan(&yaml, directory.path(), &flowrun::yaml::Environment::default());
    let flow = crate::support::start(&topology).await;
    let variables = result(&flow, "/about", &Value::Null).await["variables"].clone();
    assert_eq!(variables, json!({"A": "one", "B": "2", "FLOWRUN_TOKEN": null}));
}

#[tokio::test]
async fn which_method_an_endpoint_calls_can_be_said_in_the_flow() {
    let (_directory, flow) = started(&native("Shop", ", uses_requests: {/mine: unbound, loud: shout}")).await;
    let mine = reply(send(&flow, "/mine", texts(&["a"]), &Value::Null).await);
    assert_eq!(mine.documents[0].tags["method"], "unbound");
    assert_eq!(said(&reply(send(&flow, "/loud", texts(&["a"]), &Value::Null).await).documents), ["A!"]);
    // As in Jina, a method that is sent elsewhere is not where it was.
    let before = reply(send(&flow, "/shout", texts(&["a"]), &Value::Null).await);
    assert_eq!(before.documents[0].tags["handled"], "otherwise");
}

#[tokio::test]
async fn an_exception_is_told_with_its_name_and_where_it_was_raised() {
    let (_directory, flow) = started(&native("Shop", "")).await;
    let failed = fails(&flow, "/raise").await;
    assert_eq!(failed.to_string(), "KeyError('no such thing', 42) (in `e`)");
    let exception = failed.error.exception().unwrap();
    assert_eq!((exception.name.as_str(), exception.executor.as_str()), ("KeyError", "Shop"));
    assert_eq!(exception.args, ["no such thing", "42"]);
    let stacks = exception.stacks.concat();
    assert!(
        stacks.contains("native.py") && stacks.contains("raise KeyError(\"no such thing\", 42)"),
        "{stacks}"
    );
    assert!(!stacks.contains("child.py"), "{stacks}");
    let input = fails(&flow, "/input").await;
    assert_eq!((input.error.kind(), input.error.message()), (ErrorKind::Input, "cannot be read"));
    let wrong = fails(&flow, "/wrong").await;
    assert!(
        wrong.to_string().contains("a method returns documents, a dictionary or nothing, not 42"),
        "{wrong}"
    );
}

#[tokio::test]
async fn documents_that_fail_alone_leave_the_others() {
    for (class, endpoint) in [("Shop", "/partly"), ("Waiting", "/sync")] {
        let (_directory, flow) = started(&native(class, "")).await;
        let answer = reply(send(&flow, endpoint, texts(&["good", "bad"]), &Value::Null).await);
        assert_eq!(ids(&answer.documents), ["good"]);
        let failures: Vec<String> = answer.failures.iter().map(ToString::to_string).collect();
        assert_eq!(failures, ["bad: it is bad (in `e`)"]);
    }
}

#[tokio::test]
async fn methods_that_wait_have_many_calls_under_way() {
    let (_directory, flow) = started(&native("Waiting", ", concurrency: 8")).await;
    let all = json!({"all": 8});
    let met = (0..8).map(|_| send(&flow, "/meet", texts(&["a"]), &all));
    for outcome in futures_util::future::join_all(met).await {
        assert_eq!(ids(&reply(outcome).documents), ["a"]);
    }
}

/// How a call ends that has a twentieth of a second.
async fn late(flow: &Flow, endpoint: &str) -> RequestError {
    let request = Request {
        endpoint: endpoint.to_owned(),
        deadline: Some(Instant::now() + Duration::from_millis(50)),
        documents: texts(&["a"]),
        ..Request::default()
    };
    error(flow.submit(request).await.unwrap().outcome().await)
}

#[tokio::test]
async fn a_call_is_stopped_at_its_deadline_and_the_process_goes_on() {
    for class in ["Shop", "Waiting"] {
        let (_directory, flow) = started(&native(class, "")).await;
        let began = Instant::now();
        assert_eq!(late(&flow, "/wait").await.error.kind(), ErrorKind::Expired);
        // The next one is served, by the same process.
        reply(send(&flow, "/sync", texts(&["a"]), &Value::Null).await);
        assert!(began.elapsed() < Duration::from_secs(4));
        assert_eq!(flow.unhealthy_pods(), []);
    }
}

#[tokio::test]
async fn a_method_that_does_not_stop_is_ended_with_its_process() {
    let (_directory, flow) = started(&native("Shop", "")).await;
    let before = result(&flow, "/pid", &Value::Null).await["pid"].as_u64().unwrap();
    let began = Instant::now();
    late(&flow, "/deaf").await;
    assert!(began.elapsed() < Duration::from_secs(4));
    let after = result(&flow, "/pid", &Value::Null).await;
    assert_eq!(after["calls"], 1);
    assert!(!lives(before));
}

#[tokio::test]
async fn a_process_that_dies_takes_its_calls_along_and_comes_back() {
    let (_directory, flow) = started(&native("Shop", "")).await;
    let failed = fails(&flow, "/die").await.to_string();
    let told = "the executor's process ended with exit status 7; it said last:\nlast words (in `e`)";
    assert_eq!(failed, told);
    assert_eq!(result(&flow, "/pid", &Value::Null).await["calls"], 1);
}

#[tokio::test]
async fn an_executor_is_closed_when_the_flow_ends() {
    for class in ["Shop", "Waiting"] {
        let (directory, flow) = started(&native(class, "")).await;
        let drained = flow.drain(Duration::from_secs(20)).await;
        assert!(drained.completed() && drained.failed_workers.is_empty(), "{drained:?}");
        let closed = directory.path().join("workspace/Shop/0/closed");
        assert_eq!(closed.exists(), class == "Shop");
    }
}

#[tokio::test]
async fn modules_are_found_by_name_and_by_file() {
    for uses in [
        "uses: Counter, py_modules: [shop.counter]",
        "uses: shop.counter.Counter",
        "uses: {jtype: shop.counter.Counter}",
        "uses: {jtype: Counter, metas: {py_modules: shop.counter}}",
        "uses: Counter, uses_metas: {py_modules: [shop.counter]}",
    ] {
        let pods = format!("- {{name: e, {uses}}}");
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(super::executors().join("shop"), directory.path().join("shop")).unwrap();
        let yaml = format!("jtype: Flow\nexecutors:\n{pods}\n");
        let topology = crate::support::plan(&yaml, directory.path(), &flowrun::yaml::Environment::default());
        let flow = crate::support::start(&topology).await;
        let answer = reply(send(&flow, "/any", texts(&["four"]), &Value::Null).await);
        assert_eq!(answer.results["e/rep-0"], json!({"characters": 4}), "{uses}");
    }
}

#[tokio::test]
async fn flows_of_jina_0_x_and_executors_files_run_python_too() {
    let directory = tempfile::tempdir().unwrap();
    let native = super::executors().join("native.py");
    let file =
        format!("!Shop\nwith: {{suffix: '.'}}\nmetas:\n  name: own\n  py_modules: {}\n", native.display());
    std::fs::write(directory.path().join("shop.yml"), file).unwrap();
    let yaml = "!Flow\npods:\n  e:\n    uses: shop.yml\n    replicas: 2\n";
    let topology = crate::support::plan(yaml, directory.path(), &flowrun::yaml::Environment::default());
    let flow = crate::support::start(&topology).await;
    assert_eq!(said(&reply(send(&flow, "/shout", texts(&["a"]), &Value::Null).await).documents), ["A."]);
}

#[tokio::test]
async fn what_cannot_be_started_says_why_and_where() {
    for (pod, expected) in [
        (native("Stillborn", ""), "`e` could not be started: RuntimeError: no air"),
        (
            "- {name: e, uses: shop.counter.Absent}".to_owned(),
            "shop.counter has no class 'Absent'; it defines Counter",
        ),
        (native("NoExecutor", ""), "NoExecutor is no executor"),
        (native("Shop", ", uses_requests: {/x: gone}"), "`requests` names the method `gone`"),
        (native("Shop", ", python: python9"), "`python`: there is no Python at `python9`"),
        ("- {name: e, uses: not.there.Mine}".to_owned(), "ModuleNotFoundError: No module named 'not'"),
        (
            native("Slow", ", timeout_ready: 3000"),
            "`e` was not ready within 3 s: its process takes longer to start",
        ),
    ] {
        let (directory, topology) = planned(&pod);
        std::os::unix::fs::symlink(super::executors().join("shop"), directory.path().join("shop")).unwrap();
        let mut report = Report::default();
        assert!(launch(&topology, &mut report).await.is_none());
        let message = report.sorted()[0].message.clone();
        assert!(message.contains(expected), "{message}");
        assert!(!pod.contains("Slow") || message.ends_with("still loading"), "{message}");
    }
}

#[tokio::test]
async fn what_a_process_starts_ends_with_it() {
    let (_directory, flow) = started(&native("Shop", "")).await;
    let started = result(&flow, "/offspring", &Value::Null).await;
    let pids: Vec<u64> =
        started["pids"].as_array().unwrap().iter().map(|pid| pid.as_u64().unwrap()).collect();
    assert!(pids.len() == 3 && pids.iter().all(|pid| lives(*pid)));
    fails(&flow, "/die").await;
    until(|| !pids.iter().any(|pid| lives(*pid))).await;
}

#[tokio::test]
async fn a_method_marked_for_batches_is_called_with_the_documents_of_several_requests() {
    let (_directory, flow) = started(&native("Sociable", "")).await;
    let one = async |id: &str| reply(crate::support::send(&flow, "/count", &[id]).await);
    for answer in <[_; 3]>::from(tokio::join!(one("a"), one("b"), one("c"))) {
        assert_eq!(answer.documents[0].tags["together"], 3.0);
    }
}
