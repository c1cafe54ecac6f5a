//! Signed feature hashing: a vector of fixed dimension from any number of features, without a vocabulary.
//!
//! Weinberger et al., “Feature Hashing for Large Scale Multitask Learning” (2009): the hash of a feature selects an
//! element and a sign, and the weight of the feature is added to the element with that sign. Features that share an
//! element cancel out on average, so that an inner product of vectors is an unbiased estimate of the inner product of
//! the unhashed ones.
//!
//! The vector of a text is the same to the last bit on every machine, because new vectors are compared with stored
//! ones.

use std::f64::consts::LN_2;

/// Computes the vector of a text from the hashes of its features, with repetitions. Each element is the sum of
/// `sign · (1 + ln count)` over its features; the vector is scaled to Euclidean norm 1. `None` if there are no features or
/// they cancel out.
pub(crate) fn embed(mut hashes: Vec<u64>, dimension: usize) -> Option<Vec<f32>> {
    let mut sums = vec![0.0_f64; dimension];
    // Sorting makes equal features adjacent, and sums independent of the order of the text.
    hashes.sort_unstable();
    for occurrences in hashes.chunk_by(|left, right| left == right) {
        let hash = occurrences.first()?;
        let sign = if hash & 1 == 0 { 1.0 } else { -1.0 };
        *element(&mut sums, hash >> 1)? += sign * (1.0 + logarithm(occurrences.len()));
    }
    let norm = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "embeddings are in single precision")]
    let unit = |sum: f64| (sum / norm) as f32;
    (norm > 0.0).then(|| sums.into_iter().map(unit).collect())
}

/// Selects an element by a number; `None` if there are no elements.
fn element(sums: &mut [f64], number: u64) -> Option<&mut f64> {
    let position = number.checked_rem(u64::try_from(sums.len()).ok()?)?;
    sums.get_mut(usize::try_from(position).ok()?)
}

/// Natural logarithm of a count ≥ 1, computed only with operations whose rounding IEEE 754 defines. The logarithm of
/// the standard library differs between platforms in the last digit.
///
/// With `count = m · 2ᵉ` and `1 ≤ m < 2`: `ln count = e · ln 2 + 2 · artanh(z)`, `z = (m − 1) / (m + 1) < 1/3`, and the
/// series of artanh up to the 20th term, after which the sum no longer changes.
fn logarithm(count: usize) -> f64 {
    let exponent = count.max(1).ilog2();
    let mantissa = count.max(1) as f64 / (1_u64 << exponent) as f64;
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let series = (0..20_u32).rev().fold(0.0, |sum, term| sum * z * z + 1.0 / f64::from(2 * term + 1));
    f64::from(exponent) * LN_2 + 2.0 * z * series
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn features_that_cancel_out_have_no_vector() {
        assert_eq!(embed(vec![0, 1], 8), None);
        assert_eq!(embed(vec![], 8), None);
        assert_eq!(embed(vec![0], 0), None);
    }

    #[test]
    fn repetitions_of_a_feature_count_logarithmically() {
        // The first feature twice, the second once; the second has the next element and the opposite sign.
        let vector = embed(vec![0, 3, 0], 8).unwrap();
        let expected = -(1.0 + 2.0_f64.ln());
        assert!((f64::from(vector[0] / vector[1]) - expected).abs() < 1e-6, "{vector:?}");
    }

    proptest! {
        #[test]
        fn the_logarithm_equals_that_of_the_standard_library(count in prop_oneof![1..100_usize, 1..usize::MAX]) {
            let expected = (count as f64).ln();
            prop_assert!((logarithm(count) - expected).abs() <= 4.0 * f64::EPSILON * expected.max(1.0));
        }

        #[test]
        fn a_vector_has_length_one_and_is_independent_of_the_order_of_features(
            (hashes, shuffled) in proptest::collection::vec(0..1000_u64, 1..50)
                .prop_flat_map(|hashes| (Just(hashes.clone()), Just(hashes).prop_shuffle())),
            dimension in 1..100_usize,
        ) {
            let vector = embed(hashes, dimension);
            prop_assert_eq!(&vector, &embed(shuffled, dimension));
            if let Some(vector) = vector {
                let norm: f64 = vector.iter().map(|element| f64::from(*element).powi(2)).sum();
                prop_assert!((norm - 1.0).abs() < 1e-6);
            }
        }
    }
}
