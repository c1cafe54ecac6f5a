//! The frames of an animated WebP, one by one, through the `image` crate, which puts them together; where one is
//! blended over another, its pixels come out darker by 1 of 255 than libwebp makes them.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder as _, Frames, ImageDecoder as _, ImageError, Rgb, RgbImage};

use super::frame::{Budget, Frame};
use super::{DecodeError, FRAME_PIXELS_MAX, Format, check_size, pixels};

/// An animated WebP being read.
pub(super) struct WebP<'a> {
    bytes: &'a [u8],
    frames: Frames<'a>,
    picture: RgbImage,
    ended: bool,
}

impl<'a> WebP<'a> {
    /// Starts reading; `None` when it is a still image.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|error| failed(bytes, &error))?;
        if !decoder.has_animation() {
            return Ok(None);
        }
        let (width, height) = decoder.dimensions();
        check_size(width, height, FRAME_PIXELS_MAX)?;
        let picture = RgbImage::new(width, height);
        Ok(Some(Self { bytes, frames: decoder.into_frames(), picture, ended: false }))
    }

    /// The next frame; `None` behind the last. An error ends the clip.
    pub(super) fn next_frame(&mut self, budget: &mut Budget) -> Result<Option<Frame<'_>>, DecodeError> {
        if self.ended {
            return Ok(None);
        }
        let Some(frame) = self.frames.next() else { return Ok(None) };
        budget.take(pixels(self.picture.width(), self.picture.height()))?;
        Ok(Some(match frame {
            Ok(frame) => {
                for (Rgb(pixel), source) in self.picture.pixels_mut().zip(frame.buffer().pixels()) {
                    let [red, green, blue, _alpha] = source.0;
                    *pixel = [red, green, blue];
                }
                Frame::Good(&self.picture)
            }
            Err(error) => {
                // The decoder does not step over a frame that it cannot read.
                self.ended = true;
                Frame::Damaged(failed(self.bytes, &error))
            }
        }))
    }
}

fn failed(bytes: &[u8], error: &ImageError) -> DecodeError {
    DecodeError::from_image(bytes, Format::WebP, error)
}
