//! Decodes a still image with the `image` crate, within the bounds.

use std::io::Cursor;

use image::{ImageDecoder as _, ImageError, ImageReader, Limits, RgbImage};

use super::error::DecodeError;
use super::format::Format;
use super::limits::PIXELS_MAX;
use super::rgb;
use super::truncation::is_complete;

/// Bound on the memory of a decoder in bytes, apart from the pixels: for code tables, rows, profiles and texts, which
/// can decompress to a multiple of the file.
const WORKING_BYTES_MAX: u64 = 64 << 20;

/// Decodes an image of the given format; of an animated image the first frame.
pub(super) fn decode(bytes: &[u8], format: Format) -> Result<RgbImage, DecodeError> {
    let decode_error = |error: ImageError| DecodeError::from_image(bytes, format, &error);
    // The JPEG decoder fills missing pixels with grey and reports no error.
    if format == Format::Jpeg && !is_complete(bytes, format) {
        return Err(DecodeError::Truncated(format));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.codec());
    reader.limits(limits());
    let decoder = reader.into_decoder().map_err(decode_error)?;
    let (width, height) = decoder.dimensions();
    DecodeError::check_size(width, height, PIXELS_MAX)?;
    let color = decoder.color_type();
    let mut raw = vec![0; usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX)];
    decoder.read_image(&mut raw).map_err(decode_error)?;
    let image = rgb::to_rgb(raw, color).and_then(|pixels| RgbImage::from_raw(width, height, pixels));
    image
        .filter(|image| !image.is_empty())
        .ok_or_else(|| DecodeError::damaged(format, format_args!("{width} × {height} pixels of {color:?}")))
}

/// The memory bound in the form that decoders take. Width and height are checked by [`decode`], whose error states
/// them.
fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(WORKING_BYTES_MAX);
    limits
}
