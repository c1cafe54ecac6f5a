//! The size that an image is cut or scaled to, as Jina's `target_size` says it.

use flowrun_sdk::{Parameter, ParameterKind, Value};

use crate::decode::SIDE_MAX;

/// A size in pixels: one number or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// One number: the side of a square where something is cut, the shorter side where something is scaled.
    Side(u32),
    /// Both sides.
    Sides {
        /// Rows.
        height: u32,
        /// Pixels in a row.
        width: u32,
    },
}

impl Size {
    /// Height and width of what is cut.
    pub(crate) fn to_cut(self) -> (u32, u32) {
        match self {
            Self::Side(side) => (side, side),
            Self::Sides { height, width } => (height, width),
        }
    }

    /// Height and width of what an image of that height and width is scaled to. The longer side keeps the proportion,
    /// rounded as Python's `round` does it: halves to even.
    pub(crate) fn to_scale(self, height: u32, width: u32) -> (u32, u32) {
        let side = match self {
            Self::Side(side) => side,
            Self::Sides { height, width } => return (height, width),
        };
        let factor = f64::from(side) / f64::from(height.min(width).max(1));
        let scaled = |side: u32| ((f64::from(side) * factor).round_ties_even() as u32).max(1);
        (scaled(height), scaled(width))
    }
}

impl Parameter for Size {
    const KIND: ParameterKind = {
        assert!(SIDE_MAX == 65_535, "the next line says so");
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
        assert_eq!(Size::Side(256).to_scale(480, 640), (256, 341));
        assert_eq!(Size::Side(256).to_scale(640, 480), (341, 256));
        // 5 · (2 / 4) = 2.5, and Python rounds that to 2.
        assert_eq!(Size::Side(2).to_scale(4, 5), (2, 2));
        assert_eq!(Size::Sides { height: 3, width: 4 }.to_scale(480, 640), (3, 4));
    }

    #[test]
    fn sizes_without_pixels_or_out_of_bounds_are_refused() {
        let parse = |text: &str| Size::parse(&text.parse::<Value>().unwrap());
        assert_eq!(parse("96"), Some(Size::Side(96)));
        assert_eq!(parse("[2, 3]"), Some(Size::Sides { height: 2, width: 3 }));
        for text in ["0", "-1", "65536", "[1]", "[1, 0]", "[1, 2, 3]", "null", "1.5"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
