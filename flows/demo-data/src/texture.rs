//! Textures of a figure: the distribution of its second colour.

use crate::point::Point;

/// A two-coloured pattern that is fixed to the figure and rotates with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Texture {
    Plain,
    Stripes,
    Dots,
    Checker,
    Gradient,
}

impl Texture {
    /// Name in labels.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Stripes => "striped",
            Self::Dots => "dotted",
            Self::Checker => "checkered",
            Self::Gradient => "shaded",
        }
    }

    /// Share of the second colour, 0 to 1, at `point` of a figure in the unit circle. `pitch` is the period of the
    /// pattern, `softness` the width of its edges, both in the unit of `point`.
    pub(crate) fn share(self, point: Point, pitch: f64, softness: f64) -> f64 {
        let edge = |distance: f64| (0.5 - distance / softness).clamp(0.0, 1.0);
        // The triangle waves are 0 in the middle of the second colour and pitch / 2 in the middle of the first.
        let (across, down) = (wave(point.x, pitch), wave(point.y, pitch));
        let quarter = pitch / 4.0;
        match self {
            Self::Plain => 0.0,
            Self::Stripes => edge(across - quarter),
            Self::Dots => edge(Point::new(across, down).length() - 0.3 * pitch),
            Self::Checker => {
                let (column, row) = (edge(across - quarter), edge(down - quarter));
                column + row - 2.0 * column * row
            }
            Self::Gradient => (0.5 + 0.6 * point.y).clamp(0.0, 1.0),
        }
    }
}

/// Distance from the nearest multiple of `pitch`: a triangle wave.
fn wave(position: f64, pitch: f64) -> f64 {
    let turns = position / pitch;
    (turns - (turns + 0.5).floor()).abs() * pitch
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Mean share of the second colour over many periods.
    fn mean(texture: Texture, pitch: f64) -> f64 {
        let positions = || (0..200).map(|step| f64::from(step) * pitch / 20.0);
        let shares = positions().flat_map(|x| positions().map(move |y| Point::new(x, y)));
        shares.map(|point| texture.share(point, pitch, 0.01)).sum::<f64>() / 40_000.0
    }

    #[test]
    fn patterns_have_the_expected_mean_share() {
        assert_eq!(mean(Texture::Plain, 0.5), 0.0);
        for (texture, expected) in
            [(Texture::Stripes, 0.5), (Texture::Checker, 0.5), (Texture::Dots, std::f64::consts::PI * 0.09)]
        {
            let mean = mean(texture, 0.5);
            assert!((mean - expected).abs() < 0.03, "{texture:?} {mean}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_repeats_at_its_pitch(x in -2.0..2.0_f64, y in -2.0..2.0_f64, pitch in 0.3..0.7_f64) {
            for texture in [Texture::Stripes, Texture::Dots, Texture::Checker] {
                let share = |x, y| texture.share(Point::new(x, y), pitch, 0.1);
                prop_assert!((share(x, y) - share(x + pitch, y - pitch)).abs() < 1e-6, "{texture:?}");
                prop_assert!((0.0..=1.0).contains(&share(x, y)));
            }
        }

        #[test]
        fn gradients_increase_downwards(x in -1.0..1.0_f64, y in -1.0..1.0_f64, step in 0.0..1.0_f64) {
            let share = |y| Texture::Gradient.share(Point::new(x, y), 0.5, 0.1);
            prop_assert!(share(y) <= share(y + step));
        }
    }
}
