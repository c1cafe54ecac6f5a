//! `isolate: process`: executors in processes of their own answer as they would inside, and crash alone.

use std::time::{Duration, Instant};

use flowrun::diagnostic::Report;
use flowrun::runtime::{Flow, Request, Response, launch};
use flowrun::yaml::Environment;
use flowrun_sdk::{Document, ErrorKind};
use serde_json::{Value, json};

use crate::support::client::until;
use crate::support::{documents, error, flow, ids, plan, reply, send};

/// The tag `pid` of a document: the process that it was in.
fn pid(document: &Document) -> u64 {
    document.tags["pid"].as_u64().unwrap()
}

/// Whether there is a process of that number that has not ended.
pub(crate) fn lives(pid: u64) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Behind the name in parentheses stands the state: Z for what is left of one.
    status.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

async fn ask(flow: &Flow, request: Request) -> Response {
    reply(flow.submit(request).await.unwrap().outcome().await)
}

#[tokio::test]
async fn an_executor_in_a_process_of_its_own_answers_as_inside() {
    let inside = flow("- {name: e, uses: TextHashingEncoder}").await;
    let apart = flow("- {name: e, uses: TextHashingEncoder, isolate: process}").await;
    let request = || Request {
        endpoint: "/index".to_owned(),
        documents: ["one", "two words", ""]
            .map(|text| Document::new(format!("d-{text}")).with_text(text).with_tag("n", 1))
            .into_iter()
            .collect(),
        ..Request::default()
    };
    let (inside, apart) = (ask(&inside, request()).await, ask(&apart, request()).await);
    assert!(inside.documents[0].embedding.is_some());
    assert_eq!(inside.documents, apart.documents);
    let told = |response: &Response| response.failures.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told(&inside), told(&apart));
}

#[tokio::test]
async fn every_replica_has_a_process_of_its_own_and_none_outlives_the_flow() {
    let flow = flow("- {name: e, uses: Fragile, isolate: process, replicas: 3}").await;
    let mut seen = std::collections::BTreeSet::new();
    let began = Instant::now();
    while seen.len() < 3 {
        assert!(began.elapsed() < Duration::from_secs(60));
        let sent = (0..6).map(|_| send(&flow, "/", &["a"]));
        let replies = futures_util::future::join_all(sent).await;
        seen.extend(replies.into_iter().map(|outcome| pid(&reply(outcome).documents[0])));
    }
    assert!(!seen.contains(&u64::from(std::process::id())) && seen.iter().all(|pid| lives(*pid)));
    let drained = flow.drain(Duration::from_secs(20)).await;
    assert!(drained.completed() && drained.failed_workers.is_empty(), "{drained:?}");
    assert!(!seen.into_iter().any(lives));
}

#[tokio::test]
async fn a_crash_costs_the_calls_in_it_and_the_next_ones_succeed() {
    let flow = flow("- {name: e, uses: Fragile, isolate: process}").await;
    let before = pid(&reply(send(&flow, "/", &["a"]).await).documents[0]);
    let failed = error(send(&flow, "/abort", &["a"]).await);
    assert_eq!(failed.error.kind(), ErrorKind::Internal);
    let told = failed.to_string();
    assert!(told.contains("was ended by signal 6 (abort)") && told.contains("told to abort"), "{told}");
    assert!(told.ends_with("(in `e`)"), "{told}");
    let after = reply(send(&flow, "/", &["a"]).await);
    assert_ne!(pid(&after.documents[0]), before);
    assert_eq!(after.documents[0].tags["calls"], 1);
    // Once is not too often.
    assert_eq!(flow.unhealthy_pods(), []);
    // What it counts is counted here.
    until(|| {
        flow.executor_metrics()
            .iter()
            .any(|told| told.reading.name == "fragile_calls_total" && told.reading.value >= 1.0)
    })
    .await;
}

