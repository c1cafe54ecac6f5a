//! Vectors of length 1.

/// Brings a vector to length 1; one without a direction stays.
pub(crate) fn normalize(vector: &mut [f32]) {
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
    fn vectors_are_brought_to_length_one_and_those_without_direction_stay() {
        let mut vector = [3.0, 4.0];
        normalize(&mut vector);
        assert_eq!(vector, [0.6, 0.8]);
        let mut still = [0.0; 2];
        normalize(&mut still);
        assert_eq!(still, [0.0; 2]);
    }
}
