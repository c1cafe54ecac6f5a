//! A lower bound of the exact distance, from a value that FAISS computed.
//!
//! FAISS computes in single precision, in an order that depends on batch, threads and processor. Independent of that order,
//! the error of a sum of products is bounded by |fl(q·x) − q·x| ≤ γ |q||x| with γ = n u / (1 − n u) and u = 2⁻²⁴ (Higham,
//! Accuracy and Stability of Numerical Algorithms, §3.1). The bound used here is twice that, for n = dimension + 16, to
//! cover the norms and differences around the sum as well.

use faiss::MetricType;

use crate::metric::{self, Metric, Query};

/// Relative error of one addition, doubled.
const UNIT: f64 = f32::EPSILON as f64;

/// Relates FAISS's values to exact distances. FAISS computes inner products of unit vectors for `cosine`, inner products of
/// the stored vectors for `inner_product`, and squared distances for `euclidean`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DistanceBound {
    metric: Metric,
    dimension: usize,
}

impl DistanceBound {
    /// The bound for vectors of `dimension` elements.
    pub(crate) fn new(metric: Metric, dimension: usize) -> Self {
        Self { metric, dimension }
    }

    /// Metric for FAISS.
    pub(super) fn faiss_metric(self) -> MetricType {
        match self.metric {
            Metric::Cosine | Metric::InnerProduct => MetricType::InnerProduct,
            Metric::Euclidean => MetricType::L2,
        }
    }

    /// Identifies metric and dimension in the settings checksum of an index file. Part of the file format: another text
    /// invalidates every saved index.
    pub(super) fn key(self) -> String {
        format!("Approximation {{ metric: {:?}, dimension: {} }}", self.metric, self.dimension)
    }

    /// Lower bound of the exact distance of every row whose FAISS value is `worst` or worse. With the worst value of a
    /// list of candidates it holds for all rows that are not in the list. `norm_max` is the largest norm of a row.
    ///
    /// Returns −∞ when `worst` is not finite or near overflow.
    pub(crate) fn lower_bound(self, worst: f32, query: &Query, norm_max: f64) -> f32 {
        let scale = match self.metric {
            Metric::Cosine => 1.0,
            Metric::InnerProduct => query.norm() * norm_max,
            Metric::Euclidean => (query.norm() + norm_max).powi(2),
        };
        #[expect(clippy::cast_precision_loss, reason = "dimensions are far below 2⁵²")]
        let terms = (self.dimension + 16) as f64;
        if !worst.is_finite() || scale * terms >= f64::from(f32::MAX) / 4.0 {
            return f32::NEG_INFINITY;
        }
        let slack = terms * (UNIT * scale + f64::from(f32::MIN_POSITIVE));
        let worst = f64::from(worst);
        let bound = match self.metric {
            Metric::Cosine | Metric::InnerProduct => 1.0 - (worst + slack),
            Metric::Euclidean => (worst - slack).max(0.0).sqrt(),
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "exact distances are rounded in the same way, which keeps the order"
        )]
        let rounded = bound as f32;
        rounded
    }
}

/// Appends a vector as it is passed to FAISS: normalised to unit length for `cosine`, otherwise unchanged.
pub(crate) fn push_faiss_vector(metric: Metric, vector: &[f32], into: &mut Vec<f32>) {
    match metric {
        Metric::Cosine => {
            let norm = metric::norm(vector);
            #[expect(clippy::cast_possible_truncation, reason = "FAISS computes in single precision")]
            into.extend(vector.iter().map(|&element| (f64::from(element) / norm) as f32));
        }
        Metric::Euclidean | Metric::InnerProduct => into.extend(vector),
    }
}

#[cfg(test)]
mod tests {
    use faiss::Index as _;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_lower_bound_of_a_row_is_at_most_its_exact_distance(
            vectors in (1..70_usize).prop_flat_map(|dimension| {
                proptest::collection::vec(proptest::collection::vec(-4..4_i8, dimension), 2..30)
            }),
            offset in -1000.0_f32..1000.0,
            scale in -30..30_i32,
        ) {
            let vectors: Vec<Vec<f32>> = vectors.iter()
                .map(|vector| vector.iter().map(|&e| (f32::from(e) + offset) * 2.0_f32.powi(scale)).collect())
                .collect();
            let norm_max = vectors.iter().map(|vector| metric::norm(vector)).fold(0.0, f64::max);
            for metric in [Metric::Cosine, Metric::Euclidean, Metric::InnerProduct] {
                let distance_bound = DistanceBound::new(metric, vectors[0].len());
                let mut rows = Vec::new();
                vectors.iter().for_each(|vector| push_faiss_vector(metric, vector, &mut rows));
                let dimension = u32::try_from(vectors[0].len()).unwrap();
                let mut index = faiss::index_factory(dimension, "Flat", distance_bound.faiss_metric()).unwrap();
                index.add(&rows).unwrap();
                // FAISS multiplies matrices for 20 queries, but not for one.
                for count in [1, 20] {
                    let queries = rows[..vectors[0].len()].repeat(count);
                    let found = index.search(&queries, vectors.len()).unwrap();
                    let query = Query::new(vectors[0].clone());
                    for (label, value) in found.labels.iter().zip(&found.distances) {
                        let Some(row) = label.get() else { continue };
                        let exact = metric.distance(&query, &vectors[usize::try_from(row).unwrap()]);
                        let bound = distance_bound.lower_bound(*value, &query, norm_max);
                        prop_assert!(bound <= exact, "{metric:?}: {bound} > {exact}");
                    }
                }
            }
        }
    }

    #[test]
    fn values_near_overflow_give_no_bound() {
        let query = Query::new(vec![1e18; 4]);
        for metric in [Metric::Euclidean, Metric::InnerProduct] {
            let distance_bound = DistanceBound::new(metric, 4);
            assert_eq!(distance_bound.lower_bound(1.0, &query, 1e19), f32::NEG_INFINITY);
            assert_eq!(
                distance_bound.lower_bound(f32::INFINITY, &Query::new(vec![1.0]), 1.0),
                f32::NEG_INFINITY
            );
        }
    }

    #[test]
    fn the_key_in_index_files_does_not_change() {
        let key = DistanceBound::new(Metric::InnerProduct, 4).key();
        assert_eq!(key, "Approximation { metric: InnerProduct, dimension: 4 }");
    }
}
