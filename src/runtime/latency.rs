//! How long things took, counted in classes: what Prometheus makes a histogram of.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the classes, in seconds.
pub const LATENCY_BOUNDS: [f64; 14] =
    [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The last class has no bound.
const CLASSES: usize = LATENCY_BOUNDS.len() + 1;

/// Counts by class.
#[derive(Debug, Default)]
pub(crate) struct LatencyHistogram {
    /// How many took no longer than each bound and longer than the one before it.
    classes: [AtomicU64; CLASSES],
    nanoseconds: AtomicU64,
}

/// The counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencyBuckets {
    /// How many took no longer than each bound; the last is how many there were.
    pub cumulative: [u64; CLASSES],
    /// How long they took, all together.
    pub sum: Duration,
}

impl LatencyHistogram {
    /// Something took so long.
    pub(crate) fn record(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let class = LATENCY_BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(CLASSES - 1);
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// The counts now.
    pub(crate) fn read(&self) -> LatencyBuckets {
        let mut cumulative = [0; CLASSES];
        let mut count = 0;
        for (class, so_far) in self.classes.iter().zip(&mut cumulative) {
            count += class.load(Ordering::Relaxed);
            *so_far = count;
        }
        LatencyBuckets { cumulative, sum: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)) }
    }
}

impl LatencyBuckets {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_counts_what_took_no_longer() {
        let latencies = LatencyHistogram::default();
        for milliseconds in [1, 2, 100, 60_000] {
            latencies.record(Duration::from_millis(milliseconds));
        }
        let read = latencies.read();
        let below = |bound: f64| {
            let class = LATENCY_BOUNDS.iter().position(|known| *known == bound).unwrap();
            read.cumulative[class]
        };
        assert_eq!((below(0.000_5), below(0.001), below(0.002_5), below(0.1), below(30.0)), (0, 1, 2, 3, 3));
        assert_eq!((read.count(), read.sum), (4, Duration::from_millis(60_103)));
    }
}
