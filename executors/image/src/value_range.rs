//! What the numbers of an image tensor mean, and how they become bytes.

use flowrun_sdk::{ExecutorError, choice};

choice! {
    /// What the numbers of an image tensor mean. Tensors of bytes always hold 0 to 255.
    pub(crate) enum ValueRange {
        /// Told from the smallest and the largest number of each image: below 0 or above 255 as `stretch`, all within
        /// 0 to 1 as `unit`, else as `bytes`. An image of bytes that is black but for ones is taken for `unit`.
        Auto = "auto",
        /// 0 to 255, fractions cut off, as image crafters of Jina read them.
        Bytes = "bytes",
        /// 0 to 1.
        Unit = "unit",
        /// Any numbers; the smallest one of each image becomes black, the largest one white.
        Stretch = "stretch",
    }
}

/// The largest value of a channel.
pub(crate) const WHITE: f32 = 255.0;

impl ValueRange {
    /// How the numbers of an image become bytes.
    ///
    /// # Errors
    /// When one lies outside of the range.
    pub(crate) fn scale(self, elements: &[f32]) -> Result<Scale, ExecutorError> {
        let Extremes { least, most } = Extremes::of(elements)?;
        let range = match self {
            Self::Auto if least < 0.0 || most > WHITE => Self::Stretch,
            Self::Auto if most <= 1.0 => Self::Unit,
            Self::Auto => Self::Bytes,
            range => range,
        };
        let (scale, bounds) = match range {
            Self::Unit => (Scale { least: 0.0, factor: WHITE, rounding: 0.5 }, 0.0..=1.0),
            Self::Stretch => {
                let factor = if most > least { WHITE / (most - least) } else { 0.0 };
                (Scale { least, factor, rounding: 0.5 }, least..=most)
            }
            Self::Bytes | Self::Auto => (Scale { least: 0.0, factor: 1.0, rounding: 0.0 }, 0.0..=WHITE),
        };
        if !bounds.contains(&least) || !bounds.contains(&most) {
            return Err(ExecutorError::input(format_args!(
                "the image holds numbers from {least} to {most}, but by `value_range: {}` they must be from {} to {}",
                range.name(),
                bounds.start(),
                bounds.end()
            )));
        }
        Ok(scale)
    }
}

/// The smallest and the largest number of an image.
#[derive(Clone, Copy, Debug)]
struct Extremes {
    least: f32,
    most: f32,
}

impl Extremes {
    /// # Errors
    /// When a number is infinite or none at all.
    fn of(elements: &[f32]) -> Result<Self, ExecutorError> {
        /// Numbers looked at side by side, in one vector register or two.
        const LANES: usize = 16;
        let (rows, rest) = elements.as_chunks::<LANES>();
        let mut least = [f32::INFINITY; LANES];
        let mut most = [f32::NEG_INFINITY; LANES];
        // Stays 0 as long as every number is finite: infinity and NaN times 0 are NaN.
        let mut zero = [0.0_f32; LANES];
        let mut look = |row: &[f32]| {
            for (((least, most), zero), &element) in least.iter_mut().zip(&mut most).zip(&mut zero).zip(row) {
                *least = if element < *least { element } else { *least };
                *most = if element > *most { element } else { *most };
                *zero += element * 0.0;
            }
        };
        rows.iter().for_each(|row| look(row));
        look(rest);
        if zero.iter().any(|zero| zero.is_nan()) {
            return Err(ExecutorError::input("the image holds numbers that are infinite or not a number"));
        }
        Ok(Self {
            least: least.into_iter().fold(f32::INFINITY, f32::min),
            most: most.into_iter().fold(f32::NEG_INFINITY, f32::max),
        })
    }
}

/// How a number becomes a byte: `(number - least) × factor + rounding`, cut off.
pub(crate) struct Scale {
    least: f32,
    factor: f32,
    rounding: f32,
}

impl Scale {
    pub(crate) fn byte(&self, element: f32) -> u8 {
        // Within 0 to 255 by now; through `i32`, which takes a processor one instruction for several numbers.
        ((element - self.least) * self.factor + self.rounding) as i32 as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(range: ValueRange, elements: &[f32]) -> Vec<u8> {
        let scale = range.scale(elements).unwrap();
        elements.iter().map(|&element| scale.byte(element)).collect()
    }

    #[test]
    fn a_range_is_told_from_the_extremes() {
        assert_eq!(scale(ValueRange::Auto, &[0.0, 0.5, 1.0]), [0, 128, 255]);
        assert_eq!(scale(ValueRange::Auto, &[0.0, 1.5, 255.0]), [0, 1, 255]);
        assert_eq!(scale(ValueRange::Auto, &[-1.0, 0.0, 1.0]), [0, 128, 255]);
        assert_eq!(scale(ValueRange::Auto, &[0.0, 256.0]), [0, 255]);
        assert_eq!(scale(ValueRange::Auto, &[0.0, 0.0]), [0, 0]);
        assert_eq!(scale(ValueRange::Bytes, &[0.0, 0.9, 1.0]), [0, 0, 1]);
    }

    #[test]
    fn an_image_of_one_number_is_stretched_to_black() {
        assert_eq!(scale(ValueRange::Stretch, &[7.0, 7.0]), [0, 0]);
        assert_eq!(scale(ValueRange::Stretch, &[-3.0e38, 3.0e38]), [0, 0]);
    }

    #[test]
    fn extremes_are_found_wherever_they_are() {
        for length in [1, 15, 16, 17, 40] {
            for place in 0..length {
                let mut elements = vec![1.0; length];
                elements[place] = -5.0;
                let found = Extremes::of(&elements).unwrap();
                assert_eq!((found.least, found.most), (-5.0, if length > 1 { 1.0 } else { -5.0 }));
                elements[place] = f32::NAN;
                assert!(Extremes::of(&elements).is_err());
            }
        }
    }
}
