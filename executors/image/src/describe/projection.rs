//! Sparse random projection to another dimension (Achlioptas 2003), which preserves distances approximately.
//!
//! Every new element is a sum of old ones: each old element is added with probability 1/6, subtracted with probability
//! 1/6, and left out otherwise. Squared distances are preserved up to a common factor and a relative error of about √(2
//! / new dimension). The choice is a hash of the positions of both elements, so that every build of the program
//! projects alike and vectors in an index stay comparable with new ones.

use xxhash_rust::xxh3::xxh3_64;

/// A projection from one dimension to another.
pub(super) struct Projection {
    /// One sum for each new element.
    sums: Vec<Sum>,
}

/// Positions of the old elements that are added and subtracted.
#[derive(Default)]
struct Sum {
    added: Vec<u32>,
    subtracted: Vec<u32>,
}

impl Projection {
    /// The projection of vectors of dimension `from` to dimension `to`.
    pub(super) fn new(from: usize, to: usize) -> Self {
        let sum = |new: usize| {
            let mut sum = Sum::default();
            for old in 0..from as u32 {
                let positions = [(new as u64).to_le_bytes(), u64::from(old).to_le_bytes()];
                match xxh3_64(positions.as_flattened()) % 6 {
                    0 => sum.added.push(old),
                    1 => sum.subtracted.push(old),
                    _ => {}
                }
            }
            sum
        };
        Self { sums: (0..to).map(sum).collect() }
    }

    /// Projects a vector. Norms change by about the same factor for all vectors.
    pub(super) fn project(&self, vector: &[f32]) -> Vec<f32> {
        self.sums.iter().map(|sum| total(vector, &sum.added) - total(vector, &sum.subtracted)).collect()
    }
}

/// Sum of the elements at `positions`, in eight partial sums that the processor computes in parallel.
fn total(vector: &[f32], positions: &[u32]) -> f32 {
    let number = |&position: &u32| vector.get(position as usize).copied().unwrap_or_default();
    let (rows, rest) = positions.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for row in rows {
        sums.iter_mut().zip(row).for_each(|(sum, position)| *sum += number(position));
    }
    sums.into_iter().chain(rest.iter().map(number)).sum()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    #[test]
    fn distances_are_preserved_up_to_a_factor() {
        let (from, to) = (1024, 512);
        let projection = Projection::new(from, to);
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for _ in 0..50 {
            let vector: Vec<f32> = (0..from).map(|_| random.random_range(-1.0..1.0)).collect();
            let squared = |vector: &[f32]| vector.iter().map(|number| number * number).sum::<f32>();
            // Each new element is a sum of a third of the old ones.
            let ratio = squared(&projection.project(&vector)) / squared(&vector) / (to as f32 / 3.0);
            assert!((0.75..1.25).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn the_projection_never_changes() {
        let ones = Projection::new(1024, 4).project(&[1.0; 1024]);
        let ramp: Vec<f32> = (0..1024).map(|number| number as f32).collect();
        let ramp = Projection::new(1024, 4).project(&ramp);
        assert_eq!(
            (ones, ramp),
            (vec![-16.0, -2.0, -17.0, -34.0], vec![-16106.0, 1612.0, -16489.0, -17329.0])
        );
    }
}
