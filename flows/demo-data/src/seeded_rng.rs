//! Seeded random numbers. Every file has its own stream, so that its bytes do not depend on other files.
//!
//! Numbers are computed from ChaCha8's words directly, because the distributions of `rand` may change between releases,
//! and those over `usize` between machines.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Purpose of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Order = 1,
    Clip,
    Picture,
    Caption,
    Broken,
    Frame,
}

/// A stream of random numbers.
pub(crate) struct SeededRng(ChaCha8Rng);

impl SeededRng {
    /// The stream with number `index` for `purpose`.
    pub(crate) fn new(seed: u64, purpose: Purpose, index: u32) -> Self {
        let mut key = [0; 32];
        for (byte, seeded) in key.iter_mut().zip(seed.to_le_bytes()) {
            *byte = seeded;
        }
        let mut source = ChaCha8Rng::from_seed(key);
        source.set_stream((purpose as u64) << 32 | u64::from(index));
        Self(source)
    }

    /// An integer from 0 to `bound` - 1; 0 if `bound` is 0. The bias is below `bound` / 2³².
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u64::from(self.0.next_u32()) * bound as u64) >> 32) as usize
    }

    /// An integer from `low` to `high`, inclusive.
    pub(crate) fn integer(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// A number from `low` up to, but not including, `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (f64::from(self.0.next_u32()) / 4_294_967_296.0)
    }

    /// True with a probability of `percent` %.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A random element of `options`.
    pub(crate) fn pick<T: Copy, const N: usize>(&mut self, options: [T; N]) -> T {
        const { assert!(N > 0, "options must not be empty") };
        #[expect(clippy::indexing_slicing, reason = "the number is below the length, which is not 0")]
        options[self.below(N)]
    }

    /// A number from -255 to 255 with a triangular distribution: one random byte minus another.
    pub(crate) fn grain(&mut self) -> i32 {
        let [plus, minus, ..] = self.0.next_u32().to_le_bytes();
        i32::from(plus) - i32::from(minus)
    }

    /// Shuffles `items` (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(seed: u64, purpose: Purpose, index: u32) -> Vec<usize> {
        let mut rng = SeededRng::new(seed, purpose, index);
        (0..20).map(|_| rng.below(1000)).collect()
    }

    #[test]
    fn the_first_numbers_never_change() {
        // A change here changes the bytes of every set and requires a new format version.
        let mut rng = SeededRng::new(7, Purpose::Clip, 3);
        assert_eq!([rng.below(1000), rng.below(1000), rng.below(1000)], FIRST_NUMBERS);
    }

    const FIRST_NUMBERS: [usize; 3] = [996, 682, 211];

    #[test]
    fn seeds_purposes_and_indices_have_different_streams() {
        let first = numbers(1, Purpose::Clip, 1);
        assert_eq!(first, numbers(1, Purpose::Clip, 1));
        for other in
            [numbers(2, Purpose::Clip, 1), numbers(1, Purpose::Picture, 1), numbers(1, Purpose::Clip, 2)]
        {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut items: Vec<u32> = (0..100).collect();
        SeededRng::new(0, Purpose::Order, 0).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn numbers_stay_within_their_bounds(seed: u64, low in -5.0..5.0_f64, width in 0.1..9.0_f64) {
            let mut rng = SeededRng::new(seed, Purpose::Order, 0);
            for _ in 0..50 {
                prop_assert!((low..low + width).contains(&rng.between(low, low + width)));
                prop_assert!((3..=6).contains(&rng.integer(3, 6)));
                prop_assert!((-255..=255).contains(&rng.grain()));
                prop_assert_eq!(rng.below(0), 0);
            }
        }
    }
}
