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
    pub(super) const COMPRESSION: u16 = 259;
    pub(super) const PHOTOMETRIC: u16 = 262;
    /// Order of bits in a byte; 2 begins with the lowest.
    pub(super) const FILL_ORDER: u16 = 266;
    /// Samples of a pixel one after the other (1), or each in a plane of its own (2).
    pub(super) const PLANES: u16 = 284;
    pub(super) const COLOUR_MAP: u16 = 320;
    pub(super) const TILE_WIDTH: u16 = 322;
    /// Meaning of additional samples: 0 unknown, 1 alpha by which colours are multiplied, 2 alpha.
    pub(super) const EXTRA_SAMPLES: u16 = 338;
}

/// A value of [`tag::COMPRESSION`].
const LZW: u32 = 5;

/// Decodes the first image.
pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, DecodeError> {
    if bytes.starts_with(b"II+\0") || bytes.starts_with(b"MM\0+") {
        return Err(unsupported("the 64-bit directories of BigTIFF"));
    }
    // Without a directory, decoding fails.
    let Some(directory) = Directory::first(bytes) else { return decode_samples(bytes, false) };
    if let Some(feature) = unsupported_feature(bytes, &directory) {
        return Err(unsupported(feature));
    }
    if let Some(indexed) = Indexed::read(&directory) {
        let mut image = decode_samples(&indexed.grey, false)?;
        indexed.colour(&mut image);
        return Ok(image);
    }
    match directory.value(tag::EXTRA_SAMPLES) {
        // Without this, the decoder counts the sample as no part of the pixel, and misreads tiles and differences.
        Some(0) => {
            let with_alpha = directory.with_short(tag::EXTRA_SAMPLES, 2);
            decode_samples(&with_alpha.ok_or_else(|| unsupported("samples of unknown meaning"))?, false)
        }
        extra => decode_samples(bytes, extra == Some(1)),
    }
}

/// The name of a feature that the decoder of the `image` crate ignores, misreads or panics on.
fn unsupported_feature(bytes: &[u8], directory: &Directory<'_>) -> Option<&'static str> {
    let has = |tag, value| directory.values(tag).any(|other| other == value);
    let has_tiles = directory.values(tag::TILE_WIDTH).next().is_some();
    let has_planes = directory.values(tag::PLANES).any(|planes| planes != 1);
    let has_bits = !directory.values(tag::BITS_PER_SAMPLE).any(|bits| bits != 1);
    if is_raw(bytes, directory) {
        Some("the raw pixels of a camera")
    } else if has(tag::FILL_ORDER, 2) {
        Some("bytes that begin with their lowest bit")
    } else if has_tiles && has_planes {
        Some("tiles of a plane for each colour")
    } else if has_tiles && has_bits && has(tag::COMPRESSION, LZW) {
        Some("tiles of one bit compressed by LZW")
    } else {
        None
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
fn is_raw(bytes: &[u8], directory: &Directory<'_>) -> bool {
    bytes.get(8..10) == Some(b"CR") || directory.values(tag::NEW_SUBFILE_TYPE).any(|kind| kind & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(bytes: &[u8]) -> bool {
        Directory::first(bytes).is_some_and(|directory| is_raw(bytes, &directory))
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
        assert!(raw(b"II*\0\x0c\0\0\0CR\x02\0\0\0"));
        // A page of several, and a file without the entry.
        assert!(!raw(&file(tag::NEW_SUBFILE_TYPE, 2)) && !raw(&file(256, 1)));
        let whole = file(tag::NEW_SUBFILE_TYPE, 1);
        assert!((0..whole.len() - 8).all(|length| !raw(&whole[..length])));
    }
}
