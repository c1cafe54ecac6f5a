//! Thumbnails of images and clips, for web pages.

use flowrun_sdk::{ErrorKind, ExecutorError, ResamplingFilter};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};

use crate::decode;
use crate::resize::Resizer;

/// JPEG quality, from 1 to 100.
const QUALITY: u8 = 80;

/// Encodes the image in `bytes`, or the first frame of a clip, as a JPEG that fits a square of `side` pixels. Smaller
/// images are not enlarged.
///
/// # Errors
/// Those of [`decode::decode_image`], as [`ErrorKind::Input`].
pub fn thumbnail(bytes: &[u8], side: u32) -> Result<Vec<u8>, ExecutorError> {
    let picture = decode::decode_image(bytes)?;
    let (width, height) = fitting_size(&picture, side.max(1));
    let mut resizer = Resizer::default();
    let pixels = resizer.resize(&picture, height, width, ResamplingFilter::Box)?;
    let mut jpeg = Vec::new();
    // Encoding cannot fail: the decoder rejects sides that exceed JPEG's limit, and the output is in memory.
    let defect = |error| ExecutorError::new(ErrorKind::Internal, error);
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    encoder.encode(pixels, width, height, ExtendedColorType::Rgb8).map_err(defect)?;
    Ok(jpeg)
}

/// Width and height of the picture after it is scaled down to fit a square of `side` pixels.
fn fitting_size(picture: &RgbImage, side: u32) -> (u32, u32) {
    let (width, height) = picture.dimensions();
    let longest = u64::from(width.max(height));
    if longest <= u64::from(side) {
        return (width, height);
    }
    let scaled = |length: u32| {
        let rounded = (u64::from(length) * u64::from(side) + longest / 2) / longest;
        u32::try_from(rounded).unwrap_or(side).max(1)
    };
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let picture =
            RgbImage::from_fn(width, height, |x, y| image::Rgb([(x % 256) as u8, (y % 256) as u8, 9]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn thumbnails_fit_the_square_and_keep_the_aspect_ratio() {
        for (sides, expected) in
            [((400, 200), (100, 50)), ((30, 60), (30, 60)), ((1000, 1), (100, 1)), ((100, 100), (100, 100))]
        {
            let small = decode::decode_image(&thumbnail(&png(sides.0, sides.1), 100).unwrap()).unwrap();
            assert_eq!(small.dimensions(), expected);
        }
    }

    #[test]
    fn content_other_than_an_image_is_an_input_error() {
        assert_eq!(thumbnail(b"a text", 100).unwrap_err().kind(), ErrorKind::Input);
    }
}
