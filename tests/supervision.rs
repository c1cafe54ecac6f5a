//! Failures of executors: an error or a panic fails only its own request and names its cause, and the worker recovers.

use std::time::{Duration, Instant};

use flowrun::diagnostic::{Code, Report};
use flowrun::runtime::{Request, WorkerExit, launch};
use flowrun::yaml::Environment;
use flowrun_sdk::ErrorKind;

use crate::support::probe::calls_of;
use crate::support::{documents, error, flow, gate, plan, reply, send, start};

/// YAML with two sequential probes: `NAMEa` in the pod `first` and `NAMEb` in the pod `second`.
fn chain(name: &str) -> String {
    format!(
        "- {{name: first, uses: Probe, uses_with: {{name: {name}a}}}}\n- {{name: second, uses: Probe, uses_with: {{name: {name}b}}}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_fails_only_its_request_and_the_worker_is_restarted() {
    let flow = flow(&chain("panic")).await;
    for _ in 0..3 {
        let error = error(send(&flow, "/panic", &["x"]).await);
        assert_eq!(error.to_string(), "the executor panicked: panicking on request (in `first`)");
        assert_eq!(reply(send(&flow, "/index", &["y"]).await).documents.len(), 1);
    }
    let statistics = flow.pod_statistics();
    assert_eq!((statistics[0].restarts, statistics[0].calls, statistics[0].failed_calls), (3, 6, 3));
    assert!(calls_of("panicb").iter().all(|ids| ids == &["y"]), "a failed request skips the downstream pods");
    assert!(flow.drain(Duration::from_secs(10)).await.completed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_cannot_be_restarted_fails_requests_with_the_reason() {
    for asynchronous in [false, true] {
        let with = format!("{{name: once{asynchronous}, once: true, asynchronous: {asynchronous}}}");
        let flow = flow(&format!("- {{name: a, uses: Probe, uses_with: {with}}}\n")).await;
        error(send(&flow, "/panic", &["x"]).await);
        for _ in 0..20 {
            let error = error(send(&flow, "/index", &["x"]).await);
            assert_eq!(
                error.to_string(),
                "the executor panicked and cannot be restarted: once only (in `a`)"
            );
        }
        let drained = flow.drain(Duration::from_secs(10)).await;
        assert!(drained.completed(), "{drained:?}");
        assert_eq!(drained.failed_workers, [WorkerExit::Failed("once only".to_owned())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_no_request_needed_after_a_panic_has_not_failed() {
    for asynchronous in [false, true] {
        let with = format!("{{name: last{asynchronous}, asynchronous: {asynchronous}}}");
        let flow = flow(&format!("- {{name: a, uses: Probe, uses_with: {with}}}\n")).await;
        error(send(&flow, "/panic", &["x"]).await);
        let drained = flow.drain(Duration::from_secs(10)).await;
        assert!(drained.completed() && drained.failed_workers.is_empty(), "{drained:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_names_the_pod_and_the_cause_and_skips_downstream_pods() {
    let flow = flow(&chain("fail")).await;
    let error = error(send(&flow, "/fail", &["x"]).await);
    assert_eq!(
        (error.to_string().as_str(), error.error.kind()),
        ("failing on request (in `first`)", ErrorKind::Resource)
    );
    assert_eq!(calls_of("failb"), [[""; 0]; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_document_is_not_passed_on() {
    let flow = flow(&chain("alone")).await;
    let response = reply(send(&flow, "/index", &["x", "bad", "y"]).await);
    assert_eq!(crate::support::ids(&response.documents), ["x", "y"]);
    assert_eq!(
        response.failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["bad: bad (in `first`)"]
    );
    assert_eq!(calls_of("aloneb"), [["x", "y"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_and_expired_requests_reach_no_further_executor() {
    let closed = gate::close();
    let flow = flow(&chain("late")).await;
    let request = |id: &str, deadline| Request {
        endpoint: "/wait".to_owned(),
        documents: documents([id]),
        deadline,
        ..Request::default()
    };
    let soon = Instant::now() + Duration::from_millis(20);
    let late = flow.submit(request("late", Some(soon))).await.unwrap();
    let cancelled = flow.submit(request("cancelled", None)).await.unwrap();
    // The error is returned at the deadline, although the executor is still running the call.
    assert_eq!(error(late.outcome().await).error.kind(), ErrorKind::Expired);
    drop(cancelled);
    drop(closed);
    assert_eq!(reply(send(&flow, "/index", &["after"]).await).documents.len(), 1);
    assert_eq!(
        (calls_of("latea"), calls_of("lateb")),
        (vec![vec!["late".to_owned()], vec!["after".to_owned()]], vec![vec!["after".to_owned()]])
    );
    let counts = flow.request_counts();
    assert_eq!((counts.accepted, counts.expired, counts.cancelled, counts.replied), (3, 1, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_completes_requests_in_flight_and_rejects_new_ones() {
    let closed = gate::close();
    let flow = flow(&chain("drain")).await;
    let mut waiting = Vec::new();
    for number in 0..5 {
        let request = Request {
            endpoint: "/wait".to_owned(),
            documents: documents([number.to_string()]),
            ..Request::default()
        };
        waiting.push(flow.submit(request).await.unwrap());
    }
    flow.close();
    let rejected = flow.submit(Request::default()).await.unwrap_err();
    assert_eq!(rejected.to_string(), "the flow is shutting down and accepts no more requests");
    drop(closed);
    let drained = flow.drain(Duration::from_secs(20)).await;
    assert!(drained.completed() && drained.failed_workers.is_empty(), "{drained:?}");
    for pending in waiting {
        assert_eq!(reply(pending.outcome().await).documents.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_unfinished_after_draining_are_counted() {
    let closed = gate::close();
    let flow = flow(&chain("stuck")).await;
    let request = Request { endpoint: "/wait".to_owned(), documents: documents(["x"]), ..Request::default() };
    let _pending = flow.submit(request).await.unwrap();
    let drained = flow.drain(Duration::from_millis(50)).await;
    assert_eq!((drained.in_flight, drained.completed()), (1, false));
    drop(closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_failure_reports_the_reason() {
    let closed = gate::close();
    let directory = tempfile::tempdir().unwrap();
    let yaml = "jtype: Flow\nexecutors:\n- {name: slow, uses: Probe, uses_with: {name: slow, gated: true}, timeout_ready: 30}\n\
                - {name: broken, uses: Probe, uses_with: {name: broken, broken: true}}\n";
    let topology = plan(yaml, directory.path(), &Environment::default());
    let mut report = Report::default();
    assert!(launch(&topology, &crate::support::catalog(), &mut report).await.is_none());
    drop(closed);
    let diagnostics: Vec<(Code, &str)> =
        report.sorted().iter().map(|diagnostic| (diagnostic.code, diagnostic.message.as_str())).collect();
    assert_eq!(
        diagnostics,
        [
            (Code::NotReady, "`slow` was not ready within 0.03 s"),
            (Code::NotStarted, "`broken` could not be started: the constructor panicked: broken"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeout_of_the_flow_bounds_every_request() {
    let closed = gate::close();
    let directory = tempfile::tempdir().unwrap();
    let yaml =
        "jtype: Flow\nwith: {timeout: 20}\nexecutors:\n- {name: a, uses: Probe, uses_with: {name: own}}\n";
    let flow = start(&plan(yaml, directory.path(), &Environment::default())).await;
    assert_eq!(error(send(&flow, "/wait", &["x"]).await).error.kind(), ErrorKind::Expired);
    drop(closed);
}
