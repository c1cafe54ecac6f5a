//! Clusters of vectors that come one by one, each cluster with the shard that it goes to.
//!
//! The doubling algorithm (Charikar, Chekuri, Feder, Motwani: Incremental clustering and dynamic information retrieval,
//! STOC 1997): a vector that is farther than the radius from every centre becomes one; when there are too many, the radius
//! doubles, and of centres that are nearer to each other than that one stays. No vector is then farther from its centre than
//! eight times what the best choice of as many centres would make it.

use super::loads::Loads;

/// Lanes of a sum, so that the additions need not wait for one another.
const LANES: usize = 8;

/// The clusters so far.
#[derive(Debug)]
pub(super) struct Clusters {
    most: usize,
    squared_radius: f32,
    centres: Vec<Centre>,
}

/// The middle of a cluster.
#[derive(Debug)]
struct Centre {
    at: Vec<f32>,
    shard: usize,
}

impl Clusters {
    /// Up to `most` clusters; `known` are centres of what the shards hold already.
    pub(super) fn new(most: usize, known: impl IntoIterator<Item = (Vec<f32>, usize)>) -> Self {
        let mut clusters = Self { most: most.max(1), squared_radius: 0.0, centres: Vec::new() };
        for (at, shard) in known {
            if clusters.nearest(&at).is_none_or(|(_, distance)| distance > clusters.squared_radius) {
                clusters.found(at, shard);
            }
        }
        clusters
    }

    /// The shard of a vector, when the shards have these loads: that of the nearest centre whose shard is not too full.
    pub(super) fn shard(&mut self, at: Vec<f32>, loads: &Loads) -> usize {
        if self.centres.first().is_some_and(|centre| centre.at.len() != at.len()) {
            // Only the first vectors of an index can differ in length, and those that it refused do not count.
            *self = Self::new(self.most, []);
        }
        let Some((nearest, distance)) = self.nearest(&at) else { return self.found(at, loads.least()) };
        if distance > self.squared_radius {
            return self.found(at, loads.least());
        }
        if loads.has_room(nearest) {
            return nearest;
        }
        let others = self.centres.iter().filter(|centre| loads.has_room(centre.shard));
        let other =
            others.min_by(|a, b| squared_distance(&a.at, &at).total_cmp(&squared_distance(&b.at, &at)));
        other.map_or_else(|| loads.least(), |centre| centre.shard)
    }

    /// The shard of the nearest centre, and the square of how far that is.
    fn nearest(&self, at: &[f32]) -> Option<(usize, f32)> {
        let distances = self.centres.iter().map(|centre| (centre.shard, squared_distance(&centre.at, at)));
        distances.min_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    /// Makes a vector a centre; its shard.
    fn found(&mut self, at: Vec<f32>, shard: usize) -> usize {
        self.centres.push(Centre { at, shard });
        while self.centres.len() > self.most {
            self.double();
        }
        shard
    }

    /// Doubles the radius, and lets go of the centres that are near to another then.
    fn double(&mut self) {
        self.squared_radius =
            if self.squared_radius > 0.0 { 4.0 * self.squared_radius } else { self.closest() };
        let mut kept: Vec<Centre> = Vec::with_capacity(self.centres.len());
        for centre in self.centres.drain(..) {
            if kept.iter().all(|other| squared_distance(&other.at, &centre.at) > self.squared_radius) {
                kept.push(centre);
            }
        }
        self.centres = kept;
    }

    /// The square of the distance of the two centres that are nearest to each other.
    fn closest(&self) -> f32 {
        let distances = self.centres.iter().enumerate().flat_map(|(place, centre)| {
            self.centres.iter().skip(place + 1).map(|other| squared_distance(&other.at, &centre.at))
        });
        distances.fold(f32::INFINITY, f32::min)
    }
}

/// The square of the distance of two vectors of one length.
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let mut lanes = [0.0_f32; LANES];
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += (a - b) * (a - b);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn loads(of_each: &[u64]) -> Loads {
        Loads::new(of_each.iter().copied().enumerate())
    }

    /// Places vectors one by one; where each went.
    fn placed(vectors: &[Vec<f32>], most: usize, shards: usize) -> (Vec<usize>, Clusters) {
        let (mut clusters, mut counts) = (Clusters::new(most, []), vec![0; shards]);
        let place = |vector: &Vec<f32>| {
            let shard = clusters.shard(vector.clone(), &loads(&counts));
            counts[shard] += 1;
            shard
        };
        (vectors.iter().map(place).collect(), clusters)
    }

    #[test]
    fn what_gathers_goes_to_one_shard_and_shards_are_even() {
        // Twenty gatherings, one vector of each after the other.
        let vectors: Vec<Vec<f32>> =
            (0..400_u16).map(|n| vec![f32::from(n % 20) * 100.0, f32::from(n / 20) * 0.01]).collect();
        let (shards, _) = placed(&vectors, 30, 4);
        assert!((0..400).all(|n| shards[n] == shards[n % 20]), "{shards:?}");
        assert!((0..4).all(|shard| shards.iter().filter(|placed| **placed == shard).count() == 100));
    }

    #[test]
    fn a_shard_that_is_too_full_takes_no_more() {
        let (shards, _) = placed(&vec![vec![1.0]; 10_000], 30, 4);
        let most = (0..4).map(|shard| shards.iter().filter(|placed| **placed == shard).count()).max();
        assert!(most <= Some(5_100), "{most:?}");
    }

    #[test]
    fn what_was_known_before_keeps_its_shard() {
        let mut clusters = Clusters::new(8, [(vec![0.0], 2), (vec![100.0], 1), (vec![0.0], 3)]);
        let mut shard = |at| clusters.shard(vec![at], &loads(&[0; 4]));
        assert_eq!((shard(0.0), shard(100.0)), (2, 1));
    }

    #[test]
    fn vectors_of_another_length_begin_anew() {
        let (_, mut clusters) = placed(&[vec![1.0], vec![2.0], vec![1.0, 2.0]], 4, 2);
        assert_eq!(clusters.centres.len(), 1);
        assert_eq!(clusters.shard(vec![3.0, 4.0], &loads(&[0, 1])), 0);
        assert_eq!(squared_distance(&[1.0; 11], &[3.0; 11]), 44.0);
    }

    proptest! {
        #[test]
        fn there_are_never_more_centres_and_all_vectors_are_within_eight_times_the_best(
            points in proptest::collection::vec(0_u16..1000, 1..60),
            most in 1_usize..6,
        ) {
            let vectors: Vec<Vec<f32>> = points.iter().map(|point| vec![f32::from(*point)]).collect();
            let (_, clusters) = placed(&vectors, most, 3);
            prop_assert!(clusters.centres.len() <= most);
            // On a line the best radius covers the sorted points from left to right.
            let mut sorted = points.clone();
            sorted.sort_unstable();
            let covers = |radius: f32| {
                let (mut needed, mut until) = (0, f32::NEG_INFINITY);
                for point in &sorted {
                    if f32::from(*point) > until {
                        needed += 1;
                        until = f32::from(*point) + 2.0 * radius;
                    }
                }
                needed <= most
            };
            let best = (0..=1000_u16).map(|half| f32::from(half) / 2.0).find(|radius| covers(*radius)).unwrap();
            for vector in &vectors {
                let (_, distance) = clusters.nearest(vector).unwrap();
                prop_assert!(distance.sqrt() <= 8.0 * best + 1e-3, "{} of {}", distance.sqrt(), best);
            }
        }
    }
}
