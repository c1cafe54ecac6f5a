//! Scaling of vectors to length 1.

/// Scales a vector to length 1. Leaves the zero vector and vectors of infinite length unchanged.
pub(crate) fn scale_to_unit_length(vector: &mut [f32]) {
    let norm = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    if norm > 0.0 && norm.is_finite() {
        #[expect(clippy::cast_possible_truncation, reason = "embeddings are in single precision")]
        vector.iter_mut().for_each(|number| *number = (f64::from(*number) / norm) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_scaled_to_length_one_and_the_zero_vector_is_unchanged() {
        let mut vector = [3.0, 4.0];
        scale_to_unit_length(&mut vector);
        assert_eq!(vector, [0.6, 0.8]);
        let mut still = [0.0; 2];
        scale_to_unit_length(&mut still);
        assert_eq!(still, [0.0; 2]);
    }
}
