//! Decodes rare layouts of JPEG with the crate `jpeg-decoder`, which decodes scans of single components and any whole
//! ratio of sampling factors like libjpeg-turbo.

use image::RgbImage;
use jpeg_decoder::{ColorTransform, Decoder, Error, PixelFormat};

use super::header::Header;
use crate::decode::error::DecodeError;
use crate::decode::format::Format;
use crate::decode::limits::PIXELS_MAX;

/// Decodes a file of [`Layout::Uncommon`](super::Layout::Uncommon).
pub(super) fn decode(bytes: &[u8], header: &Header<'_>) -> Result<RgbImage, DecodeError> {
    let (width, height) = (u32::from(header.width), u32::from(header.height));
    DecodeError::check_size(width, height, PIXELS_MAX)?;
    let mut decoder = Decoder::new(bytes);
    decoder.set_color_transform(color_transform(header));
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
    use super::*;

    #[test]
    fn inks_darken_and_black_darkens_everything() {
        let pixels = [0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 0, 128, 0, 127];
        assert_eq!(cmyk_to_rgb(&pixels, true), [255, 255, 255, 0, 255, 255, 0, 0, 0, 128, 64, 128]);
        assert_eq!(cmyk_to_rgb(&pixels.map(|ink| 255 - ink), false), cmyk_to_rgb(&pixels, true));
    }
}
