//! Exact distances of vectors.
//!
//! Every distance in a reply is computed here, in double precision with a fixed order of additions, and rounded to single
//! precision once. It depends on the two vectors only, not on batch size, number of threads or shards, or the index type.
//! FAISS's approximate values, which select the candidates, are in [`crate::ann`].

use flowrun_sdk::ExecutorError;

flowrun_sdk::choice! {
    /// Distance measure of two vectors; smaller is nearer.
    pub enum Metric {
        /// One minus the cosine of the angle between them; from 0 to 2.
        Cosine = "cosine",
        /// Length of their difference.
        Euclidean = "euclidean",
        /// One minus their inner product, like in AnnLite; may be negative.
        InnerProduct = "inner_product",
    }
}

/// A query vector and its norm.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) vector: Vec<f32>,
    squared_norm: f64,
}

impl Query {
    pub(crate) fn new(vector: Vec<f32>) -> Self {
        let squared_norm = dot(&vector, &vector);
        Self { vector, squared_norm }
    }

    /// Euclidean norm of the vector.
    pub(crate) fn norm(&self) -> f64 {
        self.squared_norm.sqrt()
    }
}

impl Metric {
    /// Distance between `query` and `row`, which have the same number of dimensions.
    ///
    /// cosine: 1 − q·x / √(q² x²); euclidean: √Σ(qᵢ − xᵢ)²; inner product: 1 − q·x.
    pub(crate) fn distance(self, query: &Query, row: &[f32]) -> f32 {
        let distance = match self {
            Self::Cosine => {
                // √(a·a) is exactly a, so the distance of a vector from itself and from its double is exactly 0.
                (1.0 - dot(&query.vector, row) / (query.squared_norm * dot(row, row)).sqrt()).max(0.0)
            }
            Self::Euclidean => squared_difference(&query.vector, row).sqrt(),
            Self::InnerProduct => 1.0 - dot(&query.vector, row),
        };
        #[expect(clippy::cast_possible_truncation, reason = "the only rounding")]
        let rounded = distance as f32;
        // Turns −0 into +0: −0 would sort first.
        rounded + 0.0
    }

    /// Checks that the metric is defined for this vector.
    ///
    /// # Errors
    /// When an element is not finite, or for `cosine` when the vector is zero.
    pub(crate) fn check(self, vector: &[f32]) -> Result<(), ExecutorError> {
        if let Some(position) = vector.iter().position(|element| !element.is_finite()) {
            let element = vector.get(position).copied().unwrap_or(f32::NAN);
            return Err(ExecutorError::input(format_args!(
                "element {position} of the embedding is {element}: only finite numbers have a distance"
            )));
        }
        if self == Self::Cosine && vector.iter().all(|&element| element == 0.0) {
            return Err(ExecutorError::input("the embedding is zero: its cosine is not defined"));
        }
        Ok(())
    }
}

/// Independent partial sums, which allow instruction-level parallelism. Their number affects the rounding of the result.
const LANES: usize = 8;

/// Σ `term(aᵢ, bᵢ)` in a fixed order.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let mut lanes = [0.0_f64; LANES];
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for (lane, (&a, &b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += term(f64::from(a), f64::from(b));
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| term(f64::from(a), f64::from(b))).sum();
    lanes.iter().sum::<f64>() + rest
}

