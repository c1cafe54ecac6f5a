//! Small pictures of images and clips, for pages.

use flowrun_sdk::{ErrorKind, ExecutorError};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};

use crate::decode;
use crate::resize::{Filter, Resizer};

/// How well they keep what they show, of 100.
const QUALITY: u8 = 80;

/// A JPEG of the image, or of the first frame of the clip, in `bytes`: scaled to fit a square of `side` pixels, never
/// enlarged.
///
/// # Errors
/// Those of [`decode::still`].
pub fn thumbnail(bytes: &[u8], side: u32) -> Result<Vec<u8>, ExecutorError> {
    let picture = decode::still(bytes)?;
    let (width, height) = fitted(&picture, side.max(1));
    let mut resizer = Resizer::default();
    let pixels = resizer.resize(&picture, height, width, Filter::Box)?;
    let mut jpeg = Vec::new();
    // A side that JPEG cannot express was refused by the decoder, and memory takes any byte.
    let defect = |error| ExecutorError::new(ErrorKind::Internal, error);
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    encoder.encode(pixels, width, height, ExtendedColorType::Rgb8).map_err(defect)?;
    Ok(jpeg)
}

/// The sides of the picture when it fits the square.
fn fitted(picture: &RgbImage, side: u32) -> (u32, u32) {
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
    fn the_longest_side_fits_and_the_shape_stays() {
        for (sides, expected) in
            [((400, 200), (100, 50)), ((30, 60), (30, 60)), ((1000, 1), (100, 1)), ((100, 100), (100, 100))]
        {
            let small = decode::still(&thumbnail(&png(sides.0, sides.1), 100).unwrap()).unwrap();
            assert_eq!(small.dimensions(), expected);
        }
    }

    #[test]
    fn what_is_no_picture_has_none() {
        assert_eq!(thumbnail(b"a text", 100).unwrap_err().kind(), ErrorKind::Input);
    }
}
