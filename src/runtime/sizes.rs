//! How large things were, counted in classes of powers of two: what Prometheus makes a histogram of.

use std::sync::atomic::{AtomicU64, Ordering};

/// The upper bounds of the classes.
pub const SIZE_BOUNDS: [usize; 12] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096];

/// The last class has no bound.
const CLASSES: usize = SIZE_BOUNDS.len() + 1;

/// Counts by class.
#[derive(Debug, Default)]
pub(super) struct SizeHistogram {
    classes: [AtomicU64; CLASSES],
    sum: AtomicU64,
}

/// The counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SizeBuckets {
    /// How many were no larger than each bound; the last is how many there were.
    pub cumulative: [u64; CLASSES],
    /// How large they were, all together.
    pub sum: u64,
}

impl SizeHistogram {
    /// Something was so large.
    pub(super) fn record(&self, size: usize) {
        let class = SIZE_BOUNDS.iter().position(|bound| size <= *bound).unwrap_or(CLASSES - 1);
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(size as u64, Ordering::Relaxed);
    }

    /// The counts now.
    pub(super) fn read(&self) -> SizeBuckets {
        let mut count = 0;
        let mut classes = SizeBuckets { sum: self.sum.load(Ordering::Relaxed), ..SizeBuckets::default() };
        for (class, so_far) in self.classes.iter().zip(&mut classes.cumulative) {
            count += class.load(Ordering::Relaxed);
            *so_far = count;
        }
        classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_counts_what_was_no_larger() {
        let sizes = SizeHistogram::default();
        [1, 2, 3, 64, 10_000].into_iter().for_each(|size| sizes.record(size));
        let read = sizes.read();
        let below = |bound: usize| read.cumulative[SIZE_BOUNDS.iter().position(|one| *one == bound).unwrap()];
        assert_eq!((below(1), below(2), below(4), below(64), below(4096)), (1, 2, 3, 4, 4));
        assert_eq!((read.cumulative[CLASSES - 1], read.sum), (5, 10_070));
    }
}
