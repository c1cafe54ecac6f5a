//! Decodes TIFF: the first image of a file, with the orientation that it states, as Pillow does.
//!
//! Raw files of cameras are TIFF files too. Their first image is a preview, so that decoding them would silently return a
//! small picture; they are rejected.

use std::io::Cursor;

use image::codecs::tiff::TiffDecoder;
use image::{ColorType, ImageDecoder, ImageError, ImageResult, Limits, RgbImage, metadata::Orientation};

use super::codec::{WORKING_BYTES_MAX, read_pixels};
use super::error::DecodeError;
use super::exif::ExifOrientation;
use super::format::Format;
use super::limits::PIXELS_MAX;

/// Tags of the first directory that the decoder of the `image` crate does not obey.
mod tag {
    /// Kind of the image; its lowest bit marks a reduced version of another image.
    pub(super) const NEW_SUBFILE_TYPE: u16 = 254;
    /// Order of bits in a byte; 2 begins with the lowest.
    pub(super) const FILL_ORDER: u16 = 266;
    /// Meaning of additional samples; 1 is alpha by which colours are multiplied.
    pub(super) const EXTRA_SAMPLES: u16 = 338;
}

/// Type of values of two bytes; values of other types are read as four bytes.
const SHORT: u16 = 3;

/// Bytes of an entry of a directory.
const ENTRY_BYTES: usize = 12;

/// Decodes the first image.
pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, DecodeError> {
    let unsupported =
        |feature: &str| DecodeError::Unsupported { format: Format::Tiff, feature: feature.to_owned() };
    if is_raw(bytes) {
        return Err(unsupported("the raw pixels of a camera"));
    }
    if first_directory_value(bytes, tag::FILL_ORDER) == Some(2) {
        return Err(unsupported("bytes that begin with their lowest bit"));
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
    if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
        return Err(unsupported("numbers in floating point"));
    }
    match first_directory_value(bytes, tag::EXTRA_SAMPLES) {
        Some(1) => read_pixels(StraightAlpha(decoder), Format::Tiff, ExifOrientation::Apply, decode_error),
        _ => read_pixels(decoder, Format::Tiff, ExifOrientation::Apply, decode_error),
    }
}

/// A decoder of an image whose colours are multiplied by alpha. It divides them by alpha, as Pillow does: in eight bits, and
/// to 0 where alpha is 0.
struct StraightAlpha<D>(D);

impl<D: ImageDecoder> ImageDecoder for StraightAlpha<D> {
    fn dimensions(&self) -> (u32, u32) {
        self.0.dimensions()
    }

    fn color_type(&self) -> ColorType {
        self.0.color_type()
    }

    fn orientation(&mut self) -> ImageResult<Orientation> {
        self.0.orientation()
    }

    fn read_image(self, buffer: &mut [u8]) -> ImageResult<()> {
        let color = self.color_type();
        self.0.read_image(buffer)?;
        if color.has_alpha() {
            divide_by_alpha(buffer, color);
        }
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, buffer: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(buffer)
    }
}

/// Divides the upper byte of each colour by that of alpha, the last channel.
fn divide_by_alpha(pixels: &mut [u8], color: ColorType) {
    let bytes = usize::from(color.bytes_per_pixel());
    let channel_bytes = bytes / usize::from(color.channel_count()).max(1);
    let upper = if cfg!(target_endian = "little") { channel_bytes.saturating_sub(1) } else { 0 };
    for pixel in pixels.chunks_exact_mut(bytes.max(1)) {
        let Some((colours, alpha)) = pixel.split_at_mut_checked(bytes - channel_bytes) else { continue };
        let alpha = alpha.get(upper).copied().map_or(0, u16::from);
        for colour in colours.iter_mut().skip(upper).step_by(channel_bytes.max(1)) {
            let divided = (u16::from(*colour) * 255).checked_div(alpha).unwrap_or(0);
            *colour = u8::try_from(divided).unwrap_or(u8::MAX);
        }
    }
}

/// True for a Canon raw file, and for a file whose first image is a preview.
fn is_raw(bytes: &[u8]) -> bool {
    let is_canon = bytes.get(8..10) == Some(b"CR");
    is_canon || first_directory_value(bytes, tag::NEW_SUBFILE_TYPE).is_some_and(|kind| kind & 1 == 1)
}

/// Value of an entry of the first directory, of a type whose values fit into the entry. `None` for BigTIFF, whose
/// directories have another form.
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
    match short(entry.get(2..)?)? {
        SHORT => short(entry.get(8..)?).map(u32::from),
        _ => long(entry.get(8..)?),
    }
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
        assert!(is_raw(&file(tag::NEW_SUBFILE_TYPE, 1)));
        assert!(is_raw(b"II*\0\x10\0\0\0CR\x02\0"));
        // A page of several, and a file without the entry.
        assert!(!is_raw(&file(tag::NEW_SUBFILE_TYPE, 2)) && !is_raw(&file(256, 1)));
        let whole = file(tag::NEW_SUBFILE_TYPE, 1);
        assert!((0..whole.len() - 8).all(|length| !is_raw(&whole[..length])));
    }

    #[test]
    fn colours_are_divided_by_alpha_in_eight_bits() {
        let mut pixels = [10, 20, 200, 100, 5, 6, 7, 0, 1, 2, 3, 255];
        divide_by_alpha(&mut pixels, ColorType::Rgba8);
        assert_eq!(pixels, [25, 51, 255, 100, 0, 0, 0, 0, 1, 2, 3, 255]);
        let wide = |values: [u16; 2]| values.map(u16::to_ne_bytes).concat();
        let mut pixel = wide([0x1000, 0x8000]);
        divide_by_alpha(&mut pixel, ColorType::La16);
        assert_eq!(pixel, wide([0x1f00, 0x8000]));
    }
}
