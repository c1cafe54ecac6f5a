//! Calls that hang, within one process. The executor is a probe that waits at `/wait` while the gate is closed.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun::diagnostic::Report;
use flowrun::job::{Input, Job, Output, Progress, ProgressDisplay, Summary, run};
use flowrun::runtime::{Flow, Request, TargetPattern, WorkerExit, launch_background, shard_of};
use flowrun::yaml::Environment;
use flowrun_sdk::{ErrorKind, RequestParameters};
use futures_util::future::join_all;

use crate::support::client::wait_until;
use crate::support::probe::calls_of;
use crate::support::{catalog, documents, error, flow, gate, plan, reply, send, start};

/// A probe in the pod `NAME`.
fn probe(name: &str, keys: &str) -> String {
    format!("- {{name: {name}, uses: Probe, uses_with: {{name: {name}}}{keys}}}\n")
}

/// A flow that is started as a service.
async fn service(with: &str, executors: &str) -> Flow {
    let directory = tempfile::tempdir().unwrap();
    let yaml = format!("jtype: Flow\nwith: {{{with}}}\nexecutors:\n{executors}");
    let topology = plan(&yaml, directory.path(), &Environment::default());
    launch_background(&topology, &catalog(), &mut Report::default()).await.unwrap()
}

/// A request to `endpoint`, addressed to the executor `target`.
fn request_to(target: &str, endpoint: &str) -> Request {
    Request {
        endpoint: endpoint.to_owned(),
        documents: documents(["x"]),
        target: Some(TargetPattern::new(&format!("{target}$")).unwrap()),
        ..Request::default()
    }
}

