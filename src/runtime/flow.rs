//! A running flow: accepts requests, reports its state, drains.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_sdk::{Endpoints, ErrorKind, Health, MetricSample, Metrics};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::edges::PodOutput;
use super::endpoint_check::EndpointCheck;
use super::metrics::{PodMetrics, PodStatistics, RequestCounters, RequestCounts};
use super::request::{DocumentOrder, InFlightRequest, PendingResponse, Request, RequestError, check_size};
use super::watchdog::{Hang, Watchdog};
use super::worker::WorkerExit;
use crate::spec::WhenFull;

/// A running flow. Dropping it closes the entrance without waiting for requests inside.
pub struct Flow {
    /// Edges to the first pods. Taking it closes their channels once the requests inside have left.
    pub(super) entrance: Mutex<Option<Arc<PodOutput>>>,
    /// One permit (a *credit*) for each request that may be inside. Closed when the flow is.
    pub(super) credits: Arc<Semaphore>,
    pub(super) when_full: WhenFull,
    /// Time limit of every request; `None` for no limit.
    pub(super) timeout: Option<Duration>,
    /// Bytes that the documents of one request may occupy at any point of the flow.
    pub(super) request_bytes_max: usize,
    /// Set when branches may return documents out of order, so that replies are sorted.
    pub(super) restores_order: bool,
    pub(super) counters: Arc<RequestCounters>,
    pub(super) endpoint_check: EndpointCheck,
    /// The pods, in the order of the topology.
    pub(super) pods: Vec<RunningPod>,
    pub(super) watchdog: Watchdog,
    /// Exit state of each worker; taken by the first call of `drain`.
    pub(super) workers: Mutex<Vec<oneshot::Receiver<WorkerExit>>>,
}

/// Observable state of a running pod.
pub(super) struct RunningPod {
    pub(super) name: Arc<str>,
    /// Number of workers.
    pub(super) workers: usize,
    /// Endpoints that the executor handles.
    pub(super) endpoints: Endpoints,
    pub(super) metrics: Arc<PodMetrics>,
    /// Metrics that the executors report, with the shard number.
    pub(super) executor_metrics: Vec<(usize, Metrics)>,
    /// Health that the executors report, and health of the workers by the watchdog.
    pub(super) health: Vec<Health>,
}

/// A metric reported by an executor.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutorMetric {
    /// The pod's name.
    pub pod: Arc<str>,
    /// The shard, from 0.
    pub shard: usize,
    /// Name, kind and value.
    pub reading: MetricSample,
}

/// Result of draining a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Requests still inside when the time limit was reached.
    pub in_flight: u64,
    /// Workers still in a call when the time limit was reached, or cut off because the requests of their call had ended.
    pub workers: usize,
    /// Exit states of the workers that did not end normally.
    pub failed_workers: Vec<WorkerExit>,
}

impl DrainReport {
    /// Returns `true` when all requests and workers ended within the time limit.
    pub fn completed(&self) -> bool {
        self.in_flight == 0 && self.workers == 0
    }
}

impl Flow {
    /// Submits a request. When the flow is full, waits for a credit, or fails under `when_full: refuse`.
    ///
    /// # Errors
    /// When the flow is closed or full, when the request is too large, or when no credit was free before the deadline.
    /// The request was not accepted.
    pub async fn submit(&self, request: Request) -> Result<PendingResponse, RequestError> {
        self.enter(request, self.when_full).await
    }

    /// Submits a request and waits for a credit even under `when_full: refuse`, for callers that limit their own rate.
    ///
    /// # Errors
    /// When the flow is closed, when the request is too large, or when no credit was free before the deadline. The
    /// request was not accepted.
    pub async fn submit_waiting(&self, request: Request) -> Result<PendingResponse, RequestError> {
        self.enter(request, WhenFull::Wait).await
    }

    async fn enter(
        &self,
        mut request: Request,
        when_full: WhenFull,
    ) -> Result<PendingResponse, RequestError> {
        self.endpoint_check.warn_once(&request.endpoint);
        if let Err(error) = check_size(&request.documents, self.request_bytes_max) {
            self.counters.record_rejected();
            return Err(RequestError { pod: None, error });
        }
        let timeout = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        request.deadline = [request.deadline, timeout].into_iter().flatten().min();
        let credit = self.acquire_credit(when_full, request.deadline).await;
        let entrance = self.entrance.lock().clone();
        let (Some(credit), Some(entrance)) = (credit, entrance) else {
            self.counters.record_rejected();
            return Err(self.rejection(&request));
        };
        let deadline = request.deadline;
        let order = self.restores_order.then(|| DocumentOrder::new(&request.documents));
        let (request, content, outcome) =
            InFlightRequest::accept(request, credit, &self.counters, self.request_bytes_max, order);
        let pending = PendingResponse::new(outcome, Arc::downgrade(&request), deadline);
        entrance.send(&request, content);
        Ok(pending)
    }

