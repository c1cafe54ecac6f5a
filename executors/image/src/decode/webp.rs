//! Decodes animated WebP frame by frame with the `image` crate, which also composes the frames. Blended pixels are up
//! to 1 of 255 darker than those of libwebp.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder as _, Frames, ImageDecoder as _, ImageError, Rgb, RgbImage};

use super::error::DecodeError;
use super::format::Format;
use super::frame::{ClipBudget, Frame};
use super::limits::{FRAME_PIXELS_MAX, pixel_count};

/// A decoder of an animated WebP.
pub(super) struct WebP<'a> {
    bytes: &'a [u8],
    frames: Frames<'a>,
    picture: RgbImage,
    ended: bool,
}

impl<'a> WebP<'a> {
    /// Reads the header; `None` for a still image.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|error| decode_error(bytes, &error))?;
        if !decoder.has_animation() {
            return Ok(None);
        }
        let (width, height) = decoder.dimensions();
        DecodeError::check_size(width, height, FRAME_PIXELS_MAX)?;
        let picture = RgbImage::new(width, height);
        Ok(Some(Self { bytes, frames: decoder.into_frames(), picture, ended: false }))
    }

    /// Decodes the next frame; `None` at the end. An error ends the clip.
    pub(super) fn next_frame(&mut self, budget: &mut ClipBudget) -> Result<Option<Frame<'_>>, DecodeError> {
        if self.ended {
            return Ok(None);
        }
        let Some(frame) = self.frames.next() else { return Ok(None) };
        budget.take_frame(pixel_count(self.picture.width(), self.picture.height()))?;
        Ok(Some(match frame {
            Ok(frame) => {
                for (Rgb(pixel), source) in self.picture.pixels_mut().zip(frame.buffer().pixels()) {
                    let [red, green, blue, _alpha] = source.0;
                    *pixel = [red, green, blue];
                }
                Frame::Good(&self.picture)
            }
            Err(error) => {
                // The decoder cannot skip a damaged frame.
                self.ended = true;
                Frame::Damaged(decode_error(self.bytes, &error))
            }
        }))
    }
}

fn decode_error(bytes: &[u8], error: &ImageError) -> DecodeError {
    DecodeError::from_image(bytes, Format::WebP, error)
}
