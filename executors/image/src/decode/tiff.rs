//! Decodes TIFF: the first image of a file, with the orientation that it states, as Pillow does.
//!
//! Raw files of cameras are TIFF files too. Their first image is a preview, so that decoding them would silently return a
//! small picture; they are rejected.

use std::io::Cursor;

use image::codecs::tiff::TiffDecoder;
use image::{ImageDecoder as _, ImageError, Limits, RgbImage};

use super::codec::{WORKING_BYTES_MAX, read_pixels};
use super::error::DecodeError;
use super::exif::ExifOrientation;
use super::format::Format;
use super::limits::PIXELS_MAX;

/// Tag of the kind of an image; its lowest bit marks a reduced version of another image.
const NEW_SUBFILE_TYPE: u16 = 254;

/// Bytes of an entry of a directory.
const ENTRY_BYTES: usize = 12;

/// Decodes the first image and applies its orientation.
///
/// # Errors
/// When the file is a raw file of a camera, is damaged, uses an unsupported feature, or exceeds the bounds on size and
/// memory.
pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, DecodeError> {
    if is_raw(bytes) {
        let feature = "the raw pixels of a camera".to_owned();
        return Err(DecodeError::Unsupported { format: Format::Tiff, feature });
    }
    let decode_error = |error: ImageError| match error {
        ImageError::Unsupported(error) => {
            DecodeError::Unsupported { format: Format::Tiff, feature: error.to_string() }
        }
        error => DecodeError::from_image(bytes, Format::Tiff, &error),
    };
    let mut decoder = TiffDecoder::new(Cursor::new(bytes)).map_err(decode_error)?;
    let (width, height) = decoder.dimensions();
    DecodeError::check_size(width, height, PIXELS_MAX)?;
    let mut limits = Limits::no_limits();
    // Four components of CMYK become three of RGB.
    limits.max_alloc = Some(decoder.total_bytes().saturating_mul(2).saturating_add(WORKING_BYTES_MAX));
    decoder.set_limits(limits).map_err(decode_error)?;
    read_pixels(decoder, Format::Tiff, ExifOrientation::Apply, decode_error)
}

/// True for a Canon raw file, and for a file whose first image is a preview.
fn is_raw(bytes: &[u8]) -> bool {
    let is_canon = bytes.get(8..10) == Some(b"CR");
    is_canon || first_directory_value(bytes, NEW_SUBFILE_TYPE).is_some_and(|kind| kind & 1 == 1)
}

/// Value of the entry with the given tag in the first directory; the entry must be of type LONG (32 bits). `None` if there
/// is no entry, and for BigTIFF, whose directories have another form.
fn first_directory_value(bytes: &[u8], tag: u16) -> Option<u32> {
    let is_little = bytes.starts_with(b"II*\0");
    if !is_little && !bytes.starts_with(b"MM\0*") {
        return None;
    }
    let short = |bytes: &[u8]| -> Option<u16> {
        let pair = *bytes.first_chunk()?;
        Some(if is_little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
    };
    let long = |bytes: &[u8]| -> Option<u32> {
        let four = *bytes.first_chunk()?;
        Some(if is_little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    };
    let directory = bytes.get(usize::try_from(long(bytes.get(4..)?)?).ok()?..)?;
    let count = usize::from(short(directory)?);
    let entries = directory.get(2..)?.chunks_exact(ENTRY_BYTES).take(count);
    let entry = entries.into_iter().find(|entry| short(entry) == Some(tag))?;
    long(entry.get(8..)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one directory of one entry: a tag with a long value.
    fn file(tag: u16, value: u32) -> Vec<u8> {
        let mut file = b"II*\0\x08\0\0\0\x01\0".to_vec();
        file.extend(tag.to_le_bytes());
        file.extend([4, 0, 1, 0, 0, 0]);
        file.extend(value.to_le_bytes());
        file.extend([0; 4]);
        file
    }

    #[test]
    fn a_file_that_begins_with_a_preview_is_a_raw_file() {
        assert!(is_raw(&file(NEW_SUBFILE_TYPE, 1)));
        assert!(is_raw(b"II*\0\x10\0\0\0CR\x02\0"));
        // A page of several, and a file without the entry.
        assert!(!is_raw(&file(NEW_SUBFILE_TYPE, 2)) && !is_raw(&file(256, 1)));
        let whole = file(NEW_SUBFILE_TYPE, 1);
        assert!((0..whole.len() - 8).all(|length| !is_raw(&whole[..length])));
    }
}
