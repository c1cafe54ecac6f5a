//! Calls to remote executors that are slow, gone or not yet started.

use std::time::{Duration, Instant};

use flowrun_sdk::ErrorKind;

use super::{request, start_caller};
use crate::support::client::{ServedFlow, serve_at, serve_flow, wait_until};
use crate::support::{error, flow, gate, ids, reply, send};

/// Serves a flow that blocks while the gate is closed.
async fn serve_gate() -> ServedFlow {
    serve_flow("", "- {name: gate, uses: Gate}").await
}

#[tokio::test]
async fn a_deadline_is_sent_and_ends_the_call_on_both_sides() {
    let served = serve_gate().await;
    let flow = start_caller(&served, "").await;
    let closed = gate::close();
    let mut late = request("/index", &["a"]);
    late.deadline = Some(Instant::now() + Duration::from_millis(100));
    let failed = error(flow.submit(late).await.unwrap().outcome().await);
    assert_eq!(failed.error.kind(), ErrorKind::Expired);
    let counts = || served.flow.request_counts();
    wait_until(|| counts().expired + counts().cancelled == 1).await;
    drop(closed);
}

#[tokio::test]
async fn timeout_send_bounds_a_single_call_and_is_named_in_the_error() {
    let served = serve_gate().await;
    let flow = start_caller(&served, ", timeout_send: 50").await;
    let closed = gate::close();
    let failed = error(send(&flow, "/index", &["a"]).await);
    let expected = format!("{} did not answer within 50 ms (`timeout_send`) (in `far`)", served.address());
    assert_eq!((failed.error.kind(), failed.to_string()), (ErrorKind::Expired, expected));
    drop(closed);
}

#[tokio::test]
async fn cancelling_a_request_cancels_the_remote_call() {
    let served = serve_gate().await;
    let flow = start_caller(&served, "").await;
    let closed = gate::close();
    let pending = flow.submit(request("/index", &["a"])).await.unwrap();
    wait_until(|| served.flow.request_counts().accepted == 1).await;
    drop(pending);
    wait_until(|| served.flow.request_counts().cancelled == 1).await;
    drop(closed);
}

#[tokio::test]
async fn no_request_is_lost_when_one_of_two_addresses_fails() {
    let (one, other) =
        (serve_flow("", "- {name: a, uses: Pass}").await, serve_flow("", "- {name: a, uses: Pass}").await);
    let ports = format!("[{}, {}]", one.address().port(), other.address().port());
    let flow = flow(&format!("- {{name: far, external: true, port: {ports}}}")).await;
    for _ in 0..20 {
        assert_eq!(ids(&reply(send(&flow, "/index", &["a"]).await).documents), ["a"]);
    }
    // Both addresses receive calls.
    assert!(one.flow.request_counts().accepted > 0 && other.flow.request_counts().accepted > 0);
    let (stopped, before) = (one.address(), other.flow.request_counts().accepted);
    assert!(one.drain().await.completed());
    for _ in 0..50 {
        assert_eq!(ids(&reply(send(&flow, "/index", &["a"]).await).documents), ["a"]);
    }
    assert_eq!(other.flow.request_counts().accepted, before + 50);
    // The pod is ready while one address can be reached.
    assert_eq!(flow.unhealthy_pods(), []);
    let also_stopped = other.address();
    assert!(other.drain().await.completed());
    let failed = error(send(&flow, "/index", &["a"]).await);
    assert_eq!(failed.error.kind(), ErrorKind::Resource);
    for name in [stopped.to_string(), also_stopped.to_string(), "`far`".to_owned()] {
        assert!(failed.to_string().contains(&name), "{failed}");
    }
}

#[tokio::test]
async fn calls_are_not_retried_without_retries_or_past_the_deadline() {
    let unused_port = free_port();
    let without_retries =
        flow(&format!("- {{name: far, external: true, port: {unused_port}, retries: 0}}")).await;
    let failed = error(send(&without_retries, "/index", &["a"]).await);
    assert!(
        failed.to_string().contains(&format!("no address could be reached: 127.0.0.1:{unused_port}: ")),
        "{failed}"
    );

    let with_retries =
        flow(&format!("- {{name: far, external: true, port: {unused_port}, retries: 1000}}")).await;
    let mut bounded = request("/index", &["a"]);
    let deadline = Instant::now() + Duration::from_secs(1);
    bounded.deadline = Some(deadline);
    let failed = error(with_retries.submit(bounded).await.unwrap().outcome().await);
    // The error is the cause and not the expiry, because the next retry would come after the deadline.
    assert_eq!((failed.error.kind(), Instant::now() <= deadline), (ErrorKind::Resource, true), "{failed}");
}

#[tokio::test]
async fn a_flow_starts_without_its_remote_executor_and_reports_that_it_is_not_ready() {
    let port = free_port();
    let caller = serve_flow("", &format!("- {{name: far, external: true, port: {port}}}")).await;
    let (code, _, body) = caller.http("GET", "/ready", "", "").await;
    assert_eq!((code, body.contains("\"far\":\"cannot be reached at 127.0.0.1:")), (503, true), "{body}");
    let far = serve_at("- {name: a, uses: Pass}", &format!("127.0.0.1:{port}")).await;
    wait_until(|| caller.flow.unhealthy_pods().is_empty()).await;
    let (code, _, body) = caller.http("GET", "/ready", "", "").await;
    assert_eq!((code, body.as_str()), (200, "{\"ready\":true}"));
    assert_eq!(ids(&reply(send(&caller.flow, "/index", &["a"]).await).documents), ["a"]);
    assert_eq!(far.flow.request_counts().accepted, 1);
}

#[tokio::test]
async fn concurrency_bounds_the_calls_in_progress_at_an_address() {
    let served = serve_gate().await;
    let flow = start_caller(&served, ", concurrency: 2").await;
    let closed = gate::close();
    let submitted: Vec<_> =
        futures_util::future::join_all((0..6).map(|_| flow.submit(request("/index", &["a"])))).await;
    wait_until(|| served.flow.request_counts().in_flight == 2).await;
    drop(closed);
    for pending in submitted {
        reply(pending.unwrap().outcome().await);
    }
    // At most two calls were in the served flow at a time.
    assert_eq!(
        (served.flow.pod_statistics()[0].queued_max <= 2, served.flow.request_counts().accepted),
        (true, 6)
    );
}

/// Returns a port that is not in use.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
