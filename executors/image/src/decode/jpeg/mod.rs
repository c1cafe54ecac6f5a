//! Decodes JPEG: detects truncated and unsupported files, and chooses a decoder.
//!
//! Ordinary files are decoded by `zune-jpeg` (in the `image` crate), the fastest decoder in Rust. It decodes some rare
//! layouts to noise without an error; those go to `jpeg-decoder` (see [`Header::layout`]), as do files of more than
//! [`PIXELS_MAX`] pixels, which it scales. Neither knows arithmetic coding.

pub(super) mod end_marker;
mod header;
mod standard_tables;
mod uncommon;

use image::RgbImage;
use image::metadata::Orientation;

use super::codec;
use super::error::DecodeError;
use super::exif::{self, ExifOrientation};
use super::format::Format;
use super::limits::PIXELS_MAX;
use end_marker::is_complete;
use header::{Header, Layout};

/// Decodes a JPEG. Above [`PIXELS_MAX`] pixels, the image has half the width and height of the file.
///
/// # Errors
/// When the file is truncated or damaged, uses an unsupported feature, or exceeds the bounds on its size.
pub(super) fn decode(bytes: &[u8], exif: ExifOrientation) -> Result<RgbImage, DecodeError> {
    // The decoders fill missing pixels with grey and report no error.
    if !is_complete(bytes) {
        return Err(DecodeError::Truncated(Format::Jpeg));
    }
    let Some(header) = Header::parse(bytes) else {
        return Err(DecodeError::damaged(Format::Jpeg, "it has no frame or no scan"));
    };
    let orientation = header.exif.and_then(Orientation::from_exif_chunk);
    let with_tables;
    let file = if header.lacks_huffman_tables {
        with_tables = standard_tables::insert(bytes);
        with_tables.as_slice()
    } else {
        bytes
    };
    let image = match header.layout() {
        Layout::Common if header.is_within(PIXELS_MAX) => {
            codec::decode(file, Format::Jpeg, ExifOrientation::Ignore)?
        }
        Layout::Common | Layout::Uncommon => uncommon::decode(file, &header, PIXELS_MAX)?,
        Layout::Unsupported(feature) => {
            return Err(DecodeError::Unsupported { format: Format::Jpeg, feature });
        }
    };
    Ok(exif::orient(image, orientation, exif))
}