#[tokio::test]
async fn of_many_calls_exactly_those_fail_that_crash() {
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
async fn a_process_that_dies_too_often_is_said_to() {
    let flow = flow("- {name: e, uses: Fragile, isolate: process}").await;
    for _ in 0..4 {
        error(send(&flow, "/abort", &["a"]).await);
        reply(send(&flow, "/", &["a"]).await);
    }
    until(|| flow.unhealthy_pods().is_empty()).await;
    error(send(&flow, "/abort", &["a"]).await);
    reply(send(&flow, "/", &["a"]).await);
    let (pod, why) = flow.unhealthy_pods().remove(0);
    assert_eq!((pod.as_str(), why.as_str()), ("e", "its process died 5 times within 60 s"));
}

#[tokio::test]
async fn what_an_executor_says_of_its_condition_is_heard() {
    let flow = flow("- {name: e, uses: Fragile, isolate: process}").await;
    reply(send(&flow, "/trouble", &["a"]).await);
    until(|| !flow.unhealthy_pods().is_empty()).await;
    assert_eq!(flow.unhealthy_pods(), [("e".to_owned(), "out of paper".to_owned())]);
}

#[tokio::test]
async fn where_it_stands_and_what_it_may_use_arrives() {
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
    let results = ask(&flow, request).await.results;
    for shard in 0..2 {
        let told = &results[&format!("e/shard-{shard}/rep-0")];
        let workspace = directory.path().join("workspace/Fragile").join(shard.to_string());
        let expected = json!({"pod": "e", "shard": shard, "shards": 2, "replica": 0, "read_only": true,
            "threads": topology.pods[0].threads, "workspace": workspace.to_string_lossy(), "request": "named"});
        assert_eq!((&told["context"], &told["deadline"]), (&expected, &Value::Bool(true)));
    }
    let failed = reply(send(&flow, "/greedy", &["a"]).await);
    assert!(failed.failures[0].to_string().contains("bytes allowed"), "{:?}", failed.failures);
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_is_stopped_where_it_is() {
    let flow = flow("- {name: e, uses: Fragile, isolate: process}").await;
    let before = pid(&reply(send(&flow, "/", &["a"]).await).documents[0]);
    let late = |endpoint: &str| Request {
        endpoint: endpoint.to_owned(),
        documents: documents(["a"]),
        deadline: Some(Instant::now() + Duration::from_millis(100)),
        ..Request::default()
    };
    let began = Instant::now();
    let failed = error(flow.submit(late("/obedient")).await.unwrap().outcome().await);
    assert_eq!(failed.error.kind(), ErrorKind::Expired);
    // It stops when it is asked to, and goes on.
    assert_eq!(pid(&reply(send(&flow, "/", &["a"]).await).documents[0]), before);
    assert!(began.elapsed() < Duration::from_secs(4));
    // One that does not is ended, and another takes its place.
    let began = Instant::now();
    error(flow.submit(late("/stubborn")).await.unwrap().outcome().await);
    assert!(began.elapsed() < Duration::from_secs(4), "the request waited for the executor");
    assert_ne!(pid(&reply(send(&flow, "/", &["a"]).await).documents[0]), before);
    assert!(!lives(before));
}

#[tokio::test]
async fn a_panic_there_costs_no_process() {
    let flow = flow("- {name: e, uses: Fragile, isolate: process}").await;
    let before = pid(&reply(send(&flow, "/", &["a"]).await).documents[0]);
    let failed = error(send(&flow, "/panic", &["a"]).await);
    assert_eq!(failed.to_string(), "the executor panicked: told to panic (in `e`)");
    let after = reply(send(&flow, "/", &["a"]).await);
    assert_eq!((pid(&after.documents[0]), &after.documents[0].tags["calls"]), (before, &json!(1)));
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let directory = tempfile::tempdir().unwrap();
    for (with, more, expected) in [
        (
            "{stillborn: true, says: 'no air'}",
            "",
            "`e` could not be started: its process was ended by signal 6",
        ),
        ("{wrong: x}", "", "`e` could not be started: `wrong`: is wrong"),
        (
            "{slow: true, says: 'still at it'}",
            ", timeout_ready: 3000",
            "`e` was not ready within 3 s: its process",
        ),
    ] {
        let pod = format!("- {{name: e, uses: Fragile, isolate: process, uses_with: {with}{more}}}\n");
        let yaml = format!("jtype: Flow\nexecutors:\n{pod}");
        let topology = plan(&yaml, directory.path(), &Environment::default());
        let mut report = Report::default();
        assert!(launch(&topology, &crate::support::catalog(), &mut report).await.is_none());
        let said = &report.sorted()[0].message;
        assert!(said.starts_with(expected), "{said}");
        let words = ["no air", "still at it"].into_iter().find(|words| with.contains(words));
        assert!(
            words.is_none_or(|words| said.contains("; last output:\n") && said.ends_with(words)),
            "{said}"
        );
    }
}

#[tokio::test]
async fn replicas_are_merged_and_ranked_as_inside() {
    let pods = "- {name: p, uses: {jtype: Probe, with: {name: apart, finds: ['x=1', 'y=2', 'z=3']}}, \
                shards: 3, isolate: process}";
    let flow = flow(pods).await;
    let mut request =
        Request { endpoint: "/search".to_owned(), documents: documents(["a"]), ..Request::default() };
    request.parameters.insert("top_k".to_owned(), 2.into());
    assert_eq!(ids(&ask(&flow, request).await.documents[0].matches), ["x", "y"]);
}

/// A plugin that ends its process when it is called at `/crash`, beside the flow.
fn crashing(directory: &std::path::Path) {
    let source = std::fs::read_to_string("executors/examples/c/shout.c").unwrap();
    let begin = "    flowrun_bytes documents = call->documents;\n";
    let crash = "    if (call->endpoint.length == 6 && memcmp(call->endpoint.data, \"/crash\", 6) == 0) *(volatile int *)0 = 1;\n";
    assert!(source.contains(begin));
    let source = source.replace(begin, &format!("{begin}{crash}"));
    crate::support::plugin::compile(&source, &directory.join("libshout.so"));
}

#[tokio::test]
async fn a_plugin_that_crashes_costs_the_calls_in_it() {
    let directory = tempfile::tempdir().unwrap();
    crashing(directory.path());
    let yaml = "jtype: Flow\nexecutors:\n- {name: e, uses: ./libshout.so, uses_with: {mark: '?'}, isolate: process}\n";
    let topology = plan(yaml, directory.path(), &Environment::default());
    let flow = crate::support::start(&topology).await;
    let shout = |flow: Flow| async move {
        let documents = [Document::new("a").with_text("hello")].into_iter().collect();
        let request = Request { endpoint: "/index".to_owned(), documents, ..Request::default() };
        let answer = ask(&flow, request).await;
        assert_eq!(answer.documents[0].text.as_deref(), Some("hello?"));
        flow
    };
    let flow = shout(flow).await;
    let failed = error(send(&flow, "/crash", &["a"]).await).to_string();
    assert!(failed.contains("was ended by signal 11 (segmentation fault)"), "{failed}");
    shout(flow).await;
}
