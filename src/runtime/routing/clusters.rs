//! Incremental clustering of vectors, for `strategy: cluster`. Each cluster belongs to one shard.
//!
//! The doubling algorithm of Charikar, Chekuri, Feder and Motwani (Incremental clustering and dynamic information
//! retrieval, STOC 1997): a vector farther than the radius from every center becomes a center. When there are too many
//! centers, the radius doubles, and of centers closer to each other than that only one stays. Every vector is then at
//! most eight times as far from its center as under the best choice of as many centers.

use super::shard_loads::ShardLoads;

/// Independent partial sums of a distance, so that the additions can be vectorized.
const LANES: usize = 8;

/// The clusters so far.
#[derive(Debug)]
pub(super) struct Clusters {
    clusters_max: usize,
    squared_radius: f32,
    centers: Vec<Center>,
}

/// Center of a cluster, and the shard of its vectors.
#[derive(Debug)]
struct Center {
    vector: Vec<f32>,
    shard: usize,
}

impl Clusters {
    /// At most `clusters_max` clusters, starting from the centroids of the stored vectors and their shards.
    pub(super) fn new(clusters_max: usize, centroids: impl IntoIterator<Item = (Vec<f32>, usize)>) -> Self {
        let mut clusters =
            Self { clusters_max: clusters_max.max(1), squared_radius: 0.0, centers: Vec::new() };
        for (vector, shard) in centroids {
            if clusters.nearest(&vector).is_none_or(|(_, distance)| distance > clusters.squared_radius) {
                clusters.add_center(vector, shard);
            }
        }
        clusters
    }

    /// The shard of a new vector: that of the nearest center whose shard has capacity.
    pub(super) fn shard(&mut self, vector: Vec<f32>, loads: &ShardLoads) -> usize {
        if self.centers.first().is_some_and(|center| center.vector.len() != vector.len()) {
            // An index accepts a single dimension, so centers of another one came from documents that it rejected.
            *self = Self::new(self.clusters_max, []);
        }
        let Some((nearest, distance)) = self.nearest(&vector) else {
            return self.add_center(vector, loads.least_loaded());
        };
        if distance > self.squared_radius {
            return self.add_center(vector, loads.least_loaded());
        }
        if loads.has_capacity(nearest) {
            return nearest;
        }
        let distance = |center: &Center| squared_distance(&center.vector, &vector);
        let open = self.centers.iter().filter(|center| loads.has_capacity(center.shard));
        let nearest_open = open.min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest_open.map_or_else(|| loads.least_loaded(), |center| center.shard)
    }

    /// The shard of the nearest center, and the squared distance to that center.
    fn nearest(&self, vector: &[f32]) -> Option<(usize, f32)> {
        let distances =
            self.centers.iter().map(|center| (center.shard, squared_distance(&center.vector, vector)));
        distances.min_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    /// Adds a center and returns its shard.
    fn add_center(&mut self, vector: Vec<f32>, shard: usize) -> usize {
        self.centers.push(Center { vector, shard });
        while self.centers.len() > self.clusters_max {
            self.double_radius();
        }
        shard
    }

    /// Doubles the radius and removes centers within the new radius of another.
    fn double_radius(&mut self) {
        self.squared_radius =
            if self.squared_radius > 0.0 { 4.0 * self.squared_radius } else { self.closest_pair() };
        let mut remaining: Vec<Center> = Vec::with_capacity(self.centers.len());
        for center in self.centers.drain(..) {
            let is_far =
                |other: &Center| squared_distance(&other.vector, &center.vector) > self.squared_radius;
            if remaining.iter().all(is_far) {
                remaining.push(center);
            }
        }
        self.centers = remaining;
    }

    /// Smallest squared distance between two centers.
    fn closest_pair(&self) -> f32 {
        let distances = self.centers.iter().enumerate().flat_map(|(position, center)| {
            let later = self.centers.iter().skip(position + 1);
            later.map(|other| squared_distance(&other.vector, &center.vector))
        });
        distances.fold(f32::INFINITY, f32::min)
    }
}

/// Squared Euclidean distance between vectors of equal length.
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

    fn loads(counts: &[u64]) -> ShardLoads {
        ShardLoads::new(counts.iter().copied().enumerate())
    }

    /// Places vectors one by one. Returns the shard of each.
    fn placed(vectors: &[Vec<f32>], clusters_max: usize, shards: usize) -> (Vec<usize>, Clusters) {
        let (mut clusters, mut counts) = (Clusters::new(clusters_max, []), vec![0; shards]);
        let place = |vector: &Vec<f32>| {
            let shard = clusters.shard(vector.clone(), &loads(&counts));
            counts[shard] += 1;
            shard
        };
        (vectors.iter().map(place).collect(), clusters)
    }

    #[test]
    fn each_cluster_goes_to_one_shard_and_shards_are_balanced() {
        // Twenty clusters, whose vectors arrive in turn.
        let vectors: Vec<Vec<f32>> =
            (0..400_u16).map(|n| vec![f32::from(n % 20) * 100.0, f32::from(n / 20) * 0.01]).collect();
        let (shards, _) = placed(&vectors, 30, 4);
        assert!((0..400).all(|n| shards[n] == shards[n % 20]), "{shards:?}");
        assert!((0..4).all(|shard| shards.iter().filter(|placed| **placed == shard).count() == 100));
    }

    #[test]
    fn an_overloaded_shard_gets_no_new_documents() {
        let (shards, _) = placed(&vec![vec![1.0]; 10_000], 30, 4);
        let largest = (0..4).map(|shard| shards.iter().filter(|placed| **placed == shard).count()).max();
        assert!(largest <= Some(5_100), "{largest:?}");
    }

    #[test]
    fn stored_centroids_keep_their_shard() {
        let mut clusters = Clusters::new(8, [(vec![0.0], 2), (vec![100.0], 1), (vec![0.0], 3)]);
        let mut shard = |value| clusters.shard(vec![value], &loads(&[0; 4]));
        assert_eq!((shard(0.0), shard(100.0)), (2, 1));
    }

    #[test]
    fn a_vector_of_another_dimension_resets_the_clusters() {
        let (_, mut clusters) = placed(&[vec![1.0], vec![2.0], vec![1.0, 2.0]], 4, 2);
        assert_eq!(clusters.centers.len(), 1);
        assert_eq!(clusters.shard(vec![3.0, 4.0], &loads(&[0, 1])), 0);
        assert_eq!(squared_distance(&[1.0; 11], &[3.0; 11]), 44.0);
    }

    proptest! {
        #[test]
        fn the_number_of_centers_is_bounded_and_vectors_are_within_eight_times_the_best_radius(
            points in proptest::collection::vec(0_u16..1000, 1..60),
            clusters_max in 1_usize..6,
        ) {
            let vectors: Vec<Vec<f32>> = points.iter().map(|point| vec![f32::from(*point)]).collect();
            let (_, clusters) = placed(&vectors, clusters_max, 3);
            prop_assert!(clusters.centers.len() <= clusters_max);
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
                needed <= clusters_max
            };
            let best = (0..=1000_u16).map(|half| f32::from(half) / 2.0).find(|radius| covers(*radius)).unwrap();
            for vector in &vectors {
                let (_, distance) = clusters.nearest(vector).unwrap();
                prop_assert!(distance.sqrt() <= 8.0 * best + 1e-3, "{} of {}", distance.sqrt(), best);
            }
        }
    }
}
