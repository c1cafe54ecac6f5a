//! Decodes TIFF: the first image of a file, with the orientation that it states, as Pillow does.
//!
//! Raw files of cameras are TIFF files too. Their first image is a preview, so that decoding them would silently return a
//! small picture; they are rejected. The decoder of the `image` crate ignores some entries of the directory: palettes and
//! alpha by which colours are multiplied are applied here, and what would give other pixels is rejected.

mod directory;
mod palette;
mod straight_alpha;

use std::io::Cursor;

use image::codecs::tiff::TiffDecoder;
use image::{ColorType, ImageDecoder as _, ImageError, Limits, RgbImage};

use self::directory::Directory;
use self::palette::Indexed;
use self::straight_alpha::StraightAlpha;
use super::codec::{WORKING_BYTES_MAX, read_pixels};
use super::error::DecodeError;
use super::exif::ExifOrientation;
use super::format::Format;
use super::limits::PIXELS_MAX;

/// Tags of entries.
mod tag {
    /// Kind of the image; its lowest bit marks a reduced version of another image.
    pub(super) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(super) const BITS_PER_SAMPLE: u16 = 258;
    pub(super) const PHOTOMETRIC: u16 = 262;
    /// Order of bits in a byte; 2 begins with the lowest.
    pub(super) const FILL_ORDER: u16 = 266;
    pub(super) const COLOUR_MAP: u16 = 320;
    /// Meaning of additional samples; 1 is alpha by which colours are multiplied.
    pub(super) const EXTRA_SAMPLES: u16 = 338;
}

/// Decodes the first image.
pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, DecodeError> {
    let directory = Directory::first(bytes);
    if is_raw(bytes, directory) {
        return Err(unsupported("the raw pixels of a camera"));
    }
    let value = |tag| directory.and_then(|directory| directory.value(tag));
    if value(tag::FILL_ORDER) == Some(2) {
        return Err(unsupported("bytes that begin with their lowest bit"));
    }
    let is_associated = value(tag::EXTRA_SAMPLES) == Some(1);
    match directory.and_then(|directory| Indexed::read(&directory)) {
        Some(indexed) => {
            let mut image = decode_samples(&indexed.grey, is_associated)?;
            indexed.colour(&mut image);
            Ok(image)
        }
        None => decode_samples(bytes, is_associated),
    }
}

/// Decodes an image without a palette. `is_associated`: its colours are multiplied by alpha.
fn decode_samples(bytes: &[u8], is_associated: bool) -> Result<RgbImage, DecodeError> {
    let decode_error = |error: ImageError| match error {
        ImageError::Unsupported(error) => unsupported(&error.to_string()),
        error => DecodeError::from_image(bytes, Format::Tiff, &error),
    };
    let mut decoder = TiffDecoder::new(Cursor::new(bytes)).map_err(decode_error)?;
    let (width, height) = decoder.dimensions();
    DecodeError::check_size(width, height, PIXELS_MAX)?;
    let mut limits = Limits::no_limits();
    // Four components of CMYK become three of RGB.
    limits.max_alloc = Some(decoder.total_bytes().saturating_mul(2).saturating_add(WORKING_BYTES_MAX));
    decoder.set_limits(limits).map_err(decode_error)?;
    match decoder.color_type() {
        ColorType::Rgb32F | ColorType::Rgba32F => Err(unsupported("numbers in floating point")),
        _ if is_associated => {
            read_pixels(StraightAlpha(decoder), Format::Tiff, ExifOrientation::Apply, decode_error)
        }
        _ => read_pixels(decoder, Format::Tiff, ExifOrientation::Apply, decode_error),
    }
}

fn unsupported(feature: &str) -> DecodeError {
    DecodeError::Unsupported { format: Format::Tiff, feature: feature.to_owned() }
}

/// True for a Canon raw file, and for a file whose first image is a preview.
fn is_raw(bytes: &[u8], directory: Option<Directory<'_>>) -> bool {
    let is_canon = bytes.get(8..10) == Some(b"CR");
    let kind = directory.and_then(|directory| directory.value(tag::NEW_SUBFILE_TYPE));
    is_canon || kind.is_some_and(|kind| kind & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(bytes: &[u8]) -> bool {
        is_raw(bytes, Directory::first(bytes))
    }

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
        assert!(raw(&file(tag::NEW_SUBFILE_TYPE, 1)));
        assert!(raw(b"II*\0\x10\0\0\0CR\x02\0"));
        // A page of several, and a file without the entry.
        assert!(!raw(&file(tag::NEW_SUBFILE_TYPE, 2)) && !raw(&file(256, 1)));
        let whole = file(tag::NEW_SUBFILE_TYPE, 1);
        assert!((0..whole.len() - 8).all(|length| !raw(&whole[..length])));
    }
}
