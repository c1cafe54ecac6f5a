//! Scaling of pixels, with the results of Pillow's `Image.resize` at the speed of SIMD.
//!
//! Pillow scales rows first, rounds to bytes, then scales columns. The two passes are made one by one here, because
//! the library alone would start with the columns, and where a filter overshoots the order shows: by up to 43 of 255.

mod pass;

use flowrun_sdk::{ErrorKind, ExecutorError, choice};
use image::RgbImage;

use crate::decode::PIXELS_MAX;
use crate::pixels::KEPT_BYTES_MAX;
use pass::Passes;

choice! {
    /// How pixels between pixels are made up. The names are Pillow's; all but `nearest` take as many pixels into
    /// account as fall into the new one, so that nothing is skipped when an image becomes smaller.
    pub enum Filter {
        /// The nearest pixel.
        Nearest = "nearest",
        /// Mean of the pixels.
        Box = "box",
        /// Straight lines between pixels.
        Bilinear = "bilinear",
        /// Sharper than bilinear, without ringing.
        Hamming = "hamming",
        /// Cubic curves (Catmull-Rom, a = -0.5).
        Bicubic = "bicubic",
        /// Windowed sinc with three lobes.
        Lanczos = "lanczos",
    }
}

/// Scales images; its buffers are kept from one image to the next.
///
/// Bicubic is what Pillow does when it is not told, and what embeddings of Jina's clips were made from. It is computed
/// in floats and gives the same bytes. The other filters are computed in integers of sixteen bits, several times as
/// fast, and differ from Pillow's bytes by at most 1, for single pixels of white noise made larger by 2.
#[derive(Default)]
pub struct Resizer {
    passes: Passes,
    rows: Vec<u8>,
    columns: Vec<u8>,
}

impl Resizer {
    /// The pixels of `source` scaled to that size: red, green, blue, row by row.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] when the result, or the result of the first pass, would have more than [`PIXELS_MAX`]
    /// pixels, or none.
    pub fn resize<'a>(
        &'a mut self,
        source: &'a RgbImage,
        height: u32,
        width: u32,
        filter: Filter,
    ) -> Result<&'a [u8], ExecutorError> {
        check(source, height, width)?;
        for buffer in [&mut self.rows, &mut self.columns] {
            if buffer.capacity() > KEPT_BYTES_MAX {
                *buffer = Vec::new();
            }
        }
        let mut scaled = source.as_raw().as_slice();
        let mut sides = source.dimensions();
        for (buffer, to) in [(&mut self.rows, (width, source.height())), (&mut self.columns, (width, height))]
        {
            if to != sides {
                buffer.resize(to.0 as usize * to.1 as usize * 3, 0);
                // Sizes and buffers fit; the library has nothing else to complain about.
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
