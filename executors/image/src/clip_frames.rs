//! Decodes the frames of a clip one after the other, scaled, with their times.

use std::time::Duration;

use flowrun_sdk::{ExecutorError, ResamplingFilter};

use crate::decode::{Clip, DecodeError, Frame};
use crate::resize::Resizer;

/// A readable frame of a clip.
#[derive(Clone, Copy, Debug)]
pub struct ClipFrame<'a> {
    /// Number of the frame, from 0, damaged frames included.
    pub number: u64,
    /// Time at which the frame is shown first.
    pub start: Duration,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Red, green, blue, row by row.
    pub pixels: &'a [u8],
}

/// Decodes a clip and calls `visit` for each readable frame, scaled to the width and height that `scaled_size` returns for those of the
/// clip. Returns the length of the clip.
///
/// # Errors
/// [`DecodeError`] if the content is not a clip, exceeds a bound or has no readable frame, and the first error of `visit`.
pub fn visit_frames(
    content: &[u8],
    scaled_size: &dyn Fn(u32, u32) -> (u32, u32),
    visit: &mut dyn FnMut(ClipFrame<'_>) -> Result<(), ExecutorError>,
) -> Result<Duration, ExecutorError> {
    let mut clip = Clip::open(content)?;
    let mut resizer = Resizer::default();
    let mut start = Duration::ZERO;
    let (mut is_readable, mut damage) = (false, None);
    for number in 0.. {
        match clip.next_frame()? {
            None => break,
            Some(Frame::Damaged(error)) => damage = damage.or(Some(error)),
            Some(Frame::Good(picture)) => {
                is_readable = true;
                let (width, height) = scaled_size(picture.width(), picture.height());
                let pixels = resizer.resize(picture, height, width, ResamplingFilter::Box)?;
                visit(ClipFrame { number, start, width, height, pixels })?;
            }
        }
        start += clip.frame_time();
    }
    if is_readable { Ok(start) } else { Err(damage.unwrap_or(DecodeError::NoFrame).into()) }
}