/// Defines a sum twice, once compiled for AVX2, which adds four lanes at a time. Order of additions and rounding are the
/// same (no fused multiply-add), so the results are identical.
macro_rules! summed {
    ($(#[$documentation:meta])* $name:ident, $term:expr) => {
        $(#[$documentation])*
        fn $name(a: &[f32], b: &[f32]) -> f64 {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn with_avx2(a: &[f32], b: &[f32]) -> f64 {
                    sum(a, b, $term)
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    #[expect(unsafe_code, reason = "AVX2 was detected")]
                    // SAFETY: the processor has AVX2, the only requirement of the function.
                    return unsafe { with_avx2(a, b) };
                }
            }
            sum(a, b, $term)
        }
    };
}

summed!(
    /// Σ aᵢ bᵢ
    dot,
    |a, b| a * b
);
summed!(
    /// Σ (aᵢ − bᵢ)²
    squared_difference,
    |a, b| (a - b) * (a - b)
);

/// Euclidean norm of a vector.
pub(crate) fn norm(vector: &[f32]) -> f64 {
    dot(vector, vector).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vectors() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
        (1..40_usize).prop_flat_map(|length| {
            let vector = || proptest::collection::vec(-100.0_f32..100.0, length);
            (vector(), vector())
        })
    }

    fn naive(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
        let pairs = || a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b)));
        let dot: f64 = pairs().map(|(a, b)| a * b).sum();
        let (aa, bb): (f64, f64) = (pairs().map(|(a, _)| a * a).sum(), pairs().map(|(_, b)| b * b).sum());
        match metric {
            Metric::Cosine => 1.0 - dot / (aa.sqrt() * bb.sqrt()),
            Metric::Euclidean => pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt(),
            Metric::InnerProduct => 1.0 - dot,
        }
    }

    proptest! {
        #[test]
        fn distances_equal_their_formula((a, b) in vectors()) {
            for metric in [Metric::Cosine, Metric::Euclidean, Metric::InnerProduct] {
                if metric.check(&a).is_err() || metric.check(&b).is_err() {
                    continue;
                }
                let distance = f64::from(metric.distance(&Query::new(a.clone()), &b));
                let expected = naive(metric, &a, &b);
                prop_assert!((distance - expected).abs() <= 1e-6 * (1.0 + expected.abs()), "{distance} {expected}");
            }
        }

        #[test]
        fn a_vector_has_distance_zero_from_itself_and_cosine_distance_zero_from_its_double((a, _) in vectors()) {
            let doubled: Vec<f32> = a.iter().map(|element| 2.0 * element).collect();
            let query = Query::new(a.clone());
            prop_assert_eq!(Metric::Euclidean.distance(&query, &a).to_bits(), 0.0_f32.to_bits());
            if Metric::Cosine.check(&a).is_ok() {
                prop_assert_eq!(Metric::Cosine.distance(&query, &doubled).to_bits(), 0.0_f32.to_bits());
            }
        }
    }

    proptest! {
        #[test]
        fn distances_with_avx2_are_bit_identical((a, b) in vectors()) {
            prop_assert_eq!(dot(&a, &b).to_bits(), sum(&a, &b, |a, b| a * b).to_bits());
            let plain = sum(&a, &b, |a, b| (a - b) * (a - b));
            prop_assert_eq!(squared_difference(&a, &b).to_bits(), plain.to_bits());
        }
    }

    #[test]
    fn vectors_without_a_distance_are_rejected() {
        for metric in [Metric::Cosine, Metric::Euclidean, Metric::InnerProduct] {
            for vector in [[1.0, f32::NAN], [f32::INFINITY, 0.0], [0.0, f32::NEG_INFINITY]] {
                assert!(metric.check(&vector).is_err(), "{metric:?} {vector:?}");
            }
            assert_eq!(metric.check(&[0.0, -0.0]).is_err(), metric == Metric::Cosine);
            assert!(metric.check(&[f32::MAX, f32::MIN_POSITIVE / 2.0]).is_ok());
        }
    }

    #[test]
    fn extreme_vectors_have_a_distance() {
        for element in [f32::MAX, 1e-45] {
            let (query, opposite) = (Query::new(vec![element; 9]), [-element; 9]);
            assert_eq!(Metric::Cosine.distance(&query, &opposite), 2.0);
            assert!(!Metric::Euclidean.distance(&query, &opposite).is_nan());
            assert!(!Metric::InnerProduct.distance(&query, &opposite).is_nan());
        }
    }

    #[test]
    fn every_metric_is_known_as_a_distance() {
        let metrics = [Metric::Cosine, Metric::Euclidean, Metric::InnerProduct];
        assert_eq!(metrics.map(Metric::name), flowrun_sdk::DISTANCE_SCORES);
    }
}
