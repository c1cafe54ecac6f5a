//! Bounds on the size of images and clips.

/// Largest number of pixels of an image: 100 megapixels, the resolution of medium-format cameras. A file of a few bytes
/// can claim more, and as a tensor of floats this size takes 1.2 GB.
pub const PIXELS_MAX: u64 = 100_000_000;

/// Largest number of pixels of a JPEG: 200 megapixels, the highest resolution of phone cameras. A JPEG above
/// [`PIXELS_MAX`] is decoded at half its width and height; the whole image is in memory only if it is progressive, as
/// coefficients.
pub const JPEG_PIXELS_MAX: u64 = 2 * PIXELS_MAX;

/// Largest number of pixels of a frame of a clip: 8K video, 7680 × 4320. Composing frames takes several pictures of
/// that size at a time.
pub const FRAME_PIXELS_MAX: u64 = 7680 * 4320;

/// Longest side of an image in pixels: the limit of JPEG and GIF. Longer sides only occur in damaged headers.
pub const SIDE_MAX: u32 = 65_535;

/// Largest number of frames of a clip: a quarter of an hour at ten frames per second.
pub const FRAMES_MAX: usize = 10_000;

/// Largest number of pixels that the frames of a clip may add up to: about ten seconds of work on one core. A file of a
/// few megabytes can contain days of work, because a blank frame of any size compresses to a few kilobytes.
pub const CLIP_PIXELS_MAX: u64 = 2_000_000_000;

/// Number of pixels of an image.
pub(super) fn pixel_count(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// Checks that an image has at most `pixels_max` pixels and no side longer than [`SIDE_MAX`].
pub(super) fn is_within(width: u32, height: u32, pixels_max: u64) -> bool {
    pixel_count(width, height) <= pixels_max && width.max(height) <= SIDE_MAX
}
