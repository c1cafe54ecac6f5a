//! Decodes one image from bytes of any supported format.

use image::RgbImage;

use super::clip::Clip;
use super::error::DecodeError;
use super::exif::ExifOrientation;
use super::format::Format;
use super::still;

/// Decodes an image, or the first readable frame of a clip. The EXIF orientation is applied.
///
/// # Errors
/// A [`DecodeError`] if the bytes are not an image within the bounds.
pub fn decode_image(bytes: &[u8]) -> Result<RgbImage, DecodeError> {
    decode_image_checked(bytes, ExifOrientation::Apply, || Ok(()))
}

/// Like [`decode_image`] with a choice of the orientation, but calls `check` before each frame of a GIF or WebP and stops
/// at its first error.
///
/// # Errors
/// Those of [`decode_image`] and of `check`.
pub(crate) fn decode_image_checked<E: From<DecodeError>>(
    bytes: &[u8],
    exif: ExifOrientation,
    check: impl FnMut() -> Result<(), E>,
) -> Result<RgbImage, E> {
    match Format::detect(bytes)? {
        Format::Gif | Format::WebP => Clip::open_with(bytes, exif)?.first(check),
        // The default image of an animated PNG is a still image.
        format => Ok(still::decode(bytes, format, exif)?),
    }
}
