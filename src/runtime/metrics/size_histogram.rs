//! A histogram of sizes with power-of-two buckets, in the form that Prometheus expects.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the buckets, inclusive.
pub const SIZE_BOUNDS: [usize; 12] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096];

/// The last bucket is unbounded.
const BUCKETS: usize = SIZE_BOUNDS.len() + 1;

/// A histogram that many threads may update.
#[derive(Debug, Default)]
pub(super) struct SizeHistogram {
    /// Number of sizes in each bucket, not cumulative.
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

/// A snapshot of a size histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SizeBuckets {
    /// Number of sizes up to each bound; the last entry is the total number.
    pub cumulative: [u64; BUCKETS],
    /// Sum of all sizes.
    pub sum: u64,
}

impl SizeHistogram {
    /// Adds one size.
    pub(super) fn record(&self, size: usize) {
        let bucket = SIZE_BOUNDS.iter().position(|bound| size <= *bound).unwrap_or(BUCKETS - 1);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(size as u64, Ordering::Relaxed);
    }

    /// The current counts.
    pub(super) fn snapshot(&self) -> SizeBuckets {
        let mut count = 0;
        let mut snapshot = SizeBuckets { sum: self.sum.load(Ordering::Relaxed), ..SizeBuckets::default() };
        for (bucket, sum) in self.buckets.iter().zip(&mut snapshot.cumulative) {
            count += bucket.load(Ordering::Relaxed);
            *sum = count;
        }
        snapshot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_counts_sizes_up_to_its_bound() {
        let sizes = SizeHistogram::default();
        [1, 2, 3, 64, 10_000].into_iter().for_each(|size| sizes.record(size));
        let snapshot = sizes.snapshot();
        let up_to =
            |bound: usize| snapshot.cumulative[SIZE_BOUNDS.iter().position(|one| *one == bound).unwrap()];
        assert_eq!((up_to(1), up_to(2), up_to(4), up_to(64), up_to(4096)), (1, 2, 3, 4, 4));
        assert_eq!((snapshot.cumulative[BUCKETS - 1], snapshot.sum), (5, 10_070));
    }
}
