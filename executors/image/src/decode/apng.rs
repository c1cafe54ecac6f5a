//! Decodes animated PNG frame by frame with the `image` crate, which also composes the frames.

use std::borrow::Cow;
use std::io::Cursor;
use std::time::Duration;

use image::codecs::png::PngDecoder;
use image::{AnimationDecoder as _, Frames, ImageDecoder as _, ImageError, Rgb, RgbImage};

use super::error::DecodeError;
use super::exif::ExifOrientation;
use super::format::Format;
use super::frame::{ClipBudget, Frame};
use super::limits::{FRAME_PIXELS_MAX, pixel_count};
use super::{png, still};

/// A decoder of an animated PNG.
pub(super) struct Apng<'a> {
    /// The encoded file, for error messages.
    bytes: &'a [u8],
    /// The default image, if it is not a frame of the animation. It is returned first, as by Pillow.
    default_image: Option<RgbImage>,
    frames: Frames<'a>,
    /// The frame that was returned last, without its alpha channel.
    picture: RgbImage,
    /// Time that the last frame is shown for.
    delay: Duration,
    /// True after a damaged frame.
    ended: bool,
}

impl<'a> Apng<'a> {
    /// Reads the header, and decodes a default image that is not a frame. `None` for a still image.
    ///
    /// # Errors
    /// When the header or that image is damaged, or the frames have more than [`FRAME_PIXELS_MAX`] pixels.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        let Some(default_is_frame) = png::animation(bytes) else { return Ok(None) };
        let file = png::repair(bytes).map_or(Cow::Borrowed(bytes), |repaired| Cow::Owned(repaired.bytes));
        let decoder = PngDecoder::new(Cursor::new(file)).map_err(|error| decode_error(bytes, &error))?;
        let (width, height) = decoder.dimensions();
        DecodeError::check_size(width, height, FRAME_PIXELS_MAX)?;
        let default_image = match default_is_frame {
            true => None,
            false => Some(still::decode(bytes, Format::Png, ExifOrientation::Ignore)?),
        };
        let frames = decoder.apng().map_err(|error| decode_error(bytes, &error))?.into_frames();
        let picture = RgbImage::new(width, height);
        Ok(Some(Self { bytes, default_image, frames, picture, delay: Duration::ZERO, ended: false }))
    }

    /// Time that the last frame is shown for, as stored; zero for a default image that is no frame.
    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    /// Decodes the next frame; `None` at the end. A damaged frame is the last one.
    ///
    /// # Errors
    /// Those of [`ClipBudget::take_frame`].
    pub(super) fn next_frame(&mut self, budget: &mut ClipBudget) -> Result<Option<Frame<'_>>, DecodeError> {
        if self.ended {
            return Ok(None);
        }
        let pixels = pixel_count(self.picture.width(), self.picture.height());
        if let Some(image) = self.default_image.take() {
            budget.take_frame(pixels)?;
            self.picture = image;
            return Ok(Some(Frame::Good(&self.picture)));
        }
        let Some(frame) = self.frames.next() else { return Ok(None) };
        budget.take_frame(pixels)?;
        Ok(Some(match frame {
            Ok(frame) => {
                self.delay = frame.delay().into();
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
    DecodeError::from_image(bytes, Format::Png, error)
}
