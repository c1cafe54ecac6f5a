//! Decodes rare layouts of JPEG, and huge ones, with the crate `jpeg-decoder`, which decodes scans of single components
//! and any whole ratio of sampling factors like libjpeg-turbo, and scales while it decodes.

use flowrun_sdk::tracing;
use image::RgbImage;
use jpeg_decoder::{ColorTransform, Decoder, Error, PixelFormat};

use super::header::Header;
use crate::decode::error::DecodeError;
use crate::decode::format::Format;
use crate::decode::limits::{JPEG_PIXELS_MAX, is_within};

/// Decodes a file of [`Layout::Uncommon`](super::Layout::Uncommon), or one of [`Layout::Common`](super::Layout::Common)
/// with more than `pixels_max` pixels. Any file with more than `pixels_max` pixels is decoded at half its width and height,
/// rounded up. The EXIF orientation is not applied.
///
/// # Errors
/// When the file has more than [`JPEG_PIXELS_MAX`] pixels, is damaged, or uses an unsupported feature.
pub(super) fn decode(bytes: &[u8], header: &Header<'_>, pixels_max: u64) -> Result<RgbImage, DecodeError> {
    let size = (u32::from(header.width), u32::from(header.height));
    DecodeError::check_size(size.0, size.1, JPEG_PIXELS_MAX)?;
    let mut decoder = Decoder::new(bytes);
    decoder.set_color_transform(color_transform(header));
    let (width, height) = match is_within(size.0, size.1, pixels_max) {
        true => size,
        false => half_scale(&mut decoder, header)?,
    };
    let pixels = decoder.decode().map_err(|error| decode_error(&error))?;
    let pixels = match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::RGB24) => Some(pixels),
        Some(PixelFormat::L8) => Some(pixels.iter().flat_map(|&grey| [grey; 3]).collect()),
        Some(PixelFormat::CMYK32) => Some(cmyk_to_rgb(&pixels, header.adobe_transform.is_some())),
        _ => None,
    };
    pixels
        .and_then(|pixels| RgbImage::from_raw(width, height, pixels))
        .ok_or_else(|| DecodeError::damaged(Format::Jpeg, format_args!("{width} × {height} pixels")))
}

/// Selects the half scale. Returns the width and height of the decoded image.
fn half_scale(decoder: &mut Decoder<&[u8]>, header: &Header<'_>) -> Result<(u32, u32), DecodeError> {
    let (width, height) = (header.width, header.height);
    let scaled =
        decoder.scale(width.div_ceil(2), height.div_ceil(2)).map_err(|error| decode_error(&error))?;
    tracing::debug!("a JPEG image of {width} × {height} pixels was decoded at {} × {}", scaled.0, scaled.1);
    Ok((scaled.0.into(), scaled.1.into()))
}

/// The colour space of the file, by the rules of libjpeg.
fn color_transform(header: &Header<'_>) -> ColorTransform {
    let ids: Vec<u8> = header.components.iter().map(|component| component.id).collect();
    match (ids.as_slice(), header.adobe_transform) {
        ([_], _) => ColorTransform::Grayscale,
        ([_, _, _], _) if header.is_jfif => ColorTransform::YCbCr,
        ([_, _, _], Some(0)) => ColorTransform::RGB,
        ([_, _, _], Some(_)) => ColorTransform::YCbCr,
        ([b'R', b'G', b'B'], None) => ColorTransform::RGB,
        ([_, _, _], None) => ColorTransform::YCbCr,
        (_, Some(0) | None) => ColorTransform::CMYK,
        (_, Some(_)) => ColorTransform::YCCK,
    }
}

/// Converts to RGB as Pillow does. The decoder inverts all inks, but only files with an Adobe segment store them
/// inverted.
fn cmyk_to_rgb(pixels: &[u8], has_inverted_inks: bool) -> Vec<u8> {
    let ink = |value: u8| u16::from(if has_inverted_inks { value } else { 255 - value });
    let mix = |ink: u16, black: u16| {
        let product = ink * (255 - black) + 128;
        let rounded = (product + (product >> 8)) >> 8;
        (255 - black).saturating_sub(rounded) as u8
    };
    let pixels = pixels.as_chunks::<4>().0.iter().map(|pixel| pixel.map(ink));
    pixels
        .flat_map(|[cyan, magenta, yellow, black]| [cyan, magenta, yellow].map(|ink| mix(ink, black)))
        .collect()
}

fn decode_error(error: &Error) -> DecodeError {
    match error {
        Error::Unsupported(feature) => {
            DecodeError::Unsupported { format: Format::Jpeg, feature: format!("{feature:?}") }
        }
        Error::Format(reason) => DecodeError::damaged(Format::Jpeg, reason),
        error => DecodeError::damaged(Format::Jpeg, error),
    }
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::{Rgb, RgbImage};

    use super::*;

    #[test]
    fn a_huge_image_is_decoded_at_half_its_size() {
        let pixel = |x: u32, y: u32| Rgb([(x * 3) as u8, (y * 4) as u8, (x + y) as u8]);
        let mut bytes = Vec::new();
        RgbImage::from_fn(63, 40, pixel)
            .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 95))
            .unwrap();
        let header = Header::parse(&bytes).unwrap();
        let whole = decode(&bytes, &header, 63 * 40).unwrap();
        let half = decode(&bytes, &header, 63 * 40 - 1).unwrap();
        assert_eq!((whole.dimensions(), half.dimensions()), ((63, 40), (32, 20)));
        for (x, y, found) in half.enumerate_pixels().filter(|(x, _, _)| *x < 31) {
            let four =
                [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| whole.get_pixel(2 * x + dx, 2 * y + dy).0);
            for channel in 0..3 {
                let mean = four.iter().map(|pixel| i32::from(pixel[channel])).sum::<i32>() / 4;
                let difference = (mean - i32::from(found.0[channel])).abs();
                assert!(difference <= 16, "{x}, {y}: {found:?} instead of {mean}");
            }
        }
    }

    #[test]
    fn inks_darken_and_black_darkens_everything() {
        let pixels = [0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 0, 128, 0, 127];
        assert_eq!(cmyk_to_rgb(&pixels, true), [255, 255, 255, 0, 255, 255, 0, 0, 0, 128, 64, 128]);
        assert_eq!(cmyk_to_rgb(&pixels.map(|ink| 255 - ink), false), cmyk_to_rgb(&pixels, true));
    }
}
