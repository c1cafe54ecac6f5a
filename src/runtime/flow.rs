//! A running flow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_sdk::{Endpoints, ErrorKind, Health, MetricSample, Metrics};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use super::ledger::{RequestCounters, RequestCounts};
use super::meter::{Meter, PodStatistics};
use super::obligation::{InFlightRequest, bounded};
use super::order::Order;
use super::pending::PendingResponse;
use super::request::{Request, RequestError};
use super::route::Outlet;
use super::thread::WorkerExit;
use crate::spec::WhenFull;

/// A running flow.
pub struct Flow {
    /// Where requests go first; taken away when the flow is to end, and with it goes the first pods' input.
    pub(super) entrance: Mutex<Option<Arc<Outlet>>>,
    pub(super) credits: Arc<Semaphore>,
    pub(super) when_full: WhenFull,
    pub(super) timeout: Option<Duration>,
    /// What the documents of a request may hold, in bytes, whatever they go through.
    pub(super) request_bytes_max: usize,
    /// Whether branches may return documents in another order than that of the request.
    pub(super) sorts: bool,
    pub(super) ledger: Arc<RequestCounters>,
    pub(super) pods: Vec<Pod>,
    /// Where each worker's end is told; taken by the one who drains.
    pub(super) workers: Mutex<Vec<oneshot::Receiver<WorkerExit>>>,
}

/// What is known of a running pod from outside.
pub(super) struct Pod {
    pub(super) name: Arc<str>,
    pub(super) workers: usize,
    pub(super) endpoints: Endpoints,
    pub(super) meter: Arc<Meter>,
    /// What its executors tell, by shard.
    pub(super) metrics: Vec<(usize, Metrics)>,
    /// Where its executors say when they cannot do their work.
    pub(super) health: Vec<Health>,
}

/// A number that an executor told.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutorMetric {
    /// The pod's name.
    pub pod: Arc<str>,
    /// Which shard told it.
    pub shard: usize,
    /// The number.
    pub reading: MetricSample,
}

/// How a flow ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// What was left inside when the time was up: requests, and workers that had not ended.
    pub in_flight: u64,
    /// Workers that had not ended.
    pub workers: usize,
    /// Workers that ended otherwise than well.
    pub failed_workers: Vec<WorkerExit>,
}

impl DrainReport {
    /// Whether everything ended in time.
    pub fn completed(&self) -> bool {
        self.in_flight == 0 && self.workers == 0
    }
}

impl Flow {
    /// Sends a request in. Waits for a credit, or is refused when the flow says so.
    ///
    /// # Errors
    /// When the flow is ending, is full, or no credit came before the deadline: the request was not accepted.
    pub async fn submit(&self, request: Request) -> Result<PendingResponse, RequestError> {
        self.enter(request, self.when_full).await
    }

    /// Sends a request in. Waits for a credit whatever the flow says: for whoever sets the pace itself.
    ///
    /// # Errors
    /// When the flow is ending, or no credit came before the deadline: the request was not accepted.
    pub async fn submit_waiting(&self, request: Request) -> Result<PendingResponse, RequestError> {
        self.enter(request, WhenFull::Wait).await
    }

    async fn enter(
        &self,
        mut request: Request,
        when_full: WhenFull,
    ) -> Result<PendingResponse, RequestError> {
        if let Err(error) = bounded(&request.documents, self.request_bytes_max) {
            self.ledger.reject();
            return Err(RequestError { pod: None, error });
        }
        let own = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        request.deadline = [request.deadline, own].into_iter().flatten().min();
        let credit = match when_full {
            WhenFull::Refuse => Arc::clone(&self.credits).try_acquire_owned().ok(),
            WhenFull::Wait => {
                let credit = Arc::clone(&self.credits).acquire_owned();
                match request.deadline {
                    None => credit.await.ok(),
                    Some(deadline) => {
                        tokio::time::timeout_at(deadline.into(), credit).await.ok().and_then(Result::ok)
                    }
                }
            }
        };
        let entrance = self.entrance.lock().clone();
        let (Some(credit), Some(entrance)) = (credit, entrance) else {
            self.ledger.reject();
            return Err(self.refusal(&request));
        };
        let deadline = request.deadline;
        let order = self.sorts.then(|| Order::of(&request.documents));
        let (request, content, outcome) =
            InFlightRequest::accept(request, credit, &self.ledger, self.request_bytes_max, order);
        let pending = PendingResponse::new(outcome, Arc::downgrade(&request), deadline);
        entrance.send(&request, content);
        Ok(pending)
    }

