//! Counters of one pod's workers: calls, queue, batches, restarts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::latency_histogram::{LatencyBuckets, LatencyHistogram};
use super::size_histogram::{SizeBuckets, SizeHistogram};

/// Longest call that the percentile histogram distinguishes: one hour.
const MICROSECONDS_MAX: u64 = 3_600_000_000;
/// Significant digits of the percentile histogram.
const DIGITS: u8 = 3;

/// Counters of one pod, shared by its workers.
#[derive(Debug)]
pub(in crate::runtime) struct PodMetrics {
    calls: AtomicU64,
    failed_calls: AtomicU64,
    failed_documents: AtomicU64,
    running_calls: AtomicU64,
    queued: AtomicU64,
    queued_max: AtomicU64,
    restarts: AtomicU64,
    failed_workers: AtomicU64,
    hanging_workers: AtomicU64,
    batch_requests: SizeHistogram,
    batch_documents: SizeHistogram,
    split_batches: AtomicU64,
    latencies: LatencyHistogram,
    /// Finer than `latencies`, for percentiles.
    percentiles: Mutex<Histogram<u64>>,
}

/// A snapshot of one pod's counters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodStatistics {
    /// The pod's name.
    pub pod: String,
    /// Number of workers.
    pub workers: usize,
    /// Finished executor calls.
    pub calls: u64,
    /// Executor calls that failed.
    pub failed_calls: u64,
    /// Documents that failed on their own.
    pub failed_documents: u64,
    /// Executor calls in progress.
    pub running_calls: u64,
    /// Time spent in calls, summed over the workers.
    pub busy_time: Duration,
    /// Durations of calls.
    pub latencies: LatencyBuckets,
    /// Median duration of a call.
    pub p50: Duration,
    /// 99th percentile of the durations of calls.
    pub p99: Duration,
    /// Parts of requests that wait for a worker.
    pub queued: u64,
    /// Largest value of `queued` so far.
    pub queued_max: u64,
    /// Executors that were restarted after a panic.
    pub restarts: u64,
    /// Workers whose executor panicked and cannot be restarted; their requests fail.
    pub failed_workers: u64,
    /// Workers in a call that exceeds its time limit by half or more.
    pub hanging_workers: u64,
    /// Requests in each batch.
    pub batch_requests: SizeBuckets,
    /// Documents in each batch.
    pub batch_documents: SizeBuckets,
    /// Batches whose requests were called again one by one.
    pub split_batches: u64,
}

impl PodMetrics {
    pub(in crate::runtime) fn new() -> Self {
        // The bound and the number of digits are constants that the histogram supports.
        let percentiles =
            Histogram::new_with_max(MICROSECONDS_MAX, DIGITS).or_else(|_| Histogram::new(DIGITS));
        let zero = || AtomicU64::new(0);
        Self {
            calls: zero(),
            failed_calls: zero(),
            failed_documents: zero(),
            running_calls: zero(),
            queued: zero(),
            queued_max: zero(),
            restarts: zero(),
            failed_workers: zero(),
            hanging_workers: zero(),
            batch_requests: SizeHistogram::default(),
            batch_documents: SizeHistogram::default(),
            split_batches: zero(),
            latencies: LatencyHistogram::default(),
            percentiles: Mutex::new(
                percentiles.unwrap_or_else(|_| unreachable!("three digits are supported")),
            ),
        }
    }

    /// Counts a part that entered the queue.
    pub(in crate::runtime) fn record_queued(&self) {
        let queued = self.queued.fetch_add(1, Ordering::Relaxed) + 1;
        self.queued_max.fetch_max(queued, Ordering::Relaxed);
    }

    /// Counts a part that a worker took from the queue.
    pub(in crate::runtime) fn record_dequeued(&self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts the start of a call.
    pub(in crate::runtime) fn record_call_start(&self) {
        self.running_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the end of a call.
    pub(in crate::runtime) fn record_call_end(&self, took: Duration, failed: bool, failed_documents: usize) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.failed_calls.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.failed_documents.fetch_add(failed_documents as u64, Ordering::Relaxed);
        self.running_calls.fetch_sub(1, Ordering::Relaxed);
        self.latencies.record(took);
        self.percentiles.lock().saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts a batch that a worker took.
    pub(in crate::runtime) fn record_batch(&self, requests: usize, documents: usize) {
        self.batch_requests.record(requests);
        self.batch_documents.record(documents);
    }

    /// Counts a batch whose requests are called again one by one.
    pub(in crate::runtime) fn record_split_batch(&self) {
        self.split_batches.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an executor that was restarted after a panic.
    pub(in crate::runtime) fn record_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a worker whose executor cannot be restarted.
    pub(in crate::runtime) fn record_failed_worker(&self) {
        self.failed_workers.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a worker that hangs in a call.
    pub(in crate::runtime) fn record_hang(&self) {
        self.hanging_workers.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a worker that has returned from the call that it hung in.
    pub(in crate::runtime) fn record_hang_end(&self) {
        self.hanging_workers.fetch_sub(1, Ordering::Relaxed);
    }

    /// The current counts of the pod named `pod`, which has this number of workers.
    pub(in crate::runtime) fn snapshot(&self, pod: &str, workers: usize) -> PodStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let latencies = self.latencies.snapshot();
        let percentiles = self.percentiles.lock();
        let quantile = |quantile| Duration::from_micros(percentiles.value_at_quantile(quantile));
        PodStatistics {
            pod: pod.to_owned(),
            workers,
            calls: read(&self.calls),
            failed_calls: read(&self.failed_calls),
            failed_documents: read(&self.failed_documents),
            running_calls: read(&self.running_calls),
            busy_time: latencies.sum,
            latencies,
            p50: quantile(0.5),
            p99: quantile(0.99),
            queued: read(&self.queued),
            queued_max: read(&self.queued_max),
            restarts: read(&self.restarts),
            failed_workers: read(&self.failed_workers),
            hanging_workers: read(&self.hanging_workers),
            batch_requests: self.batch_requests.snapshot(),
            batch_documents: self.batch_documents.snapshot(),
            split_batches: read(&self.split_batches),
        }
    }
}
