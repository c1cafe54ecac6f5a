//! What goes wrong in an executor costs its own request, is told with its cause, and is mended.

use std::time::{Duration, Instant};

use flowrun::diagnostic::{Code, Report};
use flowrun::runtime::{Request, launch};
use flowrun::yaml::Environment;
use flowrun_sdk::ErrorKind;

use crate::support::probe::seen;
use crate::support::{documents, error, flow, gate, plan, reply, send, start};

/// A chain of two probes whose names begin with `name`.
fn chain(name: &str) -> String {
    format!(
        "- {{name: first, uses: Probe, uses_with: {{name: {name}a}}}}\n- {{name: second, uses: Probe, uses_with: {{name: {name}b}}}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_costs_its_own_request_and_the_worker_is_made_anew() {
    let flow = flow(&chain("panic")).await;
    for _ in 0..3 {
        let error = error(send(&flow, "/panic", &["x"]).await);
        assert_eq!(error.to_string(), "the executor panicked: told to (in `first`)");
        assert_eq!(reply(send(&flow, "/index", &["y"]).await).documents.len(), 1);
    }
    let statistics = flow.pod_statistics();
    assert_eq!((statistics[0].restarts, statistics[0].calls, statistics[0].failed_calls), (3, 6, 3));
    assert!(seen("panicb").iter().all(|ids| ids == &["y"]), "a failed request skips the pods behind");
    assert!(flow.drain(Duration::from_secs(10)).await.completed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_cannot_be_made_anew_answers_with_the_reason() {
    let flow = flow("- {name: a, uses: Probe, uses_with: {name: once, once: true}}\n").await;
    error(send(&flow, "/panic", &["x"]).await);
    for _ in 0..20 {
        let error = error(send(&flow, "/index", &["x"]).await);
        assert_eq!(error.to_string(), "the executor panicked and cannot be restarted: once only (in `a`)");
    }
    let drained = flow.drain(Duration::from_secs(10)).await;
    assert!(drained.completed() && drained.failed_workers.len() == 1, "{drained:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_names_the_pod_and_the_cause_and_skips_what_is_behind() {
    let flow = flow(&chain("fail")).await;
    let error = error(send(&flow, "/fail", &["x"]).await);
    assert_eq!(
        (error.to_string().as_str(), error.error.kind()),
        ("told to (in `first`)", ErrorKind::Resource)
    );
    assert_eq!(seen("failb"), [[""; 0]; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_document_fails_alone_and_is_not_seen_again() {
    let flow = flow(&chain("alone")).await;
    let response = reply(send(&flow, "/index", &["x", "bad", "y"]).await);
    assert_eq!(crate::support::ids(&response.documents), ["x", "y"]);
    assert_eq!(
        response.failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["bad: bad (in `first`)"]
    );
    assert_eq!(seen("aloneb"), [["x", "y"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_or_late_reaches_no_further_executor() {
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
    let given_up = flow.submit(request("given up", None)).await.unwrap();
    // Answered at its deadline, although its executor is still busy with it.
    assert_eq!(error(late.outcome().await).error.kind(), ErrorKind::Expired);
    drop(given_up);
    drop(closed);
    assert_eq!(reply(send(&flow, "/index", &["after"]).await).documents.len(), 1);
    assert_eq!(
        (seen("latea"), seen("lateb")),
        (vec![vec!["late".to_owned()], vec!["after".to_owned()]], vec![vec!["after".to_owned()]])
    );
    let books = flow.request_counts();
    assert_eq!((books.accepted, books.expired, books.cancelled, books.replied), (3, 1, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_finishes_what_is_inside_and_lets_nobody_in() {
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
    let refused = flow.submit(Request::default()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the flow is shutting down and accepts no more requests");
    drop(closed);
    let drained = flow.drain(Duration::from_secs(20)).await;
    assert!(drained.completed() && drained.failed_workers.is_empty(), "{drained:?}");
    for pending in waiting {
        assert_eq!(reply(pending.outcome().await).documents.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_in_time_is_counted() {
    let closed = gate::close();
    let flow = flow(&chain("stuck")).await;
    let request = Request { endpoint: "/wait".to_owned(), documents: documents(["x"]), ..Request::default() };
    let _pending = flow.submit(request).await.unwrap();
    let drained = flow.drain(Duration::from_millis(50)).await;
    assert_eq!((drained.in_flight, drained.completed()), (1, false));
    drop(closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_that_cannot_start_says_why() {
    let closed = gate::close();
    let directory = tempfile::tempdir().unwrap();
    let yaml = "jtype: Flow\nexecutors:\n- {name: slow, uses: Probe, uses_with: {name: slow, gated: true}, timeout_ready: 30}\n\
                - {name: broken, uses: Probe, uses_with: {name: broken, broken: true}}\n";
    let topology = plan(yaml, directory.path(), &Environment::default());
    let mut report = Report::default();
    assert!(launch(&topology, &crate::support::catalog(), &mut report).await.is_none());
    drop(closed);
    let said: Vec<(Code, &str)> =
        report.sorted().iter().map(|diagnostic| (diagnostic.code, diagnostic.message.as_str())).collect();
    assert_eq!(
        said,
        [
            (Code::NotReady, "`slow` was not ready within 0.03 s"),
            (Code::NotStarted, "`broken` could not be started: the constructor panicked: broken"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flows_own_timeout_bounds_every_request() {
    let closed = gate::close();
    let directory = tempfile::tempdir().unwrap();
    let yaml =
        "jtype: Flow\nwith: {timeout: 20}\nexecutors:\n- {name: a, uses: Probe, uses_with: {name: own}}\n";
    let flow = start(&plan(yaml, directory.path(), &Environment::default())).await;
    assert_eq!(error(send(&flow, "/wait", &["x"]).await).error.kind(), ErrorKind::Expired);
    drop(closed);
}
