//! SIMD image scaling with the results of Pillow's `Image.resize`.
//!
//! Pillow scales rows first, rounds to bytes, then scales columns. This module runs the two passes one by one, because
//! `fast_image_resize` alone would start with the columns. Where a filter overshoots, the results of the two orders differ
//! by up to 43 of 255.

mod pass;

use flowrun_sdk::{ErrorKind, ExecutorError, ResamplingFilter};
use image::RgbImage;

use crate::decode::PIXELS_MAX;
use crate::pixels::RETAINED_BUFFER_BYTES_MAX;
use pass::Passes;

/// Scales images one after the other and reuses its buffers.
///
/// Bicubic is Pillow's default, and the embeddings of Jina's clip search were computed with it. It runs in floats and
/// gives the same bytes as Pillow. The other filters run in 16-bit integers, several times as fast, and differ from
/// Pillow by at most 1 of 255, or 2 for single pixels of enlarged white noise.
#[derive(Default)]
pub struct Resizer {
    passes: Passes,
    /// Result of the first pass, in which rows are scaled to the new width.
    rows: Vec<u8>,
    /// Result of the second pass, in which columns are scaled to the new height.
    columns: Vec<u8>,
}

impl Resizer {
    /// Scales `source` to `height` × `width` pixels. Returns their red, green and blue bytes, row by row.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] when the result, or the result of the first pass, would have more than [`PIXELS_MAX`]
    /// pixels, or none.
    pub fn resize<'a>(
        &'a mut self,
        source: &'a RgbImage,
        height: u32,
        width: u32,
        filter: ResamplingFilter,
    ) -> Result<&'a [u8], ExecutorError> {
        check(source, height, width)?;
        for buffer in [&mut self.rows, &mut self.columns] {
            if buffer.capacity() > RETAINED_BUFFER_BYTES_MAX {
                *buffer = Vec::new();
            }
        }
        let mut scaled = source.as_raw().as_slice();
        let mut sides = source.dimensions();
        for (buffer, to) in [(&mut self.rows, (width, source.height())), (&mut self.columns, (width, height))]
        {
            if to != sides {
                buffer.resize(to.0 as usize * to.1 as usize * 3, 0);
                // Cannot fail: the buffers have the sizes that the library checks.
                let defect = |error| ExecutorError::new(ErrorKind::Internal, error);
                self.passes.scale(filter, (scaled, sides), (buffer, to)).map_err(defect)?;
                (scaled, sides) = (buffer, to);
            }
        }
        Ok(scaled)
    }
}

fn check(source: &RgbImage, height: u32, width: u32) -> Result<(), ExecutorError> {
    let pixels = u64::from(width) * u64::from(height.max(source.height()));
    if pixels > PIXELS_MAX || width == 0 || height == 0 {
        return Err(ExecutorError::input(format_args!(
            "an image of {} × {} pixels cannot be scaled to {width} × {height}: 1 to {PIXELS_MAX} pixels are allowed",
            source.width(),
            source.height()
        )));
    }
    Ok(())
}
