//! Size of a crop or of a scaled image: Jina's parameter `target_size`.

use flowrun_sdk::{Parameter, ParameterKind, Value};

use crate::decode::SIDE_MAX;

/// A size in pixels: one number or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetSize {
    /// One number: the side of a square for crops, the shorter side for scaling.
    Side(u32),
    /// Both sides.
    Sides {
        /// Height in pixels.
        height: u32,
        /// Width in pixels.
        width: u32,
    },
}

impl TargetSize {
    /// Height and width of a crop.
    pub(crate) fn crop_size(self) -> (u32, u32) {
        match self {
            Self::Side(side) => (side, side),
            Self::Sides { height, width } => (height, width),
        }
    }

    /// Height and width of an image of `height` × `width` pixels after scaling. One number keeps the aspect ratio;
    /// sides are rounded as Python's `round` does, halves to even.
    pub(crate) fn scaled_size(self, height: u32, width: u32) -> (u32, u32) {
        let side = match self {
            Self::Side(side) => side,
            Self::Sides { height, width } => return (height, width),
        };
        let factor = f64::from(side) / f64::from(height.min(width).max(1));
        let scaled = |side: u32| ((f64::from(side) * factor).round_ties_even() as u32).max(1);
        (scaled(height), scaled(width))
    }
}

impl Parameter for TargetSize {
    const KIND: ParameterKind = {
        assert!(SIDE_MAX == 65_535, "the next line states the same bound");
        ParameterKind::Other("an integer from 1 to 65535, or [height, width]")
    };

    fn parse(value: &Value) -> Option<Self> {
        let side = |value: &Value| u32::parse(value).filter(|side| (1..=SIDE_MAX).contains(side));
        match value.as_array().map(Vec::as_slice) {
            None => side(value).map(Self::Side),
            Some([height, width]) => Some(Self::Sides { height: side(height)?, width: side(width)? }),
            Some(_) => None,
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Side(side) => Value::from(*side),
            Self::Sides { height, width } => Value::from(vec![*height, *width]),
        }
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::{Parameter as _, Value};

    use super::*;

    #[test]
    fn one_number_scales_the_shorter_side() {
        assert_eq!(TargetSize::Side(256).scaled_size(480, 640), (256, 341));
        assert_eq!(TargetSize::Side(256).scaled_size(640, 480), (341, 256));
        // 5 · (2 / 4) = 2.5, which Python rounds to 2.
        assert_eq!(TargetSize::Side(2).scaled_size(4, 5), (2, 2));
        assert_eq!(TargetSize::Sides { height: 3, width: 4 }.scaled_size(480, 640), (3, 4));
    }

    #[test]
    fn empty_and_oversized_sizes_are_rejected() {
        let parse = |text: &str| TargetSize::parse(&text.parse::<Value>().unwrap());
        assert_eq!(parse("96"), Some(TargetSize::Side(96)));
        assert_eq!(parse("[2, 3]"), Some(TargetSize::Sides { height: 2, width: 3 }));
        for text in ["0", "-1", "65536", "[1]", "[1, 0]", "[1, 2, 3]", "null", "1.5"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
