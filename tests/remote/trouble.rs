//! What becomes of calls when the other side is slow, gone, or not there yet.

use std::time::{Duration, Instant};

use flowrun_sdk::ErrorKind;

use super::{calling, request};
use crate::support::client::{Served, served, served_at, until};
use crate::support::{error, flow, gate, ids, reply, send};

async fn gated() -> Served {
    served("", "- {name: gate, uses: Gate}").await
}

#[tokio::test]
async fn a_deadline_goes_along_and_ends_the_call_on_both_sides() {
    let served = gated().await;
    let flow = calling(&served, "").await;
    let closed = gate::close();
    let mut late = request("/index", &["a"]);
    late.deadline = Some(Instant::now() + Duration::from_millis(100));
    let failed = error(flow.submit(late).await.unwrap().outcome().await);
    assert_eq!(failed.error.kind(), ErrorKind::Expired);
    let books = || served.flow.request_counts();
    until(|| books().expired + books().cancelled == 1).await;
    drop(closed);
}

#[tokio::test]
async fn one_call_may_be_bounded_and_says_so() {
    let served = gated().await;
    let flow = calling(&served, ", timeout_send: 50").await;
    let closed = gate::close();
    let failed = error(send(&flow, "/index", &["a"]).await);
    let told = format!("{} did not answer within 50 ms (`timeout_send`) (in `far`)", served.address());
    assert_eq!((failed.error.kind(), failed.to_string()), (ErrorKind::Expired, told));
    drop(closed);
}

#[tokio::test]
async fn whoever_gives_up_ends_the_call_on_the_other_side() {
    let served = gated().await;
    let flow = calling(&served, "").await;
    let closed = gate::close();
    let pending = flow.submit(request("/index", &["a"])).await.unwrap();
    until(|| served.flow.request_counts().accepted == 1).await;
    drop(pending);
    until(|| served.flow.request_counts().cancelled == 1).await;
    drop(closed);
}

#[tokio::test]
async fn of_two_addresses_one_may_die_and_nothing_is_lost() {
    let (one, other) =
        (served("", "- {name: a, uses: Pass}").await, served("", "- {name: a, uses: Pass}").await);
    let ports = format!("[{}, {}]", one.address().port(), other.address().port());
    let flow = flow(&format!("- {{name: far, external: true, port: {ports}}}")).await;
    for _ in 0..20 {
        assert_eq!(ids(&reply(send(&flow, "/index", &["a"]).await).documents), ["a"]);
    }
    // Replicas share the work.
    assert!(one.flow.request_counts().accepted > 0 && other.flow.request_counts().accepted > 0);
    let (gone, before) = (one.address(), other.flow.request_counts().accepted);
    assert!(one.drain().await.completed());
    for _ in 0..50 {
        assert_eq!(ids(&reply(send(&flow, "/index", &["a"]).await).documents), ["a"]);
    }
    assert_eq!(other.flow.request_counts().accepted, before + 50);
    // One is enough to be ready.
    assert_eq!(flow.unhealthy_pods(), []);
    let also_gone = other.address();
    assert!(other.drain().await.completed());
    let failed = error(send(&flow, "/index", &["a"]).await);
    assert_eq!(failed.error.kind(), ErrorKind::Resource);
    for named in [gone.to_string(), also_gone.to_string(), "`far`".to_owned()] {
        assert!(failed.to_string().contains(&named), "{failed}");
    }
}

#[tokio::test]
async fn nothing_is_tried_again_when_retries_are_none_or_time_is_up() {
    let nowhere = free_port();
    let never = flow(&format!("- {{name: far, external: true, port: {nowhere}, retries: 0}}")).await;
    let failed = error(send(&never, "/index", &["a"]).await);
    assert!(
        failed.to_string().contains(&format!("no address could be reached: 127.0.0.1:{nowhere}: ")),
        "{failed}"
    );

    let often = flow(&format!("- {{name: far, external: true, port: {nowhere}, retries: 1000}}")).await;
    let mut hurried = request("/index", &["a"]);
    let deadline = Instant::now() + Duration::from_secs(1);
    hurried.deadline = Some(deadline);
    let failed = error(often.submit(hurried).await.unwrap().outcome().await);
    // The cause rather than the deadline, because no try would have come before it.
    assert_eq!((failed.error.kind(), Instant::now() <= deadline), (ErrorKind::Resource, true), "{failed}");
}

#[tokio::test]
async fn a_flow_starts_without_the_other_side_and_says_that_it_is_not_ready() {
    let port = free_port();
    let calling = served("", &format!("- {{name: far, external: true, port: {port}}}")).await;
    let (code, _, body) = calling.http("GET", "/ready", "", "").await;
    assert_eq!((code, body.contains("\"far\":\"cannot be reached at 127.0.0.1:")), (503, true), "{body}");
    let far = served_at("- {name: a, uses: Pass}", &format!("127.0.0.1:{port}")).await;
    until(|| calling.flow.unhealthy_pods().is_empty()).await;
    let (code, _, body) = calling.http("GET", "/ready", "", "").await;
    assert_eq!((code, body.as_str()), (200, "{\"ready\":true}"));
    assert_eq!(ids(&reply(send(&calling.flow, "/index", &["a"]).await).documents), ["a"]);
    assert_eq!(far.flow.request_counts().accepted, 1);
}

#[tokio::test]
async fn no_more_calls_are_under_way_at_an_address_than_concurrency_says() {
    let served = gated().await;
    let flow = calling(&served, ", concurrency: 2").await;
    let closed = gate::close();
    let asked: Vec<_> =
        futures_util::future::join_all((0..6).map(|_| flow.submit(request("/index", &["a"])))).await;
    until(|| served.flow.request_counts().in_flight == 2).await;
    drop(closed);
    for pending in asked {
        reply(pending.unwrap().outcome().await);
    }
    // One of the two was worked on, so one waited at the most.
    assert_eq!(
        (served.flow.pod_statistics()[0].queued_max <= 2, served.flow.request_counts().accepted),
        (true, 6)
    );
}

/// A port that nobody listens at.
pub(super) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
