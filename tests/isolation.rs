//! `isolate: process`: executors in child processes give the same answers as in the flow's process, and a crash fails only
//! the calls in progress there.

use std::time::{Duration, Instant};

use flowrun::diagnostic::Report;
use flowrun::runtime::{Flow, Request, Response, launch};
use flowrun::yaml::Environment;
use flowrun_sdk::{Document, ErrorKind};
use serde_json::{Value, json};

use crate::support::client::wait_until;
use crate::support::{documents, error, flow, ids, plan, reply, send};

/// The tag `pid` of a document: the process id of its executor.
fn pid(document: &Document) -> u64 {
    document.tags["pid"].as_u64().unwrap()
}

/// Returns true if the process exists and has not exited.
pub(crate) fn is_alive(pid: u64) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the name in parentheses; Z is a zombie.
    status.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

async fn submit(flow: &Flow, request: Request) -> Response {
    reply(flow.submit(request).await.unwrap().outcome().await)
}

#[tokio::test]
async fn an_isolated_executor_gives_the_same_answers() {
    let inline = flow("- {name: e, uses: TextHashingEncoder}").await;
    let isolated = flow("- {name: e, uses: TextHashingEncoder, isolate: process}").await;
    let request = || Request {
        endpoint: "/index".to_owned(),
        documents: ["one", "two words", ""]
            .map(|text| Document::new(format!("d-{text}")).with_text(text).with_tag("n", 1))
            .into_iter()
            .collect(),
        ..Request::default()
    };
    let (inline, isolated) = (submit(&inline, request()).await, submit(&isolated, request()).await);
    assert!(inline.documents[0].embedding.is_some());
    assert_eq!(inline.documents, isolated.documents);
    let failures =
        |response: &Response| response.failures.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(failures(&inline), failures(&isolated));
}

#[tokio::test]
async fn every_replica_has_its_own_process_and_none_outlives_the_flow() {
    let flow = flow("- {name: e, uses: Fragile, isolate: process, replicas: 3}").await;
    let mut seen = std::collections::BTreeSet::new();
    let began = Instant::now();
    while seen.len() < 3 {
        assert!(began.elapsed() < Duration::from_secs(60));
        let sent = (0..6).map(|_| send(&flow, "/", &["a"]));
        let replies = futures_util::future::join_all(sent).await;
        seen.extend(replies.into_iter().map(|outcome| pid(&reply(outcome).documents[0])));
    }
    assert!(!seen.contains(&u64::from(std::process::id())) && seen.iter().all(|pid| is_alive(*pid)));
    let drained = flow.drain(Duration::from_secs(20)).await;
    assert!(drained.completed() && drained.failed_workers.is_empty(), "{drained:?}");
    assert!(!seen.into_iter().any(is_alive));
}

#[tokio::test]
async fn a_crash_fails_the_calls_in_progress_and_the_next_ones_succeed() {
    let flow = flow("- {name: e, uses: Fragile, isolate: process}").await;
    let before = pid(&reply(send(&flow, "/", &["a"]).await).documents[0]);
    let failed = error(send(&flow, "/abort", &["a"]).await);
    assert_eq!(failed.error.kind(), ErrorKind::Internal);
    let message = failed.to_string();
    assert!(message.contains("was ended by signal 6 (abort)"), "{message}");
    assert!(message.contains("aborting on request") && message.ends_with("(in `e`)"), "{message}");
    let after = reply(send(&flow, "/", &["a"]).await);
    assert_ne!(pid(&after.documents[0]), before);
    assert_eq!(after.documents[0].tags["calls"], 1);
    // A single crash does not make the pod unhealthy.
    assert_eq!(flow.unhealthy_pods(), []);
    // The metrics of the child are added to those of the pod.
    wait_until(|| {
        flow.executor_metrics()
            .iter()
            .any(|metric| metric.reading.name == "fragile_calls_total" && metric.reading.value >= 1.0)
    })
    .await;
}

#[tokio::test]
async fn exactly_the_calls_that_crash_fail() {
    let flow = flow("- {name: e, uses: Fragile, isolate: process, replicas: 2}").await;
    let sent = (0..200).map(|number| {
        let endpoint = if number % 20 == 7 { "/abort" } else { "/" };
        let flow = &flow;
        async move { (number, send(flow, endpoint, &["a"]).await) }
    });
    for (number, outcome) in futures_util::future::join_all(sent).await {
        match number % 20 {
            7 => _ = error(outcome),
            _ => assert_eq!(reply(outcome).documents.len(), 1, "{number}"),
        }
    }
    assert_eq!((flow.request_counts().failed, flow.request_counts().replied), (10, 190));
}

