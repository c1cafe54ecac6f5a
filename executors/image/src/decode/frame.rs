//! Frames of a clip, and the bound on decoding them.

use image::RgbImage;

use super::error::DecodeError;
use super::limits::{CLIP_PIXELS_MAX, FRAMES_MAX};

/// One frame of a clip.
#[derive(Debug)]
pub enum Frame<'a> {
    /// The whole picture that is visible while the frame is shown.
    Good(&'a RgbImage),
    /// The frame cannot be decoded; later frames may be good.
    Damaged(DecodeError),
}

/// Frames and pixels that may still be decoded of a clip.
pub(super) struct ClipBudget {
    frames: usize,
    pixels: u64,
}

impl Default for ClipBudget {
    /// The budget of a new clip.
    fn default() -> Self {
        Self { frames: FRAMES_MAX, pixels: CLIP_PIXELS_MAX }
    }
}

impl ClipBudget {
    /// Takes one frame of `pixels` pixels from the budget.
    ///
    /// # Errors
    /// [`DecodeError::TooManyFrames`] or [`DecodeError::TooLong`] when nothing is left for the frame.
    pub(super) fn take_frame(&mut self, pixels: u64) -> Result<(), DecodeError> {
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
        let mut budget = ClipBudget { frames: 3, pixels: 10 };
        assert!(budget.take_frame(6).is_ok());
        assert!(matches!(budget.take_frame(5), Err(DecodeError::TooLong)));
        assert!(budget.take_frame(4).is_ok());
        assert!(matches!(budget.take_frame(0), Err(DecodeError::TooManyFrames)));
    }
}