    /// A credit; `None` when the flow is closed, full, or no credit was free before the deadline.
    async fn acquire_credit(
        &self,
        when_full: WhenFull,
        deadline: Option<Instant>,
    ) -> Option<OwnedSemaphorePermit> {
        let credits = Arc::clone(&self.credits);
        match (when_full, deadline) {
            (WhenFull::Refuse, _) => credits.try_acquire_owned().ok(),
            (WhenFull::Wait, None) => credits.acquire_owned().await.ok(),
            (WhenFull::Wait, Some(deadline)) => {
                let credit = credits.acquire_owned();
                tokio::time::timeout_at(deadline.into(), credit).await.ok().and_then(Result::ok)
            }
        }
    }

    /// The error of a request that was not accepted.
    fn rejection(&self, request: &Request) -> RequestError {
        if self.entrance.lock().is_none() {
            return RequestError::outside_pods(
                ErrorKind::Resource,
                "the flow is shutting down and accepts no more requests",
            );
        }
        if request.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return RequestError::outside_pods(
                ErrorKind::Expired,
                "the deadline passed while the request waited to enter the flow",
            );
        }
        RequestError::outside_pods(ErrorKind::Resource, "the flow is full")
    }

    /// Returns `true` when no credit is free, so that a new request has to wait.
    pub fn is_full(&self) -> bool {
        self.credits.available_permits() == 0
    }

    /// Rejects all further requests. Requests inside continue.
    pub fn close(&self) {
        self.credits.close();
        self.entrance.lock().take();
    }

    /// Closes the flow and waits, at most for `limit`, until all requests have left and all workers have ended. Workers in
    /// calls whose requests have ended are not waited for.
    pub async fn drain(&self, limit: Duration) -> DrainReport {
        self.close();
        self.watchdog.start_draining();
        let deadline = tokio::time::Instant::now() + limit;
        let mut report = DrainReport::default();
        let workers = std::mem::take(&mut *self.workers.lock());
        for worker in workers {
            match tokio::time::timeout_at(deadline, worker).await {
                Ok(Ok(WorkerExit::Completed)) => {}
                Ok(Ok(exit)) => {
                    report.workers += usize::from(matches!(exit, WorkerExit::Abandoned(_)));
                    report.failed_workers.push(exit);
                }
                Ok(Err(_)) => {
                    report.failed_workers.push(WorkerExit::Failed("the worker's thread died".to_owned()));
                }
                Err(_) => report.workers += 1,
            }
        }
        report.in_flight = self.counters.snapshot().in_flight;
        report
    }

    /// Counts of requests by outcome.
    pub fn request_counts(&self) -> RequestCounts {
        self.counters.snapshot()
    }

    /// Endpoints that each pod handles, in the order of the topology.
    pub fn endpoints(&self) -> Vec<Endpoints> {
        self.pods.iter().map(|pod| pod.endpoints.clone()).collect()
    }

    /// Metrics reported by the executors, by pod and shard. Executors may block while they compute them.
    pub fn executor_metrics(&self) -> Vec<ExecutorMetric> {
        let of_pod = |pod: &RunningPod| -> Vec<ExecutorMetric> {
            let samples = pod
                .executor_metrics
                .iter()
                .flat_map(|(shard, metrics)| metrics.samples().into_iter().map(|reading| (*shard, reading)));
            let metric = |(shard, reading)| ExecutorMetric { pod: Arc::clone(&pod.name), shard, reading };
            samples.map(metric).collect()
        };
        self.pods.iter().flat_map(of_pod).collect()
    }

    /// Names of the pods with unhealthy executors, each with the distinct reasons, joined by `; `.
    pub fn unhealthy_pods(&self) -> Vec<(String, String)> {
        self.reasons_by_pod(Health::unhealthy_reason)
    }

    /// Names of the pods with degraded executors, each with the lost capacity, joined by `; `.
    pub fn degraded_pods(&self) -> Vec<(String, String)> {
        self.reasons_by_pod(Health::degradation)
    }

    /// The distinct reasons of each pod that has some.
    fn reasons_by_pod(&self, reason: fn(&Health) -> Option<String>) -> Vec<(String, String)> {
        let reasons = |pod: &RunningPod| {
            let mut reasons: Vec<String> = pod.health.iter().filter_map(reason).collect();
            reasons.sort();
            reasons.dedup();
            (!reasons.is_empty()).then(|| (pod.name.to_string(), reasons.join("; ")))
        };
        self.pods.iter().filter_map(reasons).collect()
    }

    /// Waits for a worker that has been in a call for so long that it is not expected to return. With `blocking_only`, waits
    /// until that holds for all workers of a shard, so that its requests cannot be processed.
    pub fn hang(&self, blocking_only: bool) -> impl Future<Output = Hang> + Send + use<> {
        self.watchdog.hang(blocking_only)
    }

    /// Counters of each pod's workers, in the order of the topology.
    pub fn pod_statistics(&self) -> Vec<PodStatistics> {
        self.pods.iter().map(|pod| pod.metrics.snapshot(&pod.name, pod.workers)).collect()
    }
}