#[tokio::test]
async fn a_process_that_dies_repeatedly_makes_the_pod_unhealthy() {
    let flow = flow("- {name: e, uses: Fragile, isolate: process}").await;
    for _ in 0..4 {
        error(send(&flow, "/abort", &["a"]).await);
        reply(send(&flow, "/", &["a"]).await);
    }
    wait_until(|| flow.unhealthy_pods().is_empty()).await;
    error(send(&flow, "/abort", &["a"]).await);
    reply(send(&flow, "/", &["a"]).await);
    let (pod, reason) = flow.unhealthy_pods().remove(0);
    assert_eq!((pod.as_str(), reason.as_str()), ("e", "its process died 5 times within 60 s"));
}

#[tokio::test]
async fn the_health_of_an_isolated_executor_is_reported() {
    let flow = flow("- {name: e, uses: Fragile, isolate: process}").await;
    reply(send(&flow, "/unhealthy", &["a"]).await);
    wait_until(|| !flow.unhealthy_pods().is_empty()).await;
    assert_eq!(flow.unhealthy_pods(), [("e".to_owned(), "out of paper".to_owned())]);
}

#[tokio::test]
async fn an_isolated_executor_receives_its_context_deadline_and_budget() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = "jtype: Flow\nwith: {timeout: 60000}\nexecutors:\n\
                - {name: e, uses: Fragile, isolate: process, shards: 2, read_only: true, polling: ALL}\n";
    let topology = plan(yaml, directory.path(), &Environment::default());
    let flow = crate::support::start(&topology).await;
    let request = Request {
        id: "named".to_owned(),
        endpoint: "/context".to_owned(),
        documents: documents(["a"]),
        ..Request::default()
    };
    let results = submit(&flow, request).await.results;
    for shard in 0..2 {
        let result = &results[&format!("e/shard-{shard}/rep-0")];
        let workspace = directory.path().join("workspace/Fragile").join(shard.to_string());
        let expected = json!({"pod": "e", "shard": shard, "shards": 2, "replica": 0, "read_only": true,
            "threads": topology.pods[0].threads, "workspace": workspace.to_string_lossy(), "request": "named"});
        assert_eq!((&result["context"], &result["deadline"]), (&expected, &Value::Bool(true)));
    }
    let failed = reply(send(&flow, "/exceed-budget", &["a"]).await);
    assert!(failed.failures[0].to_string().contains("bytes allowed"), "{:?}", failed.failures);
}

#[tokio::test]
async fn an_expired_call_is_stopped_in_the_child() {
    let flow = flow("- {name: e, uses: Fragile, isolate: process}").await;
    let before = pid(&reply(send(&flow, "/", &["a"]).await).documents[0]);
    let late = |endpoint: &str| Request {
        endpoint: endpoint.to_owned(),
        documents: documents(["a"]),
        deadline: Some(Instant::now() + Duration::from_millis(100)),
        ..Request::default()
    };
    let began = Instant::now();
    let failed = error(flow.submit(late("/cancellable")).await.unwrap().outcome().await);
    assert_eq!(failed.error.kind(), ErrorKind::Expired);
    // A cancellable call stops, and the process continues.
    assert_eq!(pid(&reply(send(&flow, "/", &["a"]).await).documents[0]), before);
    assert!(began.elapsed() < Duration::from_secs(4));
    // A process that does not stop the call is killed and restarted.
    let began = Instant::now();
    error(flow.submit(late("/uncancellable")).await.unwrap().outcome().await);
    assert!(began.elapsed() < Duration::from_secs(4), "the request waited for the executor");
    assert_ne!(pid(&reply(send(&flow, "/", &["a"]).await).documents[0]), before);
    assert!(!is_alive(before));
}

#[tokio::test]
async fn a_panic_does_not_end_the_process() {
    let flow = flow("- {name: e, uses: Fragile, isolate: process}").await;
    let before = pid(&reply(send(&flow, "/", &["a"]).await).documents[0]);
    let failed = error(send(&flow, "/panic", &["a"]).await);
    assert_eq!(failed.to_string(), "the executor panicked: panicking on request (in `e`)");
    let after = reply(send(&flow, "/", &["a"]).await);
    assert_eq!((pid(&after.documents[0]), &after.documents[0].tags["calls"]), (before, &json!(1)));
}

