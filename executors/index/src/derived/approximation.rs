//! What a value that FAISS computed says about the exact distance.
//!
//! FAISS computes in single precision, in an order that depends on batch, threads and processor. How far it may be off
//! is bounded by the standard analysis of a sum of products: |fl(q·x) − q·x| ≤ γ |q||x| with γ = n u / (1 − n u) and
//! u = 2⁻²⁴ (Higham, Accuracy and Stability of Numerical Algorithms, §3.1), whatever the order. We take twice that, for
//! n = dimension + 16, which covers the norms and differences around the sum too.

use faiss::MetricType;

use crate::metric::{self, Metric, Query};

/// The relative error of one addition, doubled.
const UNIT: f64 = f32::EPSILON as f64;

/// How FAISS compares under a metric: by inner products of unit vectors, of vectors as they are, or by squared lengths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Approximation {
    metric: Metric,
    dimension: usize,
}

impl Approximation {
    pub(crate) fn new(metric: Metric, dimension: usize) -> Self {
        Self { metric, dimension }
    }

    /// The metric that FAISS is to use.
    pub(super) fn native_metric(self) -> MetricType {
        match self.metric {
            Metric::Cosine | Metric::InnerProduct => MetricType::InnerProduct,
            Metric::Euclidean => MetricType::L2,
        }
    }

    /// A distance that no row is below whose value is as bad as `last` or worse; the worst value of a list of
    /// candidates says so of all rows that are not on the list. `norm_max` is the length of the longest row.
    pub(crate) fn floor(self, last: f32, query: &Query, norm_max: f64) -> f32 {
        let scale = match self.metric {
            Metric::Cosine => 1.0,
            Metric::InnerProduct => query.norm() * norm_max,
            Metric::Euclidean => (query.norm() + norm_max).powi(2),
        };
        #[expect(clippy::cast_precision_loss, reason = "dimensions are far below 2⁵²")]
        let terms = (self.dimension + 16) as f64;
        // Near overflow a value says nothing.
        if !last.is_finite() || scale * terms >= f64::from(f32::MAX) / 4.0 {
            return f32::NEG_INFINITY;
        }
        let slack = terms * (UNIT * scale + f64::from(f32::MIN_POSITIVE));
        let last = f64::from(last);
        let floor = match self.metric {
            Metric::Cosine | Metric::InnerProduct => 1.0 - (last + slack),
            Metric::Euclidean => (last - slack).max(0.0).sqrt(),
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounded as exact distances are, which keeps the order"
        )]
        let rounded = floor as f32;
        rounded
    }
}

/// Appends a vector in the form in which FAISS gets it: of unit length for `cosine`, else as it is.
pub(crate) fn push_native(metric: Metric, vector: &[f32], into: &mut Vec<f32>) {
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
        fn no_row_is_below_the_floor_of_its_own_value(
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
                let approximation = Approximation::new(metric, vectors[0].len());
                let mut native = Vec::new();
                vectors.iter().for_each(|vector| push_native(metric, vector, &mut native));
                let dimension = u32::try_from(vectors[0].len()).unwrap();
                let mut index = faiss::index_factory(dimension, "Flat", approximation.native_metric()).unwrap();
                index.add(&native).unwrap();
                // One query, and so many that FAISS multiplies matrices.
                for count in [1, 20] {
                    let queries = native[..vectors[0].len()].repeat(count);
                    let found = index.search(&queries, vectors.len()).unwrap();
                    let query = Query::new(vectors[0].clone());
                    for (label, value) in found.labels.iter().zip(&found.distances) {
                        let Some(row) = label.get() else { continue };
                        let exact = metric.distance(&query, &vectors[usize::try_from(row).unwrap()]);
                        let floor = approximation.floor(*value, &query, norm_max);
                        prop_assert!(floor <= exact, "{metric:?}: {floor} > {exact}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_value_near_overflow_says_nothing() {
        let query = Query::new(vec![1e18; 4]);
        for metric in [Metric::Euclidean, Metric::InnerProduct] {
            let approximation = Approximation::new(metric, 4);
            assert_eq!(approximation.floor(1.0, &query, 1e19), f32::NEG_INFINITY);
            assert_eq!(approximation.floor(f32::INFINITY, &Query::new(vec![1.0]), 1.0), f32::NEG_INFINITY);
        }
    }
}
