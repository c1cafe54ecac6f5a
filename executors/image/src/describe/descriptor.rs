//! Computes the vector of an image.
//!
//! The image is scaled to 48 × 48 pixels. Its colour layout and its oriented gradients are scaled to Euclidean norm 1 each,
//! weighted, and concatenated to 1,024 numbers, which are again scaled to norm 1, so that cosine and Euclidean
//! distance give the same order. Other dimensions are random projections of this vector ([`Projection`]).

use flowrun_sdk::{ExecutorError, ResamplingFilter};
use image::RgbImage;

use super::input::SIDE;
use super::projection::Projection;
use super::{colour_layout, gradients};
use crate::resize::Resizer;

/// Dimension of vectors without projection.
const RAW_DIMENSION: usize = colour_layout::NUMBERS + gradients::NUMBERS;

/// Weight of the colour layout against the gradients. With a larger weight the nearest neighbours stay as good, but
/// later results get worse for classes of objects that occur in different colours; with 0, a red flower equals a blue
/// one.
const COLOUR_WEIGHT: f32 = 0.35;

/// Computes descriptors of images one after the other and reuses its buffers.
pub(crate) struct Descriptor {
    resizer: Resizer,
    projection: Option<Projection>,
}

impl Descriptor {
    /// A descriptor of the given dimension.
    pub(crate) fn new(dimension: usize) -> Self {
        let projection = (dimension != RAW_DIMENSION).then(|| Projection::new(RAW_DIMENSION, dimension));
        Self { resizer: Resizer::default(), projection }
    }

    /// Computes the vector of an image: as many finite numbers as the dimension, with Euclidean norm 1.
    ///
    /// # Errors
    /// When the image is too large to be scaled.
    pub(crate) fn describe(&mut self, image: &RgbImage) -> Result<Vec<f32>, ExecutorError> {
        let side = SIDE as u32;
        let pixels = self.resizer.resize(image, side, side, ResamplingFilter::Bilinear)?.as_chunks().0;
        let mut vector = colour_layout::colour_layout(pixels);
        scale_to_length(&mut vector, COLOUR_WEIGHT);
        let mut gradients = gradients::gradients(pixels);
        scale_to_length(&mut gradients, 1.0);
        vector.append(&mut gradients);
        if let Some(projection) = &self.projection {
            vector = projection.project(&vector);
        }
        if !scale_to_length(&mut vector, 1.0) {
            // Medium grey without an edge has the zero vector; it gets an arbitrary but fixed direction.
            vector.iter_mut().take(1).for_each(|first| *first = 1.0);
        }
        Ok(vector)
    }
}

/// Scales a vector to the given Euclidean norm. Leaves the zero vector unchanged and returns false for it.
fn scale_to_length(vector: &mut [f32], length: f32) -> bool {
    let norm = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    let is_nonzero = norm > f32::EPSILON;
    if is_nonzero {
        vector.iter_mut().for_each(|number| *number *= length / norm);
    }
    is_nonzero
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_raw_dimension_is_the_sum_of_its_parts() {
        assert_eq!((colour_layout::NUMBERS, gradients::NUMBERS, RAW_DIMENSION), (124, 900, 1024));
    }

    #[test]
    fn scale_to_length_leaves_the_zero_vector_unchanged() {
        let mut vector = [0.0; 3];
        assert!(!scale_to_length(&mut vector, 1.0));
        assert_eq!(vector, [0.0; 3]);
        let mut vector = [3.0, 0.0, 4.0];
        assert!(scale_to_length(&mut vector, 10.0));
        assert_eq!(vector, [6.0, 0.0, 8.0]);
    }
}