fn is_empty(flow: &Flow) -> bool {
    flow.request_counts().in_flight == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn timeout_send_ends_the_request_of_a_call_that_does_not_return() {
    let _closed = gate::close();
    for batching in ["", ", uses_dynamic_batching: {/wait: {preferred_batch_size: 2, timeout: 60000}}"] {
        let flow = flow(&probe("endless", &format!(", timeout_send: 30{batching}"))).await;
        let ids = if batching.is_empty() { vec![["x"]] } else { vec![["x"], ["y"]] };
        let outcomes = join_all(ids.iter().map(|ids| send(&flow, "/wait", ids))).await;
        for outcome in outcomes {
            let failed = error(outcome);
            let expected = "the call took longer than 30 ms (`timeout_send`) (in `endless`)";
            assert_eq!((failed.error.kind(), failed.to_string().as_str()), (ErrorKind::Expired, expected));
        }
        wait_until(|| is_empty(&flow)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_call_does_not_wait_for_other_branches() {
    let _closed = gate::close();
    let branches = format!(
        "{}{}{}",
        probe("late", ", needs: gateway, timeout_send: 30"),
        probe("slow", ", needs: gateway"),
        "- {name: join, uses: Pass, needs: [late, slow]}\n"
    );
    let flow = flow(&branches).await;
    let failed = error(send(&flow, "/wait", &["x"]).await);
    assert!(failed.to_string().ends_with("(`timeout_send`) (in `late`)"), "{failed}");
    wait_until(|| is_empty(&flow)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_call_of_a_floating_pod_does_not_fail_the_request() {
    let closed = gate::close();
    let executors = format!(
        "{}{}",
        probe("aside", ", needs: gateway, floating: true, timeout_send: 30"),
        probe("main", ", needs: gateway")
    );
    let flow = flow(&executors).await;
    let pending = flow.submit(request_to("(aside|main)", "/wait")).await.unwrap();
    wait_until(|| flow.unhealthy_pods().iter().any(|(pod, _)| pod == "aside")).await;
    drop(closed);
    assert_eq!(reply(pending.outcome().await).documents.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_requests_leave_the_queue_without_a_call_and_return_their_credits() {
    let closed = gate::close();
    let directory = tempfile::tempdir().unwrap();
    let executors = probe("queue", "") + &probe("other", "");
    let yaml = format!("jtype: Flow\nwith: {{prefetch: 5}}\nexecutors:\n{executors}");
    let flow = start(&plan(&yaml, directory.path(), &Environment::default())).await;
    let deadline = Some(Instant::now() + Duration::from_millis(30));
    let mut pending = Vec::new();
    for number in 0..5 {
        let deadline = deadline.filter(|_| number % 2 == 0);
        pending.push(flow.submit(Request { deadline, ..request_to("queue", "/wait") }).await.unwrap());
    }
    for (number, pending) in pending.into_iter().enumerate() {
        match number % 2 {
            0 => assert_eq!(error(pending.outcome().await).error.kind(), ErrorKind::Expired),
            // The client has disconnected.
            _ => drop(pending),
        }
    }
    wait_until(|| is_empty(&flow)).await;
    // All five credits are free although the executor is still in the first call.
    let others = join_all((0..5).map(|_| flow.submit(request_to("other", "/index")))).await;
    for pending in others {
        assert_eq!(reply(pending.unwrap().outcome().await).documents.len(), 1);
    }
    assert_eq!((calls_of("queue").len(), flow.pod_statistics()[0].queued), (1, 0));
    drop(closed);
    assert_eq!(
        reply(flow.submit(request_to("queue", "/index")).await.unwrap().outcome().await).documents.len(),
        1
    );
    assert_eq!(calls_of("queue").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_hangs_makes_its_pod_unhealthy_until_its_call_ends() {
    let closed = gate::close();
    let flow = flow(&probe("stuck", ", timeout_send: 30")).await;
    error(send(&flow, "/wait", &["x"]).await);
    wait_until(|| !flow.unhealthy_pods().is_empty()).await;
    let reason =
        "worker `stuck/rep-0` hangs in a call of `Probe` at /wait, longer than 30 ms (`timeout_send`)";
    assert_eq!(flow.unhealthy_pods(), [("stuck".to_owned(), reason.to_owned())]);
    assert_eq!(flow.pod_statistics()[0].hanging_workers, 1);
    let hang = flow.hang(true).await;
    assert!(
        hang.blocks_shard && &*hang.pod == "stuck" && hang.message.contains("`Probe` at /wait"),
        "{hang:?}"
    );
    drop(closed);
    wait_until(|| flow.unhealthy_pods().is_empty()).await;
    assert_eq!(flow.pod_statistics()[0].hanging_workers, 0);
    assert_eq!(reply(send(&flow, "/index", &["y"]).await).documents.len(), 1);
    assert!(flow.drain(Duration::from_secs(10)).await.completed());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_a_service_fail_at_once_while_all_workers_of_their_pod_hang() {
    let closed = gate::close();
    let executors = probe("one", ", timeout_send: 30, replicas: 2") + &probe("two", "");
    let flow = service("prefetch: 8", &executors).await;
    let pending = join_all((0..8).map(|_| flow.submit(request_to("one", "/wait")))).await;
    for pending in pending {
        assert_eq!(error(pending.unwrap().outcome().await).error.kind(), ErrorKind::Expired);
    }
    wait_until(|| flow.pod_statistics()[0].hanging_workers == 2 && is_empty(&flow)).await;
    for _ in 0..50 {
        let refused = error(flow.submit(request_to("one", "/index")).await.unwrap().outcome().await);
        let expected = "all 2 workers hang in calls of more than 30 ms (`timeout_send`) (in `one`)";
        assert_eq!((refused.error.kind(), refused.to_string().as_str()), (ErrorKind::Expired, expected));
        assert_eq!(
            reply(flow.submit(request_to("two", "/index")).await.unwrap().outcome().await).documents.len(),
            1
        );
    }
    drop(closed);
    wait_until(|| flow.unhealthy_pods().is_empty()).await;
    wait_until(|| flow.pod_statistics()[0].running_calls == 0).await;
    assert_eq!(
        reply(flow.submit(request_to("one", "/index")).await.unwrap().outcome().await).documents.len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_counts_the_workers_and_names_the_limit_that_was_exceeded() {
    let closed = gate::close();
    let flow = service("prefetch: 4, timeout: 30", &probe("single", "")).await;
    error(send(&flow, "/wait", &["x"]).await);
    wait_until(|| flow.pod_statistics()[0].hanging_workers == 1).await;
    wait_until(|| is_empty(&flow)).await;
    let refused = error(send(&flow, "/index", &["y"]).await);
    let expected = "the only worker hangs in a call of more than 30 ms (`timeout` of the flow) (in `single`)";
    assert_eq!((refused.error.kind(), refused.to_string().as_str()), (ErrorKind::Expired, expected));
    drop(closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_worker_among_eight_holds_up_no_other_request() {
    let closed = gate::close();
    let pods: String = (0..8).map(|number| probe(&format!("pod{number}"), ", timeout_send: 1000")).collect();
    for executors in [
        probe("pod3", ", replicas: 8, timeout_send: 1000"),
        probe("pod3", ", shards: 8, timeout_send: 1000"),
        pods,
    ] {
        let flow = service("prefetch: 4", &executors).await;
        let endless = flow.submit(request_to("pod3", "/wait")).await.unwrap();
        wait_until(|| flow.pod_statistics().iter().any(|pod| pod.running_calls == 1)).await;
        let (shards, pods) = (executors.contains("shards"), flow.pod_statistics().len());
        for number in (0..100).filter(|number| pods == 1 || number % 8 != 3) {
            let target = if pods == 1 { "pod3".to_owned() } else { format!("pod{}", number % 8) };
            let id = number.to_string();
            // The shard of the endless call cannot answer.
            if shards && shard_of(&id, 8) == shard_of("x", 8) {
                continue;
            }
            let request = Request { documents: documents([id]), ..request_to(&target, "/index") };
            assert_eq!(reply(flow.submit(request).await.unwrap().outcome().await).documents.len(), 1);
        }
        assert_eq!(error(endless.outcome().await).error.kind(), ErrorKind::Expired);
    }
    drop(closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_does_not_wait_for_an_abandoned_call_and_closes_the_other_pods() {
    let closed = gate::close();
    let flow = flow(&(probe("hung", "") + &probe("after", ""))).await;
    let deadline = Some(Instant::now() + Duration::from_millis(20));
    let request = Request { deadline, ..request_to("hung", "/wait") };
    error(flow.submit(request).await.unwrap().outcome().await);
    let drained = flow.drain(Duration::from_secs(600)).await;
    assert_eq!((drained.in_flight, drained.workers, drained.completed()), (0, 1, false));
    let [WorkerExit::Abandoned(message)] = drained.failed_workers.as_slice() else { panic!("{drained:?}") };
    assert!(
        message.starts_with("worker `hung/rep-0` has been in a call of `Probe` at /wait for "),
        "{message}"
    );
    drop(closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_job_loses_only_the_document_in_a_call_that_ends_late() {
    let closed = gate::close();
    let flow = Arc::new(flow(&probe("late", ", timeout_send: 500")).await);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in.jsonl");
    std::fs::write(&path, "{\"id\": \"a\"}\n{\"id\": \"b\"}\n{\"id\": \"c\"}\n").unwrap();
    let running = tokio::spawn(job(&flow, &path, std::future::pending()));
    wait_until(|| !flow.unhealthy_pods().is_empty()).await;
    drop(closed);
    let summary = running.await.unwrap();
    assert_eq!((summary.succeeded, summary.failed), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_job_ends_when_no_worker_is_expected_to_return() {
    let closed = gate::close();
    let flow = Arc::new(flow(&probe("never", ", timeout_send: 20")).await);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in.jsonl");
    let lines: String = (0..1000).map(|number| format!("{{\"id\": \"{number}\"}}\n")).collect();
    std::fs::write(&path, lines).unwrap();
    let hang = flow.hang(true);
    let summary = job(&flow, &path, async move { drop(hang.await) }).await;
    assert!(summary.succeeded == 0 && (1..1000).contains(&summary.failed), "{summary:?}");
    assert_eq!(calls_of("never").len(), 1);
    drop(closed);
}

/// Runs a job over the lines of a file, one document per request, until `stop` completes.
fn job(
    flow: &Arc<Flow>,
    path: &Path,
    stop: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = Summary> + Send + 'static {
    let inputs = vec![Input::JsonLines(path.to_owned())];
    let job = Job {
        inputs,
        skipped: 0,
        embed_content: false,
        endpoint: "/wait".to_owned(),
        parameters: RequestParameters::new(),
        request_size: 1,
        credits: 8,
        timeout: None,
        part: None,
    };
    let flow = Arc::clone(flow);
    async move {
        let output = Output::new(None).unwrap();
        run(flow, job, None, output, Progress::new(None, ProgressDisplay::Log), stop).await.unwrap()
    }
}
