//! Pools the token vectors of a text to one vector.

flowrun_sdk::choice! {
    /// Pooling of token vectors.
    pub(super) enum Pooling {
        /// Mean of all tokens.
        Mean = "mean",
        /// First token (class token), for models that were trained with it.
        Cls = "cls",
        /// Maximum of each element.
        Max = "max",
    }
}

impl Pooling {
    /// Pools the first `length` token vectors; those after them are padding.
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
    fn padding_is_ignored() {
        let vectors = [1.0, -2.0, 3.0, -6.0, 9.0, 9.0];
        let pooled = |pooling: Pooling| pooling.pool(&vectors, 2, 2);
        assert_eq!(pooled(Pooling::Mean), [2.0, -4.0]);
        assert_eq!(pooled(Pooling::Max), [3.0, -2.0]);
        assert_eq!(pooled(Pooling::Cls), [1.0, -2.0]);
    }
}
