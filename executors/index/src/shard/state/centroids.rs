//! Centroids of the vectors of a shard, by which the host (flowrun's runtime) routes a query to the nearest shards.
//!
//! Computed by k-means from a sample of the rows, and again whenever the number of rows has doubled. They are not on
//! disk.

use std::sync::Arc;

use super::view::View;
use crate::metric::{Metric, Query, norm};
use crate::shard::vectors::VectorIndex;
use crate::storage::StorageError;

/// Largest number of centroids of a shard.
const CENTROIDS_MAX: usize = 16;
/// Largest number of rows in the sample.
const ROWS_MAX: u64 = 2048;
/// Number of k-means iterations.
const ITERATIONS: usize = 3;
/// Smallest share of the sample per centroid; centroids of outliers are dropped.
const SHARE_MIN: f64 = 1.0 / 128.0;

/// Centroids of the vectors of a shard.
#[derive(Debug)]
pub(in crate::shard) struct Centroids {
    pub(in crate::shard) centroids: Arc<[Vec<f32>]>,
    /// Number of rows when they were computed.
    rows: u64,
}

impl Centroids {
    /// Computes the centroids of the live rows.
    pub(in crate::shard) fn compute(vectors: &VectorIndex, view: &View) -> Result<Self, StorageError> {
        let (metric, rows) = (vectors.metric, view.counters.rows);
        let step = usize::try_from(rows.div_ceil(ROWS_MAX)).unwrap_or(usize::MAX).max(1);
        let sample = (0..rows).step_by(step).filter(|row| !view.tombstones.contains(*row));
        let sampled = sample.map(|row| Ok(position(&vectors.file.vector(row)?, metric)));
        let sampled = sampled.collect::<Result<Vec<Vec<f32>>, StorageError>>()?;
        let mut centroids = farthest_points(&sampled);
        for _ in 0..ITERATIONS {
            centroids = means(&sampled, centroids);
        }
        Ok(Self { centroids: centroids.into(), rows })
    }

    /// Returns whether the number of rows has doubled since.
    pub(in crate::shard) fn are_outgrown(&self, rows: u64) -> bool {
        rows >= self.rows.saturating_mul(2).max(1)
    }
}

/// Maps a vector to a position where small Euclidean distance means near by the metric. For an inner product that is
/// its direction, because the norm of a query does not change the order.
pub(in crate::shard) fn position(vector: &[f32], metric: Metric) -> Vec<f32> {
    let norm = if metric == Metric::Euclidean { 1.0 } else { norm(vector).max(f64::MIN_POSITIVE) };
    #[expect(clippy::cast_possible_truncation, reason = "a centroid need not be exact")]
    vector.iter().map(|element| (f64::from(*element) / norm) as f32).collect()
}

/// Initial centroids: the first vector, then repeatedly the one farthest from all chosen so far.
fn farthest_points(vectors: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut chosen: Vec<Vec<f32>> = Vec::new();
    let mut distances = vec![f32::INFINITY; vectors.len()];
    let mut next = vectors.first();
    while let Some(vector) = next {
        let query = Query::new(vector.clone());
        for (distance, other) in distances.iter_mut().zip(vectors) {
            *distance = distance.min(Metric::Euclidean.distance(&query, other));
        }
        chosen.push(vector.clone());
        let farthest = distances.iter().zip(vectors).max_by(|(a, _), (b, _)| a.total_cmp(b));
        let farthest = farthest.filter(|(distance, _)| **distance > 0.0 && chosen.len() < CENTROIDS_MAX);
        next = farthest.map(|(_, vector)| vector);
    }
    chosen
}

/// Means of the vectors nearest to each centroid; centroids with too small a share are dropped.
fn means(vectors: &[Vec<f32>], centroids: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let queries: Vec<Query> = centroids.into_iter().map(Query::new).collect();
    let mut sums: Vec<(Vec<f64>, f64)> =
        queries.iter().map(|query| (vec![0.0; query.vector.len()], 0.0)).collect();
    for vector in vectors {
        let distances = queries.iter().map(|query| Metric::Euclidean.distance(query, vector));
        let nearest = distances.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b));
        if let Some((sum, count)) = nearest.and_then(|(number, _)| sums.get_mut(number)) {
            *count += 1.0;
            sum.iter_mut().zip(vector).for_each(|(sum, element)| *sum += f64::from(*element));
        }
    }
    let least = vectors.len() as f64 * SHARE_MIN;
    sums.retain(|(_, count)| *count > 0.0 && *count >= least);
    #[expect(clippy::cast_possible_truncation, reason = "a centroid need not be exact")]
    let mean = |(sum, count): (Vec<f64>, f64)| sum.into_iter().map(|sum| (sum / count) as f32).collect();
    sums.into_iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centroids_converge_to_the_means_of_clusters() {
        let vectors: Vec<Vec<f32>> = [0.0_f32, 100.0, 200.0]
            .iter()
            .flat_map(|start| (0..10_u8).map(|n| vec![*start + f32::from(n), 1.0]))
            .collect();
        let mut centroids: Vec<Vec<f32>> = farthest_points(&vectors).into_iter().take(3).collect();
        for _ in 0..ITERATIONS {
            centroids = means(&vectors, centroids);
        }
        centroids.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(centroids, [[4.5, 1.0], [104.5, 1.0], [204.5, 1.0]]);
        assert_eq!(farthest_points(&[vec![1.0], vec![1.0]]), [[1.0]]);
        assert!(farthest_points(&[]).is_empty());
    }
}
