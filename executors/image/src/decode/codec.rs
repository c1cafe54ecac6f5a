//! Decodes an image with a codec of the `image` crate, within the bounds on pixels and working memory.

use std::io::Cursor;

use image::{ImageDecoder, ImageError, ImageReader, Limits, RgbImage};

use super::error::DecodeError;
use super::exif::{self, ExifOrientation};
use super::format::Format;
use super::limits::PIXELS_MAX;
use super::rgb;

/// Bound on the memory of a decoder in bytes, apart from the pixels: for code tables, rows, profiles and texts, which
/// can decompress to a multiple of the file.
pub(super) const WORKING_BYTES_MAX: u64 = 64 << 20;

/// Decodes an image with a codec of the `image` crate.
///
/// # Errors
/// When the image is truncated or damaged, has more than [`PIXELS_MAX`] pixels, or needs more than
/// [`WORKING_BYTES_MAX`].
pub(super) fn decode(bytes: &[u8], format: Format, exif: ExifOrientation) -> Result<RgbImage, DecodeError> {
    let decode_error = |error: ImageError| DecodeError::from_image(bytes, format, &error);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.codec());
    reader.limits(limits());
    let decoder = reader.into_decoder().map_err(decode_error)?;
    let (width, height) = decoder.dimensions();
    DecodeError::check_size(width, height, PIXELS_MAX)?;
    read_pixels(decoder, format, exif, decode_error)
}

/// Reads the pixels of a decoder. The caller has checked the size of the image, since its pixels are allocated here.
///
/// # Errors
/// Those of the decoder, converted by `decode_error`, and [`DecodeError::Damaged`] for an unexpected colour type.
pub(super) fn read_pixels(
    mut decoder: impl ImageDecoder,
    format: Format,
    exif: ExifOrientation,
    decode_error: impl Fn(ImageError) -> DecodeError,
) -> Result<RgbImage, DecodeError> {
    let (width, height) = decoder.dimensions();
    let color = decoder.color_type();
    // Damaged metadata does not prevent decoding.
    let orientation = decoder.orientation().ok();
    let mut raw = vec![0; usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX)];
    decoder.read_image(&mut raw).map_err(decode_error)?;
    let image = rgb::to_rgb(raw, color).and_then(|pixels| RgbImage::from_raw(width, height, pixels));
    image
        .filter(|image| !image.is_empty())
        .map(|image| exif::orient(image, orientation, exif))
        .ok_or_else(|| DecodeError::damaged(format, format_args!("{width} × {height} pixels of {color:?}")))
}

/// The memory bound as a type of the `image` crate. Width and height are not bounded here, but checked by [`decode`],
/// whose error states them.
fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(WORKING_BYTES_MAX);
    limits
}