#[tokio::test]
async fn a_start_failure_reports_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    for (with, more, expected) in [
        (
            "{aborts: true, output: 'no air'}",
            "",
            "`e` could not be started: its process was ended by signal 6",
        ),
        ("{wrong: x}", "", "`e` could not be started: `wrong`: is wrong"),
        (
            "{hangs: true, output: 'still starting'}",
            ", timeout_ready: 3000",
            "`e` was not ready within 3 s: its process",
        ),
    ] {
        let pod = format!("- {{name: e, uses: Fragile, isolate: process, uses_with: {with}{more}}}\n");
        let yaml = format!("jtype: Flow\nexecutors:\n{pod}");
        let topology = plan(&yaml, directory.path(), &Environment::default());
        let mut report = Report::default();
        assert!(launch(&topology, &crate::support::catalog(), &mut report).await.is_none());
        let message = &report.sorted()[0].message;
        assert!(message.starts_with(expected), "{message}");
        let output = ["no air", "still starting"].into_iter().find(|output| with.contains(output));
        assert!(
            output.is_none_or(|output| message.contains("; last output:\n") && message.ends_with(output)),
            "{message}"
        );
    }
}

#[tokio::test]
async fn matches_of_isolated_shards_are_merged_and_ranked() {
    let pods = "- {name: p, uses: {jtype: Probe, with: {name: isolated, matches: ['x=1', 'y=2', 'z=3']}}, \
                shards: 3, isolate: process}";
    let flow = flow(pods).await;
    let mut request =
        Request { endpoint: "/search".to_owned(), documents: documents(["a"]), ..Request::default() };
    request.parameters.insert("top_k".to_owned(), 2.into());
    assert_eq!(ids(&submit(&flow, request).await.documents[0].matches), ["x", "y"]);
}

/// Compiles a plugin that crashes when it is called at `/crash`, to the directory of the flow.
fn compile_crashing_plugin(directory: &std::path::Path) {
    let source = std::fs::read_to_string("executors/examples/c/shout.c").unwrap();
    let begin = "    flowrun_bytes documents = call->documents;\n";
    let crash = "    if (call->endpoint.length == 6 && memcmp(call->endpoint.data, \"/crash\", 6) == 0) *(volatile int *)0 = 1;\n";
    assert!(source.contains(begin));
    let source = source.replace(begin, &format!("{begin}{crash}"));
    crate::support::plugin::compile(&source, &directory.join("libshout.so"));
}

#[tokio::test]
async fn a_plugin_that_was_replaced_since_the_check_is_not_loaded() {
    let directory = tempfile::tempdir().unwrap();
    compile_crashing_plugin(directory.path());
    let yaml = "jtype: Flow\nexecutors:\n- {name: e, uses: ./libshout.so, isolate: process}\n";
    let topology = plan(yaml, directory.path(), &Environment::default());
    let source = std::fs::read_to_string("executors/examples/c/shout.c").unwrap();
    crate::support::plugin::compile(&source, &directory.path().join("libshout.so"));
    let mut report = Report::default();
    assert!(launch(&topology, &crate::support::catalog(), &mut report).await.is_none());
    let messages: Vec<_> = report.sorted().iter().map(|diagnostic| diagnostic.message.clone()).collect();
    assert!(messages.iter().any(|message| message.contains("SHA-256")), "{messages:?}");
}

#[tokio::test]
async fn a_crashing_plugin_fails_only_the_calls_in_progress() {
    let directory = tempfile::tempdir().unwrap();
    compile_crashing_plugin(directory.path());
    let yaml = "jtype: Flow\nexecutors:\n- {name: e, uses: ./libshout.so, uses_with: {mark: '?'}, isolate: process}\n";
    let topology = plan(yaml, directory.path(), &Environment::default());
    let flow = crate::support::start(&topology).await;
    let shout = |flow: Flow| async move {
        let documents = [Document::new("a").with_text("hello")].into_iter().collect();
        let request = Request { endpoint: "/index".to_owned(), documents, ..Request::default() };
        let response = submit(&flow, request).await;
        assert_eq!(response.documents[0].text.as_deref(), Some("hello?"));
        flow
    };
    let flow = shout(flow).await;
    let failed = error(send(&flow, "/crash", &["a"]).await).to_string();
    assert!(failed.contains("was ended by signal 11 (segmentation fault)"), "{failed}");
    shout(flow).await;
}
