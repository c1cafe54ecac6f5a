//! The one door to image decoders: bytes that nobody vouches for become pixels, or an error that says what they are.
//!
//! What the content is, is found out from the content, never from a file's name. Everything that comes in is bounded
//! before memory is taken for it; a clip is decoded frame by frame, so that only the frames somebody keeps are held.
//! Pixels are RGB, eight bits a channel, rows from the top, converted as Pillow's `convert("RGB")` does it. What is
//! deliberately not here: tensors and their layouts ([`crate::resize`] and the executors make those), orientation
//! from EXIF and colour profiles, which Pillow does not apply on reading either.

mod canvas;
mod clip;
mod content;
mod error;
mod format;
mod frame;
mod gif;
mod jpeg;
mod rgb;
mod still;
mod webp;
mod whole;

use image::RgbImage;

pub use clip::Clip;
pub use content::content;
pub use error::DecodeError;
pub use format::Format;
pub use frame::Frame;

/// The most pixels of one image: 100 megapixels, as much as medium-format cameras make. A file of a few bytes can
/// claim more, and as a tensor of floats this much takes 1.2 GB.
pub const PIXELS_MAX: u64 = 100_000_000;

/// The most pixels of one frame of a clip: 8K video, 7680 × 4320. Putting frames together takes several pictures of
/// that size at a time.
pub const FRAME_PIXELS_MAX: u64 = 7680 * 4320;

/// The longest side of an image: what JPEG and GIF can express. Longer ones only come from damaged headers.
pub const SIDE_MAX: u32 = 65_535;

/// The most frames of a clip: a quarter of an hour at ten frames a second.
pub const FRAMES_MAX: usize = 10_000;

/// The most pixels that the frames of a clip may add up to: some ten seconds of work on one core. A file of a few
/// megabytes can hold days of it, because a blank frame of any size packs into a few kilobytes.
pub const CLIP_PIXELS_MAX: u64 = 2_000_000_000;

/// Decodes one image; of a clip the first frame that can be read.
///
/// # Errors
/// [`DecodeError`] says what the bytes are, when they are no image within the bounds.
pub fn still(bytes: &[u8]) -> Result<RgbImage, DecodeError> {
    still_while(bytes, || Ok(()))
}

/// The same, as long as `check`, which is asked before each frame of a clip, does not fail.
///
/// # Errors
/// As [`still`], and those of `check`.
pub(crate) fn still_while<E: From<DecodeError>>(
    bytes: &[u8],
    check: impl FnMut() -> Result<(), E>,
) -> Result<RgbImage, E> {
    match Format::of(bytes)? {
        Format::Gif => Clip::open(bytes)?.first(check),
        format => Ok(still::decode(bytes, format)?),
    }
}

fn pixels(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// Refuses images of more than `pixels_max` pixels, or [`SIDE_MAX`] to a side.
fn check_size(width: u32, height: u32, pixels_max: u64) -> Result<(), DecodeError> {
    if pixels(width, height) > pixels_max || width.max(height) > SIDE_MAX {
        return Err(DecodeError::TooLarge { width, height, pixels_max });
    }
    Ok(())
}
