//! One image through the `image` crate, within bounds.

use std::io::Cursor;

use image::{ImageDecoder as _, ImageError, ImageReader, Limits, RgbImage};

use super::whole::is_whole;
use super::{DecodeError, Format, PIXELS_MAX, check_size, rgb};

/// What a decoder may take beside the pixels: code tables, rows, profiles and texts, which can unpack to much more
/// than the file.
const WORKING_BYTES_MAX: u64 = 64 << 20;

/// Decodes an image of that format; of an animated one the first frame.
pub(super) fn decode(bytes: &[u8], format: Format) -> Result<RgbImage, DecodeError> {
    let failed = |error: ImageError| DecodeError::from_image(bytes, format, &error);
    // The decoder fills what is missing with grey and does not say so.
    if format == Format::Jpeg && !is_whole(bytes, format) {
        return Err(DecodeError::Truncated(format));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.codec());
    reader.limits(limits());
    let decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, PIXELS_MAX)?;
    let color = decoder.color_type();
    let mut raw = vec![0; usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX)];
    decoder.read_image(&mut raw).map_err(failed)?;
    let image = rgb::rgb(raw, color).and_then(|pixels| RgbImage::from_raw(width, height, pixels));
    image
        .filter(|image| !image.is_empty())
        .ok_or_else(|| DecodeError::damaged(format, format_args!("{width} × {height} pixels of {color:?}")))
}

/// The bound on memory, as the decoders take it. Width and height are checked here, where the error can name them.
fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(WORKING_BYTES_MAX);
    limits
}
