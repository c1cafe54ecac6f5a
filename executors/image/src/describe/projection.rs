//! Shorter vectors that keep distances: a sparse random projection (Achlioptas 2003).
//!
//! Every new number is a sum of old ones, a sixth of them taken as they are, a sixth negated, the rest left out. The
//! squared distance of two vectors stays the same but for a factor of about 1 ± √(2 / new length). Which ones are
//! taken is a hash of their places, so that every build of the program, for ever, projects alike: vectors in an
//! index stay comparable with new ones.

use xxhash_rust::xxh3::xxh3_64;

/// A projection from vectors of one length to another.
pub(super) struct Projection {
    /// For each new number, which old ones are added, and which subtracted.
    sums: Vec<Sum>,
}

#[derive(Default)]
struct Sum {
    added: Vec<u32>,
    subtracted: Vec<u32>,
}

impl Projection {
    pub(super) fn new(from: usize, to: usize) -> Self {
        let sum = |new: usize| {
            let mut sum = Sum::default();
            for old in 0..from as u32 {
                let place = [(new as u64).to_le_bytes(), u64::from(old).to_le_bytes()];
                match xxh3_64(place.as_flattened()) % 6 {
                    0 => sum.added.push(old),
                    1 => sum.subtracted.push(old),
                    _ => {}
                }
            }
            sum
        };
        Self { sums: (0..to).map(sum).collect() }
    }

    /// The shorter vector, up to a factor that is the same for all.
    pub(super) fn project(&self, vector: &[f32]) -> Vec<f32> {
        self.sums.iter().map(|sum| total(vector, &sum.added) - total(vector, &sum.subtracted)).collect()
    }
}

/// The sum of the numbers at these places: eight sums side by side, which do not have to wait for each other.
fn total(vector: &[f32], places: &[u32]) -> f32 {
    let number = |&place: &u32| vector.get(place as usize).copied().unwrap_or_default();
    let (rows, rest) = places.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for row in rows {
        sums.iter_mut().zip(row).for_each(|(sum, place)| *sum += number(place));
    }
    sums.into_iter().chain(rest.iter().map(number)).sum()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    #[test]
    fn distances_stay_the_same_up_to_a_factor() {
        let (from, to) = (1024, 512);
        let projection = Projection::new(from, to);
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for _ in 0..50 {
            let vector: Vec<f32> = (0..from).map(|_| random.random_range(-1.0..1.0)).collect();
            let squared = |vector: &[f32]| vector.iter().map(|number| number * number).sum::<f32>();
            // Each new number is a sum of a third of the old ones.
            let ratio = squared(&projection.project(&vector)) / squared(&vector) / (to as f32 / 3.0);
            assert!((0.75..1.25).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn the_projection_is_the_one_that_indexes_were_built_with() {
        let ones = Projection::new(1024, 4).project(&[1.0; 1024]);
        let ramp: Vec<f32> = (0..1024).map(|number| number as f32).collect();
        let ramp = Projection::new(1024, 4).project(&ramp);
        assert_eq!(
            (ones, ramp),
            (vec![-16.0, -2.0, -17.0, -34.0], vec![-16106.0, 1612.0, -16489.0, -17329.0])
        );
    }
}
