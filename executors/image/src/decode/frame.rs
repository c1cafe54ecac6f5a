//! A frame of a clip, and how many more may come.

use image::RgbImage;

use super::{CLIP_PIXELS_MAX, DecodeError, FRAMES_MAX};

/// One frame of a clip.
#[derive(Debug)]
pub enum Frame<'a> {
    /// The whole picture, as it is seen while the frame is shown.
    Good(&'a RgbImage),
    /// The frame cannot be read; the ones behind it may be.
    Damaged(DecodeError),
}

/// What may still be decoded of a clip.
pub(super) struct Budget {
    frames: usize,
    pixels: u64,
}

impl Default for Budget {
    /// The budget of a clip of which nothing has been read.
    fn default() -> Self {
        Self { frames: FRAMES_MAX, pixels: CLIP_PIXELS_MAX }
    }
}

impl Budget {
    /// Takes out a frame that costs the work of so many pixels.
    pub(super) fn take(&mut self, pixels: u64) -> Result<(), DecodeError> {
        self.frames = self.frames.checked_sub(1).ok_or(DecodeError::TooManyFrames)?;
        self.pixels = self.pixels.checked_sub(pixels).ok_or(DecodeError::TooLong)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends_with_its_last_frame_or_pixel() {
        let mut budget = Budget { frames: 3, pixels: 10 };
        assert!(budget.take(6).is_ok());
        assert!(matches!(budget.take(5), Err(DecodeError::TooLong)));
        assert!(budget.take(4).is_ok());
        assert!(matches!(budget.take(0), Err(DecodeError::TooManyFrames)));
    }
}
