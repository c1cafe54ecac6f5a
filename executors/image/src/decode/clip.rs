//! Decodes clips (animated or still images) of every supported format, frame by frame.

use std::time::Duration;

use image::RgbImage;

use super::apng::Apng;
use super::error::DecodeError;
use super::exif::ExifOrientation;
use super::format::Format;
use super::frame::{ClipBudget, Frame};
use super::gif::Gif;
use super::still;
use super::webp::WebP;

/// Time for which viewers show a frame whose stored time is [`SHORTEST_FRAME_TIME`] or less.
const DEFAULT_FRAME_TIME: Duration = Duration::from_millis(100);

/// Stored times up to this one mean that no time was chosen.
const SHORTEST_FRAME_TIME: Duration = Duration::from_millis(10);

/// Decoder of one clip. At most one decoded frame is in memory at a time. A still image is a clip of one frame.
pub struct Clip<'a> {
    decoder: ClipDecoder<'a>,
    budget: ClipBudget,
}

/// The decoder of the clip's format.
enum ClipDecoder<'a> {
    Gif(Box<Gif<'a>>),
    WebP(Box<WebP<'a>>),
    Apng(Apng<'a>),
    Still { picture: RgbImage, returned: bool },
}

impl<'a> Clip<'a> {
    /// Reads the header of an animation, or decodes a still image and applies its EXIF orientation.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not an image, are damaged, or exceed the limits on size.
    pub fn open(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::open_with(bytes, ExifOrientation::Apply)
    }

    /// Like [`open`](Self::open) with a choice of the orientation.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub(super) fn open_with(bytes: &'a [u8], exif: ExifOrientation) -> Result<Self, DecodeError> {
        let format = Format::detect(bytes)?;
        let animated = match format {
            Format::Gif => Some(ClipDecoder::Gif(Box::new(Gif::open(bytes)?))),
            Format::WebP => WebP::open(bytes)?.map(|webp| ClipDecoder::WebP(Box::new(webp))),
            Format::Png => Apng::open(bytes)?.map(ClipDecoder::Apng),
            _ => None,
        };
        let decoder = match animated {
            Some(animated) => animated,
            None => ClipDecoder::Still { picture: still::decode(bytes, format, exif)?, returned: false },
        };
        Ok(Self { decoder, budget: ClipBudget::default() })
    }

    /// Decodes the next frame; `None` at the end.
    ///
    /// # Errors
    /// [`DecodeError::TooManyFrames`] or [`DecodeError::TooLong`] when the clip exceeds its limits. A frame that cannot be
    /// decoded is no error, but [`Frame::Damaged`].
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, DecodeError> {
        match &mut self.decoder {
            ClipDecoder::Gif(gif) => gif.next_frame(&mut self.budget),
            ClipDecoder::WebP(webp) => webp.next_frame(&mut self.budget),
            ClipDecoder::Apng(apng) => apng.next_frame(&mut self.budget),
            ClipDecoder::Still { returned: true, .. } => Ok(None),
            ClipDecoder::Still { picture, returned } => {
                *returned = true;
                Ok(Some(Frame::Good(picture)))
            }
        }
    }

    /// Time that the last decoded frame is shown for. Viewers show frames of 10 ms or less for [`DEFAULT_FRAME_TIME`]; so does
    /// this. Zero for a still image.
    pub fn frame_time(&self) -> Duration {
        let delay = match &self.decoder {
            ClipDecoder::Gif(gif) => gif.delay(),
            ClipDecoder::WebP(webp) => webp.delay(),
            ClipDecoder::Apng(apng) => apng.delay(),
            ClipDecoder::Still { .. } => return Duration::ZERO,
        };
        if delay <= SHORTEST_FRAME_TIME { DEFAULT_FRAME_TIME } else { delay }
    }

    /// Decodes the first readable frame. `check` is called before each frame.
    ///
    /// # Errors
    /// The error of the first damaged frame if no frame is readable, those of [`next_frame`](Self::next_frame), and the
    /// first error of `check`.
    pub(super) fn first<E: From<DecodeError>>(
        mut self,
        mut check: impl FnMut() -> Result<(), E>,
    ) -> Result<RgbImage, E> {
        let mut first_error = None;
        check()?;
        while let Some(frame) = self.next_frame()? {
            match frame {
                Frame::Good(image) => return Ok(image.clone()),
                Frame::Damaged(error) => first_error = first_error.or(Some(error)),
            }
            check()?;
        }
        Err(first_error.unwrap_or(DecodeError::NoFrame).into())
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::{ErrorKind, ExecutorError};

    use super::*;

    #[test]
    fn first_stops_at_the_first_error_of_check() {
        // Frames that declare one pixel and contain none.
        let frame = b",\0\0\0\0\x01\0\x01\0\0\x02\x01\x2c\0";
        let clip = [&b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0"[..], &frame.repeat(9)].concat();
        let mut left = 3_usize;
        let check = || -> Result<(), ExecutorError> {
            left = left.checked_sub(1).ok_or_else(|| ExecutorError::new(ErrorKind::Expired, "late"))?;
            Ok(())
        };
        let late: ExecutorError = Clip::open(&clip).unwrap().first(check).unwrap_err();
        assert_eq!((late.kind(), left), (ErrorKind::Expired, 0));
        let none: DecodeError = Clip::open(&clip).unwrap().first(|| Ok(())).unwrap_err();
        assert!(matches!(none, DecodeError::Damaged { .. }), "{none}");
    }
}
