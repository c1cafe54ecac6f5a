//! Scaling in one direction, by the library: in bytes, or in floats and back.

use std::error::Error;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{F32x3, U8x3};
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use super::Filter;
use crate::pixels::KEPT_BYTES_MAX;

/// Pixels that are converted to floats at a time: they stay in the processor's cache.
const BAND_PIXELS: usize = 1 << 14;

/// Width and height.
type Sides = (u32, u32);

/// The library and what it needs from pass to pass.
#[derive(Default)]
pub(super) struct Passes {
    library: Resizer,
    source: Vec<F32x3>,
    target: Vec<F32x3>,
}

impl Filter {
    fn algorithm(self) -> ResizeAlg {
        ResizeAlg::Convolution(match self {
            Self::Nearest => return ResizeAlg::Nearest,
            Self::Box => FilterType::Box,
            Self::Bilinear => FilterType::Bilinear,
            Self::Hamming => FilterType::Hamming,
            Self::Bicubic => FilterType::CatmullRom,
            Self::Lanczos => FilterType::Lanczos3,
        })
    }
}

impl Passes {
    /// Scales pixels to another width or another height.
    pub(super) fn scale(
        &mut self,
        filter: Filter,
        (source, sides): (&[u8], Sides),
        (target, to): (&mut [u8], Sides),
    ) -> Result<(), Box<dyn Error>> {
        let options = ResizeOptions::new().resize_alg(filter.algorithm());
        if filter != Filter::Bicubic {
            let source = TypedImageRef::<U8x3>::from_buffer(sides.0, sides.1, source)?;
            let mut target = TypedImage::<U8x3>::from_buffer(to.0, to.1, target)?;
            // What takes any type of pixel is compiled for each of thirteen, here, in minutes.
            return Ok(self.library.resize_typed(&source, &mut target, &options)?);
        }
        // Rows do not depend on each other, as long as they stay as many.
        let rows = match sides.1 == to.1 {
            true => (BAND_PIXELS / sides.0 as usize).max(1),
            false => sides.1 as usize,
        };
        let bands = source.chunks(rows * sides.0 as usize * 3);
        let targets = target.chunks_mut(match sides.1 == to.1 {
            true => rows * to.0 as usize * 3,
            false => to.0 as usize * to.1 as usize * 3,
        });
        bands.zip(targets).try_for_each(|(source, target)| {
            self.scale_in_floats(&options, (source, sides.0), (target, to.0))
        })?;
        for buffer in [&mut self.source, &mut self.target] {
            if buffer.capacity() > KEPT_BYTES_MAX / size_of::<F32x3>() {
                *buffer = Vec::new();
            }
        }
        Ok(())
    }

    /// Scales pixels with that many in a row; the number of rows follows.
    fn scale_in_floats(
        &mut self,
        options: &ResizeOptions,
        (source, width): (&[u8], u32),
        (target, new_width): (&mut [u8], u32),
    ) -> Result<(), Box<dyn Error>> {
        let (source, target) = (source.as_chunks::<3>().0, target.as_chunks_mut::<3>().0);
        let height = u32::try_from(source.len())? / width;
        let new_height = u32::try_from(target.len())? / new_width;
        self.source.clear();
        self.source.extend(source.iter().map(|pixel| F32x3::new(pixel.map(f32::from))));
        self.target.resize(target.len(), F32x3::default());
        let view = TypedImageRef::new(width, height, &self.source)?;
        let mut scaled = TypedImage::from_pixels_slice(new_width, new_height, &mut self.target)?;
        self.library.resize_typed(&view, &mut scaled, options)?;
        for (pixel, scaled) in target.iter_mut().zip(&self.target) {
            *pixel = scaled.0.map(rounded);
        }
        Ok(())
    }
}

/// The nearest byte, halves up, as Pillow rounds.
fn rounded(value: f32) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as i32 as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_rounded_and_overshoot_is_cut_off() {
        let values = [-3.0, -0.2, 0.49, 0.5, 1.5, 254.5, 255.4, 300.0];
        assert_eq!(values.map(rounded), [0, 0, 0, 1, 2, 255, 255, 255]);
    }

    #[test]
    fn bands_scale_as_the_whole_does() {
        let (width, height) = (300, 200);
        let source: Vec<u8> = (0..width * height * 3).map(|at| (at * at / 7) as u8).collect();
        assert!(width * height > BAND_PIXELS);
        let mut banded = vec![0; 100 * height * 3];
        Passes::default().scale(Filter::Bicubic, (&source, (300, 200)), (&mut banded, (100, 200))).unwrap();
        let options = ResizeOptions::new().resize_alg(Filter::Bicubic.algorithm());
        let mut whole = vec![0; 100 * height * 3];
        Passes::default().scale_in_floats(&options, (&source, 300), (&mut whole, 100)).unwrap();
        assert!(banded == whole);
    }
}
