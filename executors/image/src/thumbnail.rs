//! Thumbnails of images and clips, for web pages.

use std::time::Duration;

use flowrun_sdk::{Cancellation, ErrorKind, ExecutorError, ResamplingFilter};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use crate::clip_frames::{ClipFrame, visit_frames};
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
    let (width, height) = fitting_size(picture.dimensions(), side.max(1));
    let mut resizer = Resizer::default();
    let pixels = resizer.resize(&picture, height, width, ResamplingFilter::Box)?;
    encode(pixels, (width, height))
}

/// Encodes the frame of an animation that is shown at `time` seconds, or its last one, like [`thumbnail`]. A still image has one
/// frame.
///
/// # Errors
/// Those of [`visit_frames`], and [`ErrorKind::Cancelled`].
pub fn thumbnail_at(
    bytes: &[u8],
    time: f64,
    side: u32,
    cancellation: &Cancellation,
) -> Result<Vec<u8>, ExecutorError> {
    let time = Duration::try_from_secs_f64(time).unwrap_or(Duration::MAX);
    let (mut shown, mut is_found) = (None, false);
    let mut visit = |frame: ClipFrame<'_>| {
        if cancellation.is_cancelled() {
            return Err(ExecutorError::new(ErrorKind::Cancelled, "the request was cancelled"));
        }
        is_found = shown.is_some() && frame.start > time;
        if is_found {
            // Ends decoding.
            return Err(ExecutorError::input("the frame is found"));
        }
        shown = Some((frame.pixels.to_vec(), (frame.width, frame.height)));
        Ok(())
    };
    let scaled_size = |width, height| fitting_size((width, height), side.max(1));
    let decoded = visit_frames(bytes, &scaled_size, &mut visit);
    match (decoded, shown) {
        (Err(error), _) if !is_found => Err(error),
        (_, Some((pixels, size))) => encode(&pixels, size),
        (_, None) => Err(ExecutorError::input("the animation has no frame")),
    }
}

/// Encodes pixels (red, green, blue) as a JPEG.
fn encode(pixels: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>, ExecutorError> {
    let mut jpeg = Vec::new();
    // Encoding cannot fail: the decoder rejects sides that exceed JPEG's limit, and the output is in memory.
    let defect = |error| ExecutorError::new(ErrorKind::Internal, error);
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    encoder.encode(pixels, width, height, ExtendedColorType::Rgb8).map_err(defect)?;
    Ok(jpeg)
}

/// Width and height of a picture after it is scaled down to fit a square of `side` pixels.
#[must_use]
pub fn fitting_size((width, height): (u32, u32), side: u32) -> (u32, u32) {
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
    use image::RgbImage;

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
    fn the_frame_of_a_time_is_shown_and_after_the_end_the_last_one() {
        let bytes = include_bytes!("../tests/fixtures/keep.gif");
        let mut frames = Vec::new();
        let mut visit = |frame: ClipFrame<'_>| {
            frames.push((frame.start.as_secs_f64(), encode(frame.pixels, (frame.width, frame.height))?));
            Ok(())
        };
        visit_frames(bytes, &|width, height| fitting_size((width, height), 100), &mut visit).unwrap();
        assert!(frames.len() > 2 && frames[0].1 != frames[1].1);
        let at = |time: f64| thumbnail_at(bytes, time, 100, &Cancellation::default()).unwrap();
        for (start, jpeg) in &frames {
            assert_eq!(&at(start + 0.001), jpeg);
        }
        assert_eq!(at(1e9), frames.last().unwrap().1);
        let still = png(30, 60);
        assert_eq!(thumbnail_at(&still, 5.0, 100, &Cancellation::default()), thumbnail(&still, 100));
        let cancelled = Cancellation::default();
        cancelled.cancel();
        assert_eq!(thumbnail_at(bytes, 0.0, 100, &cancelled).unwrap_err().kind(), ErrorKind::Cancelled);
    }

    #[test]
    fn content_other_than_an_image_is_an_input_error() {
        assert_eq!(thumbnail(b"a text", 100).unwrap_err().kind(), ErrorKind::Input);
    }
}
