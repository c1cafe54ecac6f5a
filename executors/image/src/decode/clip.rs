//! Moving pictures of every format, frame by frame.

use image::RgbImage;

use super::frame::{Budget, Frame};
use super::gif::Gif;
use super::webp::WebP;
use super::{DecodeError, Format, still};

/// A clip being read. Only the picture of the moment is held. A still image is a clip of one frame.
pub struct Clip<'a> {
    source: Source<'a>,
    budget: Budget,
}

/// Where the frames come from.
enum Source<'a> {
    Gif(Box<Gif<'a>>),
    WebP(WebP<'a>),
    Still { picture: RgbImage, shown: bool },
}

impl<'a> Clip<'a> {
    /// Starts reading.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are no image, or its header is damaged or out of bounds.
    pub fn open(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let format = Format::of(bytes)?;
        let moving = match format {
            Format::Gif => Some(Source::Gif(Box::new(Gif::open(bytes)?))),
            Format::WebP => WebP::open(bytes)?.map(Source::WebP),
            _ => None,
        };
        let source = match moving {
            Some(moving) => moving,
            None => Source::Still { picture: still::decode(bytes, format)?, shown: false },
        };
        Ok(Self { source, budget: Budget::default() })
    }

    /// The next frame, or `None` behind the last.
    ///
    /// # Errors
    /// [`DecodeError::TooManyFrames`] and [`DecodeError::TooLong`] end the clip.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, DecodeError> {
        match &mut self.source {
            Source::Gif(gif) => gif.next_frame(&mut self.budget),
            Source::WebP(webp) => webp.next_frame(&mut self.budget),
            Source::Still { shown: true, .. } => Ok(None),
            Source::Still { picture, shown } => {
                *shown = true;
                Ok(Some(Frame::Good(picture)))
            }
        }
    }

    /// The first frame that can be read.
    ///
    /// # Errors
    /// What is wrong with the first frame, when none can; and those of `check`, which is asked before each frame.
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
    fn the_search_for_a_good_frame_ends_when_it_is_told_to() {
        // Frames of one pixel that hold none.
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
