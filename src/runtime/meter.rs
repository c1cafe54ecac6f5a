//! What a pod's workers do, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::latency::{LatencyBuckets, LatencyHistogram};
use super::sizes::{SizeBuckets, SizeHistogram};

/// Latencies are told apart to three digits, from a microsecond to an hour.
const MICROSECONDS_MAX: u64 = 3_600_000_000;

/// Counts for one pod.
#[derive(Debug)]
pub(super) struct Meter {
    calls: AtomicU64,
    failed_calls: AtomicU64,
    failed_documents: AtomicU64,
    running: AtomicU64,
    waiting: AtomicU64,
    queued_max: AtomicU64,
    restarts: AtomicU64,
    broken: AtomicU64,
    batch_requests: SizeHistogram,
    batch_documents: SizeHistogram,
    split_batches: AtomicU64,
    classes: LatencyHistogram,
    /// Finer than the classes, for people.
    latencies: Mutex<Histogram<u64>>,
}

/// The numbers of one pod at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodStatistics {
    /// The pod's name.
    pub pod: String,
    /// Workers.
    pub workers: usize,
    /// Calls of its executor that ended.
    pub calls: u64,
    /// Calls that failed.
    pub failed_calls: u64,
    /// Documents that failed alone.
    pub failed_documents: u64,
    /// Calls under way.
    pub running_calls: u64,
    /// Time that its workers spent in calls, all together.
    pub busy_time: Duration,
    /// The calls by how long they took.
    pub latencies: LatencyBuckets,
    /// Half of the calls took less.
    pub p50: Duration,
    /// All but one of a hundred calls took less.
    pub p99: Duration,
    /// Parts that wait for a worker.
    pub queued: u64,
    /// The most that ever waited at once.
    pub queued_max: u64,
    /// Times that a worker was made anew after a panic.
    pub restarts: u64,
    /// Workers that panicked and cannot be made anew; requests to them fail.
    pub failed_workers: u64,
    /// Batches by how many requests are in them.
    pub batch_requests: SizeBuckets,
    /// Batches by how many documents are in them.
    pub batch_documents: SizeBuckets,
    /// Batches whose requests were called one by one after all.
    pub split_batches: u64,
}

impl Meter {
    pub(super) fn new() -> Self {
        // The bounds are constants that fit, so there is always a histogram.
        let latencies = Histogram::new_with_max(MICROSECONDS_MAX, 3).or_else(|_| Histogram::new(3));
        let zero = || AtomicU64::new(0);
        Self {
            calls: zero(),
            failed_calls: zero(),
            failed_documents: zero(),
            running: zero(),
            waiting: zero(),
            queued_max: zero(),
            restarts: zero(),
            broken: zero(),
            batch_requests: SizeHistogram::default(),
            batch_documents: SizeHistogram::default(),
            split_batches: zero(),
            classes: LatencyHistogram::default(),
            latencies: Mutex::new(latencies.unwrap_or_else(|_| unreachable!("three digits are allowed"))),
        }
    }

    /// A part waits for a worker.
    pub(super) fn queued(&self) {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed) + 1;
        self.queued_max.fetch_max(waiting, Ordering::Relaxed);
    }

    /// A worker took a part.
    pub(super) fn unqueued(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// A call began.
    pub(super) fn began(&self) {
        self.running.fetch_add(1, Ordering::Relaxed);
    }

    /// A call ended.
    pub(super) fn called(&self, took: Duration, failed: bool, failed_documents: usize) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.failed_calls.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.failed_documents.fetch_add(failed_documents as u64, Ordering::Relaxed);
        self.running.fetch_sub(1, Ordering::Relaxed);
        self.classes.record(took);
        self.latencies.lock().saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// A worker took a batch.
    pub(super) fn batched(&self, requests: usize, documents: usize) {
        self.batch_requests.record(requests);
        self.batch_documents.record(documents);
    }

    /// The requests of a batch are called one by one after all.
    pub(super) fn parted(&self) {
        self.split_batches.fetch_add(1, Ordering::Relaxed);
    }

    /// A worker was made anew.
    pub(super) fn restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// A worker panicked and cannot be made anew.
    pub(super) fn broke(&self) {
        self.broken.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn statistics(&self, pod: &str, workers: usize) -> PodStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let classes = self.classes.read();
        let latencies = self.latencies.lock();
        let quantile = |quantile| Duration::from_micros(latencies.value_at_quantile(quantile));
        PodStatistics {
            pod: pod.to_owned(),
            workers,
            calls: read(&self.calls),
            failed_calls: read(&self.failed_calls),
            failed_documents: read(&self.failed_documents),
            running_calls: read(&self.running),
            busy_time: classes.sum,
            latencies: classes,
            p50: quantile(0.5),
            p99: quantile(0.99),
            queued: read(&self.waiting),
            queued_max: read(&self.queued_max),
            restarts: read(&self.restarts),
            failed_workers: read(&self.broken),
            batch_requests: self.batch_requests.read(),
            batch_documents: self.batch_documents.read(),
            split_batches: read(&self.split_batches),
        }
    }
}
