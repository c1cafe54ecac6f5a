//! What the vectors of a shard gather around: enough to tell which shards are near a query, not what is in them.
//!
//! Learned from a sample of the rows, and again whenever there are twice as many. Nothing of it is on disk.

use std::sync::Arc;

use super::vectors::Vectors;
use super::view::View;
use crate::metric::{Metric, Query, norm};
use crate::storage::StorageError;

/// The most centroids of a shard.
const CENTROIDS_MAX: usize = 16;
/// The most rows that they are learned from.
const ROWS_MAX: u64 = 2048;
/// How often they move to the middle of what is nearest to them.
const ROUNDS: usize = 3;
/// One that fewer than this part of the rows are nearest to is left out: what strayed into a shard is not what it is about.
const SHARE_MIN: f64 = 1.0 / 128.0;

/// What vectors gather around.
#[derive(Debug)]
pub(super) struct Centroids {
    pub(super) centroids: Arc<[Vec<f32>]>,
    /// How many rows there were.
    rows: u64,
}

impl Centroids {
    /// Those of the rows that are found.
    pub(super) fn learn(vectors: &Vectors, view: &View) -> Result<Self, StorageError> {
        let (metric, rows) = (vectors.metric, view.counters.rows);
        let step = usize::try_from(rows.div_ceil(ROWS_MAX)).unwrap_or(usize::MAX).max(1);
        let sample = (0..rows).step_by(step).filter(|row| !view.dead.contains(*row));
        let sampled = sample.map(|row| Ok(position(&vectors.file.vector(row)?, metric)));
        let sampled = sampled.collect::<Result<Vec<Vec<f32>>, StorageError>>()?;
        let mut centroids = far_apart(&sampled);
        for _ in 0..ROUNDS {
            centroids = middles(&sampled, centroids);
        }
        Ok(Self { centroids: centroids.into(), rows })
    }

    /// Whether there are so many more rows by now that they should be learned anew.
    pub(super) fn are_outgrown(&self, rows: u64) -> bool {
        rows >= self.rows.saturating_mul(2).max(1)
    }
}

/// Where a vector is so that what the metric calls near is near in space: for an inner product its direction, because
/// how long a query is does not matter.
pub(super) fn position(vector: &[f32], metric: Metric) -> Vec<f32> {
    let norm = if metric == Metric::Euclidean { 1.0 } else { norm(vector).max(f64::MIN_POSITIVE) };
    #[expect(clippy::cast_possible_truncation, reason = "a centroid need not be exact")]
    vector.iter().map(|element| (f64::from(*element) / norm) as f32).collect()
}

/// Vectors that are far from each other: the first, and again and again the one that is farthest from all so far.
fn far_apart(vectors: &[Vec<f32>]) -> Vec<Vec<f32>> {
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

/// The middles of the vectors that are nearest to each centroid; one that next to nothing is near to goes.
fn middles(vectors: &[Vec<f32>], centroids: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let queries: Vec<Query> = centroids.into_iter().map(Query::new).collect();
    let mut sums: Vec<(Vec<f64>, f64)> =
        queries.iter().map(|query| (vec![0.0; query.vector.len()], 0.0)).collect();
    for vector in vectors {
        let distances = queries.iter().map(|query| Metric::Euclidean.distance(query, vector));
        let nearest = distances.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b));
        if let Some((sum, count)) = nearest.and_then(|(place, _)| sums.get_mut(place)) {
            *count += 1.0;
            sum.iter_mut().zip(vector).for_each(|(sum, element)| *sum += f64::from(*element));
        }
    }
    let least = vectors.len() as f64 * SHARE_MIN;
    sums.retain(|(_, count)| *count > 0.0 && *count >= least);
    #[expect(clippy::cast_possible_truncation, reason = "a centroid need not be exact")]
    let middle = |(sum, count): (Vec<f64>, f64)| sum.into_iter().map(|sum| (sum / count) as f32).collect();
    sums.into_iter().map(middle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centroids_are_in_the_middle_of_what_gathers() {
        let vectors: Vec<Vec<f32>> = [0.0_f32, 100.0, 200.0]
            .iter()
            .flat_map(|at| (0..10_u8).map(|n| vec![*at + f32::from(n), 1.0]))
            .collect();
        let mut centroids: Vec<Vec<f32>> = far_apart(&vectors).into_iter().take(3).collect();
        for _ in 0..ROUNDS {
            centroids = middles(&vectors, centroids);
        }
        centroids.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(centroids, [[4.5, 1.0], [104.5, 1.0], [204.5, 1.0]]);
        assert_eq!(far_apart(&[vec![1.0], vec![1.0]]), [[1.0]]);
        assert!(far_apart(&[]).is_empty());
    }
}
