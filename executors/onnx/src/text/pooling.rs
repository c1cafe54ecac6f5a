//! From a vector for each token to one for the text.

flowrun_sdk::choice! {
    /// How the vectors of a text's tokens become one.
    pub(super) enum Pooling {
        /// Their mean.
        Mean = "mean",
        /// The first one, which models that are trained so keep for the text.
        Cls = "cls",
        /// The largest number of each place.
        Max = "max",
    }
}

impl Pooling {
    /// The vector of a text, of those of its `length` tokens, which lie one behind the other; padding is behind them.
    pub(super) fn pool(self, vectors: &[f32], dimension: usize, length: usize) -> Vec<f32> {
        let mut rows = vectors.chunks_exact(dimension).take(length);
        let Some(first) = rows.next() else { return vec![0.0; dimension] };
        let mut pooled = first.to_vec();
        match self {
            Self::Cls => {}
            Self::Max => rows.for_each(|row| each(&mut pooled, row, f32::max)),
            Self::Mean => {
                rows.for_each(|row| each(&mut pooled, row, |sum, number| sum + number));
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "texts have thousands of tokens, not millions"
                )]
                let count = length as f32;
                pooled.iter_mut().for_each(|number| *number /= count);
            }
        }
        pooled
    }
}

fn each(pooled: &mut [f32], row: &[f32], join: impl Fn(f32, f32) -> f32) {
    pooled.iter_mut().zip(row).for_each(|(own, number)| *own = join(*own, *number));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_has_no_part_in_the_vector_of_a_text() {
        let vectors = [1.0, -2.0, 3.0, -6.0, 9.0, 9.0];
        let pooled = |pooling: Pooling| pooling.pool(&vectors, 2, 2);
        assert_eq!(pooled(Pooling::Mean), [2.0, -4.0]);
        assert_eq!(pooled(Pooling::Max), [3.0, -2.0]);
        assert_eq!(pooled(Pooling::Cls), [1.0, -2.0]);
    }
}
