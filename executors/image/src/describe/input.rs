//! Size of the image that descriptors are computed from. Every image is scaled to it first.

/// Side of the square image, in pixels.
pub(super) const SIDE: usize = 48;
