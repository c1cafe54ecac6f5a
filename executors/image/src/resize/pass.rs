//! Scaling along one axis with `fast_image_resize`: in bytes, or converted to floats and back.

use std::error::Error;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{F32x3, U8x3};
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use flowrun_sdk::ResamplingFilter;

use crate::pixels::RETAINED_BUFFER_BYTES_MAX;

/// Number of pixels that are converted to floats at a time. They fit into the processor's cache.
const BAND_PIXELS: usize = 1 << 14;

/// Width and height.
type Sides = (u32, u32);

/// The library's resizer, and float buffers that are reused from pass to pass.
#[derive(Default)]
pub(super) struct Passes {
    library: Resizer,
    source: Vec<F32x3>,
    target: Vec<F32x3>,
}

fn algorithm(filter: ResamplingFilter) -> ResizeAlg {
    ResizeAlg::Convolution(match filter {
        ResamplingFilter::Nearest => return ResizeAlg::Nearest,
        ResamplingFilter::Box => FilterType::Box,
        ResamplingFilter::Bilinear => FilterType::Bilinear,
        ResamplingFilter::Hamming => FilterType::Hamming,
        ResamplingFilter::Bicubic => FilterType::CatmullRom,
        ResamplingFilter::Lanczos => FilterType::Lanczos3,
    })
}

impl Passes {
    /// Scales pixels to another width or another height. `source` and `target` have the sizes of `sides` and `to`.
    ///
    /// # Errors
    /// When a slice does not have its size, which is a defect of the caller.
    pub(super) fn scale(
        &mut self,
        filter: ResamplingFilter,
        (source, sides): (&[u8], Sides),
        (target, to): (&mut [u8], Sides),
    ) -> Result<(), Box<dyn Error>> {
        let options = ResizeOptions::new().resize_alg(algorithm(filter));
        if filter != ResamplingFilter::Bicubic {
            let source = TypedImageRef::<U8x3>::from_buffer(sides.0, sides.1, source)?;
            let mut target = TypedImage::<U8x3>::from_buffer(to.0, to.1, target)?;
            // The generic `resize` would be compiled here for all thirteen pixel types, which takes minutes.
            return Ok(self.library.resize_typed(&source, &mut target, &options)?);
        }
        // If the height stays, rows are independent and can be scaled in bands.
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
            if buffer.capacity() > RETAINED_BUFFER_BYTES_MAX / size_of::<F32x3>() {
                *buffer = Vec::new();
            }
        }
        Ok(())
    }

    /// Scales pixels through floats. The heights follow from the widths and the buffer sizes.
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

/// Rounds to the nearest byte, halves up, as Pillow does.
fn rounded(value: f32) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as i32 as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_rounded_and_clamped_to_bytes() {
        let values = [-3.0, -0.2, 0.49, 0.5, 1.5, 254.5, 255.4, 300.0];
        assert_eq!(values.map(rounded), [0, 0, 0, 1, 2, 255, 255, 255]);
    }

    #[test]
    fn scaling_in_bands_equals_scaling_at_once() {
        let (width, height) = (300, 200);
        let source: Vec<u8> = (0..width * height * 3).map(|at| (at * at / 7) as u8).collect();
        assert!(width * height > BAND_PIXELS);
        let mut banded = vec![0; 100 * height * 3];
        Passes::default()
            .scale(ResamplingFilter::Bicubic, (&source, (300, 200)), (&mut banded, (100, 200)))
            .unwrap();
        let options = ResizeOptions::new().resize_alg(algorithm(ResamplingFilter::Bicubic));
        let mut whole = vec![0; 100 * height * 3];
        Passes::default().scale_in_floats(&options, (&source, 300), (&mut whole, 100)).unwrap();
        assert!(banded == whole);
    }
}