    /// Why a request was not accepted.
    fn refusal(&self, request: &Request) -> RequestError {
        if self.entrance.lock().is_none() {
            return RequestError::of_kind(
                ErrorKind::Resource,
                "the flow is ending and takes no more requests",
            );
        }
        if request.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return RequestError::of_kind(
                ErrorKind::Expired,
                "the deadline passed before there was room for the request",
            );
        }
        RequestError::of_kind(ErrorKind::Resource, "the flow is full")
    }

    /// Whether whoever comes has to wait for a credit.
    pub fn is_full(&self) -> bool {
        self.credits.available_permits() == 0
    }

    /// Lets nobody in any more. What is inside goes on.
    pub fn close(&self) {
        self.credits.close();
        self.entrance.lock().take();
    }

    /// Lets nobody in any more, and waits until everything inside has left and every worker has ended.
    pub async fn drain(&self, limit: Duration) -> DrainReport {
        self.close();
        let deadline = tokio::time::Instant::now() + limit;
        let mut drained = DrainReport::default();
        let workers = std::mem::take(&mut *self.workers.lock());
        for worker in workers {
            match tokio::time::timeout_at(deadline, worker).await {
                Ok(Ok(WorkerExit::Done)) => {}
                Ok(Ok(end)) => drained.failed_workers.push(end),
                Ok(Err(_)) => drained.failed_workers.push(WorkerExit::Broken("the worker died".to_owned())),
                Err(_) => drained.workers += 1,
            }
        }
        drained.in_flight = self.ledger.counts().in_flight;
        drained
    }

    /// How many requests came in, and how they ended.
    pub fn request_counts(&self) -> RequestCounts {
        self.ledger.counts()
    }

    /// Which requests each pod handles, by the pods' positions.
    pub fn endpoints(&self) -> Vec<Endpoints> {
        self.pods.iter().map(|pod| pod.endpoints.clone()).collect()
    }

    /// What the executors tell of themselves, pod by pod and shard by shard. May block.
    pub fn executor_metrics(&self) -> Vec<ExecutorMetric> {
        let of_pod = |pod: &Pod| -> Vec<ExecutorMetric> {
            let told = pod
                .metrics
                .iter()
                .flat_map(|(shard, metrics)| metrics.samples().into_iter().map(|reading| (*shard, reading)));
            told.map(|(shard, reading)| ExecutorMetric { pod: Arc::clone(&pod.name), shard, reading })
                .collect()
        };
        self.pods.iter().flat_map(of_pod).collect()
    }

    /// The pods whose executors cannot do their work for now, and why, each cause once.
    pub fn unhealthy_pods(&self) -> Vec<(String, String)> {
        let trouble = |pod: &Pod| {
            let mut causes: Vec<String> = pod.health.iter().filter_map(Health::unhealthy_reason).collect();
            causes.sort();
            causes.dedup();
            (!causes.is_empty()).then(|| (pod.name.to_string(), causes.join("; ")))
        };
        self.pods.iter().filter_map(trouble).collect()
    }

    /// What each pod's workers did.
    pub fn pod_statistics(&self) -> Vec<PodStatistics> {
        self.pods.iter().map(|pod| pod.meter.statistics(&pod.name, pod.workers)).collect()
    }
}
