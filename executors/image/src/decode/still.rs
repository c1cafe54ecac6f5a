//! Decodes a still image with the decoder of its format, within the bounds on its size.

use flowrun_sdk::tracing;
use image::RgbImage;

use super::error::DecodeError;
use super::exif::ExifOrientation;
use super::format::Format;
use super::{bmp, codec, jpeg, png, tiff};

/// Decodes an image of the given format; of an animated image the default image or the first frame. `exif` has no effect
/// on a TIFF, whose own orientation is always applied.
///
/// # Errors
/// When the image is truncated or damaged, uses an unsupported feature, or exceeds the bounds on size and memory.
pub(super) fn decode(bytes: &[u8], format: Format, exif: ExifOrientation) -> Result<RgbImage, DecodeError> {
    let decode = |bytes: &[u8]| codec::decode(bytes, format, exif);
    match format {
        Format::Jpeg => jpeg::decode(bytes, exif),
        Format::Png => decode(bytes).or_else(|error| {
            let Some(repaired) = png::repair(bytes) else { return Err(error) };
            let image = decode(&repaired.bytes).map_err(|_| error)?;
            tracing::warn!("a PNG image was decoded although {}", repaired.faults);
            Ok(image)
        }),
        Format::Bmp => match bmp::modernize_header(bytes)? {
            Some(modern) => decode(&modern),
            None => decode(bytes),
        },
        Format::Tiff => tiff::decode(bytes),
        Format::WebP | Format::Gif => decode(bytes),
    }
}
