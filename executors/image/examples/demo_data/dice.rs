//! Chance, seeded: every file has a stream of its own, so that its bytes depend on nothing drawn before it.
//!
//! Numbers are taken from ChaCha8's words directly. The distributions of `rand` may change between its
//! releases, and those over `usize` between machines.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// What a stream of chance is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Order = 1,
    Clip,
    Picture,
    Caption,
    Broken,
    Frame,
}

/// A source of chance.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream number `index` for `purpose`.
    pub(crate) fn new(seed: u64, purpose: Purpose, index: u32) -> Self {
        let mut key = [0; 32];
        for (byte, seeded) in key.iter_mut().zip(seed.to_le_bytes()) {
            *byte = seeded;
        }
        let mut source = ChaCha8Rng::from_seed(key);
        source.set_stream((purpose as u64) << 32 | u64::from(index));
        Self(source)
    }

    /// An integer from 0 to just below `bound`; 0 when `bound` is 0. The bias is below `bound` / 2³².
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u64::from(self.0.next_u32()) * bound as u64) >> 32) as usize
    }

    /// An integer from `low` to `high`, both included.
    pub(crate) fn integer(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// A number from `low` to just below `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (f64::from(self.0.next_u32()) / 4_294_967_296.0)
    }

    /// True in `percent` of a hundred cases.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `options`.
    pub(crate) fn pick<T: Copy, const N: usize>(&mut self, options: [T; N]) -> T {
        const { assert!(N > 0, "there is something to pick from") };
        #[expect(clippy::indexing_slicing, reason = "the number is below the length, which is not 0")]
        options[self.below(N)]
    }

    /// A number from -255 to 255, small ones more often: the difference of two bytes.
    pub(crate) fn grain(&mut self) -> i32 {
        let [plus, minus, ..] = self.0.next_u32().to_le_bytes();
        i32::from(plus) - i32::from(minus)
    }

    /// Puts `items` in a random order (Fisher and Yates).
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

    fn rolls(seed: u64, purpose: Purpose, index: u32) -> Vec<usize> {
        let mut dice = Dice::new(seed, purpose, index);
        (0..20).map(|_| dice.below(1000)).collect()
    }

    #[test]
    fn the_first_rolls_never_change() {
        // A change here changes the bytes of every set: the format version must then be raised.
        let mut dice = Dice::new(7, Purpose::Clip, 3);
        assert_eq!([dice.below(1000), dice.below(1000), dice.below(1000)], FIRST_ROLLS);
    }

    const FIRST_ROLLS: [usize; 3] = [996, 682, 211];

    #[test]
    fn seeds_purposes_and_numbers_have_streams_of_their_own() {
        let first = rolls(1, Purpose::Clip, 1);
        assert_eq!(first, rolls(1, Purpose::Clip, 1));
        for other in [rolls(2, Purpose::Clip, 1), rolls(1, Purpose::Picture, 1), rolls(1, Purpose::Clip, 2)] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut items: Vec<u32> = (0..100).collect();
        Dice::new(0, Purpose::Order, 0).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn numbers_stay_within_their_bounds(seed: u64, low in -5.0..5.0_f64, width in 0.1..9.0_f64) {
            let mut dice = Dice::new(seed, Purpose::Order, 0);
            for _ in 0..50 {
                prop_assert!((low..low + width).contains(&dice.between(low, low + width)));
                prop_assert!((3..=6).contains(&dice.integer(3, 6)));
                prop_assert!((-255..=255).contains(&dice.grain()));
                prop_assert_eq!(dice.below(0), 0);
            }
        }
    }
}
