//! Size of the frames of a video, as displayed.

use crate::limits::{FRAME_PIXELS_MAX, SIDE_MAX};

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameSize {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl FrameSize {
    /// True for a size within the bounds, and not empty.
    pub(crate) fn is_within_bounds(self) -> bool {
        let pixels = u64::from(self.width) * u64::from(self.height);
        (1..=FRAME_PIXELS_MAX).contains(&pixels) && self.width.max(self.height) <= SIDE_MAX
    }

    /// The size with square pixels, for pixels `ratio` times as wide as high. Implausible ratios, of damaged headers, have no effect.
    pub(crate) fn with_square_pixels(self, ratio: f64) -> Self {
        if !(0.1..=10.0).contains(&ratio) {
            return self;
        }
        let width = (f64::from(self.width) * ratio).round().clamp(1.0, f64::from(SIDE_MAX));
        Self { width: width as u32, ..self }
    }

    /// The size after a rotation by `degrees`, which is applied in steps of a quarter.
    pub(crate) fn rotated(self, degrees: f64) -> Self {
        let quarters = (degrees / 90.0).round();
        if quarters.rem_euclid(2.0) == 1.0 { Self { width: self.height, height: self.width } } else { self }
    }

    /// The size scaled down so that no side is longer than `side_max`.
    pub(crate) fn within(self, side_max: Option<u32>) -> Self {
        let longest = self.width.max(self.height);
        let Some(side_max) = side_max.filter(|side_max| *side_max < longest) else { return self };
        let scaled = |side: u32| {
            let scaled = f64::from(side) * f64::from(side_max) / f64::from(longest);
            scaled.round().max(1.0) as u32
        };
        Self { width: scaled(self.width), height: scaled(self.height) }
    }

    /// Bytes of a frame of three channels; saturates on overflow.
    pub(crate) fn bytes(self) -> usize {
        (self.width as usize).saturating_mul(self.height as usize).saturating_mul(3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> FrameSize {
        FrameSize { width, height }
    }

    #[test]
    fn frames_are_scaled_down_and_never_up() {
        assert_eq!(size(1920, 1080).within(Some(320)), size(320, 180));
        assert_eq!(size(1080, 1920).within(Some(320)), size(180, 320));
        assert_eq!(size(100, 50).within(Some(320)), size(100, 50));
        assert_eq!(size(10_000, 1).within(Some(320)), size(320, 1));
        assert_eq!(size(1920, 1080).within(None), size(1920, 1080));
    }

    #[test]
    fn rotation_and_pixel_shape_change_the_displayed_size() {
        assert_eq!(size(640, 360).rotated(-90.0), size(360, 640));
        assert_eq!(size(640, 360).rotated(180.0), size(640, 360));
        assert_eq!(size(640, 360).rotated(270.0), size(360, 640));
        assert_eq!(size(720, 576).with_square_pixels(64.0 / 45.0), size(1024, 576));
        assert_eq!(size(720, 576).with_square_pixels(0.0), size(720, 576));
        assert_eq!(size(720, 576).with_square_pixels(f64::NAN), size(720, 576));
    }

    #[test]
    fn huge_and_empty_frames_are_out_of_bounds() {
        assert!(size(7680, 4320).is_within_bounds());
        for size in [size(100_000, 100_000), size(7681, 4320), size(20_000, 10), size(0, 10)] {
            assert!(!size.is_within_bounds(), "{size:?}");
        }
    }
}
