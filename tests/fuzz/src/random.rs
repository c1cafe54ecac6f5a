//! Random choices.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A source of random numbers, the same for the same seed.
#[derive(Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// Creates a generator. Equal seeds give equal sequences.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number of 64 bits.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let number = usize::try_from(self.number() >> 1).unwrap_or_default();
        number.checked_rem(end).unwrap_or_default()
    }

    /// A number below `end`, or 0. Each magnitude (1, 2 to 3, 4 to 7, …) is about equally likely.
    pub fn small(&mut self, end: usize) -> usize {
        let bits = self.below(usize::try_from(end.max(1).ilog2()).unwrap_or_default() + 2);
        self.below(end.min(1 << bits))
    }

    /// True with a probability of 1 in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of the items.
    ///
    /// # Panics
    /// If there are none.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        items.get(self.below(items.len())).expect("there is an item to choose")
    }
}
