//! Value ranges of image tensors and their conversion to bytes.

use flowrun_sdk::{ExecutorError, choice};

choice! {
    /// Value range of the numbers of an image tensor. Tensors of bytes always hold 0 to 255.
    pub(crate) enum ValueRange {
        /// Detected for each image from its smallest and largest number: `stretch` if one is below 0 or above 255,
        /// `unit` if all are within 0 to 1, else `bytes`. A `bytes` image that holds only 0 and 1 is mistaken for
        /// `unit`.
        Auto = "auto",
        /// 0 to 255; fractions are truncated, as Jina's image crafters do.
        Bytes = "bytes",
        /// 0 to 1.
        Unit = "unit",
        /// Any numbers; the smallest number of each image becomes black, the largest white.
        Stretch = "stretch",
    }
}

/// Largest value of a channel.
pub(crate) const WHITE: f32 = 255.0;

impl ValueRange {
    /// Returns the conversion of the numbers of an image to bytes.
    ///
    /// # Errors
    /// When a number is outside of the range.
    pub(crate) fn byte_scale(self, elements: &[f32]) -> Result<ByteScale, ExecutorError> {
        let MinMax { min, max } = MinMax::of_image(elements)?;
        let range = match self {
            Self::Auto if min < 0.0 || max > WHITE => Self::Stretch,
            Self::Auto if max <= 1.0 => Self::Unit,
            Self::Auto => Self::Bytes,
            range => range,
        };
        let (scale, bounds) = match range {
            Self::Unit => (ByteScale { min: 0.0, factor: WHITE, rounding: 0.5 }, 0.0..=1.0),
            Self::Stretch => {
                let factor = if max > min { WHITE / (max - min) } else { 0.0 };
                (ByteScale { min, factor, rounding: 0.5 }, min..=max)
            }
            Self::Bytes | Self::Auto => (ByteScale { min: 0.0, factor: 1.0, rounding: 0.0 }, 0.0..=WHITE),
        };
        if !bounds.contains(&min) || !bounds.contains(&max) {
            return Err(ExecutorError::input(format_args!(
                "the image holds numbers from {min} to {max}, but `value_range: {}` requires numbers from {} to {}",
                range.name(),
                bounds.start(),
                bounds.end()
            )));
        }
        Ok(scale)
    }
}

/// Smallest and largest number of an image.
#[derive(Clone, Copy, Debug)]
struct MinMax {
    min: f32,
    max: f32,
}

impl MinMax {
    /// Finds the smallest and largest number.
    ///
    /// # Errors
    /// When a number is infinite or NaN.
    fn of_image(elements: &[f32]) -> Result<Self, ExecutorError> {
        /// Numbers compared in parallel, in one or two vector registers.
        const LANES: usize = 16;
        let (rows, rest) = elements.as_chunks::<LANES>();
        let mut min = [f32::INFINITY; LANES];
        let mut max = [f32::NEG_INFINITY; LANES];
        // Stays 0 as long as every number is finite: infinity and NaN times 0 are NaN.
        let mut zero = [0.0_f32; LANES];
        let mut add = |row: &[f32]| {
            for (((min, max), zero), &element) in min.iter_mut().zip(&mut max).zip(&mut zero).zip(row) {
                *min = if element < *min { element } else { *min };
                *max = if element > *max { element } else { *max };
                *zero += element * 0.0;
            }
        };
        rows.iter().for_each(|row| add(row));
        add(rest);
        if zero.iter().any(|zero| zero.is_nan()) {
            return Err(ExecutorError::input("the image holds numbers that are infinite or not a number"));
        }
        Ok(Self {
            min: min.into_iter().fold(f32::INFINITY, f32::min),
            max: max.into_iter().fold(f32::NEG_INFINITY, f32::max),
        })
    }
}

/// Conversion of numbers to bytes: `(number - min) × factor + rounding`, truncated.
pub(crate) struct ByteScale {
    min: f32,
    factor: f32,
    rounding: f32,
}

impl ByteScale {
    /// Converts a number that is within the range.
    pub(crate) fn to_byte(&self, element: f32) -> u8 {
        // The result is within 0 to 255. The conversion to `i32` is vectorised, the one to `u8` is not.
        ((element - self.min) * self.factor + self.rounding) as i32 as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_bytes(range: ValueRange, elements: &[f32]) -> Vec<u8> {
        let scale = range.byte_scale(elements).unwrap();
        elements.iter().map(|&element| scale.to_byte(element)).collect()
    }

    #[test]
    fn auto_detects_the_range_from_the_smallest_and_largest_number() {
        assert_eq!(to_bytes(ValueRange::Auto, &[0.0, 0.5, 1.0]), [0, 128, 255]);
        assert_eq!(to_bytes(ValueRange::Auto, &[0.0, 1.5, 255.0]), [0, 1, 255]);
        assert_eq!(to_bytes(ValueRange::Auto, &[-1.0, 0.0, 1.0]), [0, 128, 255]);
        assert_eq!(to_bytes(ValueRange::Auto, &[0.0, 256.0]), [0, 255]);
        assert_eq!(to_bytes(ValueRange::Auto, &[0.0, 0.0]), [0, 0]);
        assert_eq!(to_bytes(ValueRange::Bytes, &[0.0, 0.9, 1.0]), [0, 0, 1]);
    }

    #[test]
    fn an_image_of_one_number_is_stretched_to_black() {
        assert_eq!(to_bytes(ValueRange::Stretch, &[7.0, 7.0]), [0, 0]);
        assert_eq!(to_bytes(ValueRange::Stretch, &[-3.0e38, 3.0e38]), [0, 0]);
    }

    #[test]
    fn extremes_are_found_at_every_position() {
        for length in [1, 15, 16, 17, 40] {
            for position in 0..length {
                let mut elements = vec![1.0; length];
                elements[position] = -5.0;
                let found = MinMax::of_image(&elements).unwrap();
                assert_eq!((found.min, found.max), (-5.0, if length > 1 { 1.0 } else { -5.0 }));
                elements[position] = f32::NAN;
                assert!(MinMax::of_image(&elements).is_err());
            }
        }
    }
}
