//! A histogram of durations with fixed buckets, in the form that Prometheus expects.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in seconds, inclusive.
pub const LATENCY_BOUNDS: [f64; 14] =
    [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The last bucket is unbounded.
const BUCKETS: usize = LATENCY_BOUNDS.len() + 1;

/// A histogram that many threads may update.
#[derive(Debug, Default)]
pub(crate) struct LatencyHistogram {
    /// Number of durations in each bucket, not cumulative.
    buckets: [AtomicU64; BUCKETS],
    nanoseconds: AtomicU64,
}

/// A snapshot of a latency histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencyBuckets {
    /// Number of durations up to each bound; the last entry is the total number.
    pub cumulative: [u64; BUCKETS],
    /// Sum of all durations.
    pub sum: Duration,
}

impl LatencyHistogram {
    /// Adds one duration.
    pub(crate) fn record(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = LATENCY_BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BUCKETS - 1);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// The current counts.
    pub(crate) fn snapshot(&self) -> LatencyBuckets {
        let mut cumulative = [0; BUCKETS];
        let mut count = 0;
        for (bucket, sum) in self.buckets.iter().zip(&mut cumulative) {
            count += bucket.load(Ordering::Relaxed);
            *sum = count;
        }
        LatencyBuckets { cumulative, sum: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)) }
    }
}

impl LatencyBuckets {
    /// Total number of durations.
    pub fn count(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_counts_durations_up_to_its_bound() {
        let latencies = LatencyHistogram::default();
        for milliseconds in [1, 2, 100, 60_000] {
            latencies.record(Duration::from_millis(milliseconds));
        }
        let snapshot = latencies.snapshot();
        let up_to = |bound: f64| {
            let bucket = LATENCY_BOUNDS.iter().position(|known| *known == bound).unwrap();
            snapshot.cumulative[bucket]
        };
        assert_eq!((up_to(0.000_5), up_to(0.001), up_to(0.002_5), up_to(0.1), up_to(30.0)), (0, 1, 2, 3, 3));
        assert_eq!((snapshot.count(), snapshot.sum), (4, Duration::from_millis(60_103)));
    }
}
