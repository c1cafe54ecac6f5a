//! RGB colours and their mixtures.

/// A colour in sRGB, channels in the order red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Colour(pub(crate) [u8; 3]);

impl Colour {
    pub(crate) const BLACK: Self = Self([0; 3]);
    pub(crate) const WHITE: Self = Self([255; 3]);

    /// Converts hue (in turns: red 0, green 1/3, blue 2/3), saturation and value (0 to 1) to a colour.
    ///
    /// Source: A. R. Smith, "Color gamut transform pairs", SIGGRAPH 1978.
    pub(crate) fn from_hsv(hue: f64, saturation: f64, value: f64) -> Self {
        let channel = |sextant: f64| {
            let position = sextant + (hue - hue.floor()) * 6.0;
            let position = if position >= 6.0 { position - 6.0 } else { position };
            let fall = position.min(4.0 - position).clamp(0.0, 1.0);
            byte(255.0 * value * (1.0 - saturation * fall))
        };
        Self([channel(5.0), channel(3.0), channel(1.0)])
    }

    /// Mixes this colour with a `share` (0 to 1) of `other`.
    pub(crate) fn mix(self, other: Self, share: f64) -> Self {
        let (Self([red, green, blue]), Self([red_2, green_2, blue_2])) = (self, other);
        let channel = |from: u8, to: u8| byte(f64::from(from) + (f64::from(to) - f64::from(from)) * share);
        Self([channel(red, red_2), channel(green, green_2), channel(blue, blue_2)])
    }

    /// Adds `amount` to every channel and clamps it to a byte.
    pub(crate) fn raised(self, amount: i32) -> Self {
        Self(self.0.map(|channel| (i32::from(channel) + amount).clamp(0, 255) as u8))
    }

    /// Luma, 0 to 255 (ITU-R BT.601).
    pub(crate) fn luma(self) -> i32 {
        let [red, green, blue] = self.0.map(i32::from);
        (299 * red + 587 * green + 114 * blue) / 1000
    }

    /// A contrasting colour: this colour mixed with `share` of black or white, whichever has more contrast.
    pub(crate) fn contrasting(self, share: f64) -> Self {
        self.mix(if self.luma() > 120 { Self::BLACK } else { Self::WHITE }, share)
    }

    /// Squared Euclidean distance to `other`.
    pub(crate) fn distance(self, other: Self) -> u32 {
        self.0.iter().zip(other.0).map(|(one, other)| u32::from(one.abs_diff(other)).pow(2)).sum()
    }
}

/// Rounds and clamps `channel` to a byte.
fn byte(channel: f64) -> u8 {
    (channel.clamp(0.0, 255.0) + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hues_are_periodic_from_red_to_red() {
        let pure = |hue| Colour::from_hsv(hue, 1.0, 1.0).0;
        let sixths = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(|sixth| pure(sixth / 6.0));
        let (full, none) = (255, 0);
        assert_eq!(sixths[0], [full, none, none]);
        assert_eq!(sixths[1], [full, full, none]);
        assert_eq!(sixths[2], [none, full, none]);
        assert_eq!(sixths[3], [none, full, full]);
        assert_eq!(sixths[4], [none, none, full]);
        assert_eq!(sixths[5], [full, none, full]);
        assert_eq!(sixths[6], sixths[0]);
        assert_eq!(pure(-1.0 / 3.0), sixths[4]);
        assert_eq!(Colour::from_hsv(0.3, 0.0, 0.5), Colour([128; 3]));
    }

    proptest! {
        #[test]
        fn a_mixture_is_between_its_parts(one: [u8; 3], two: [u8; 3], share in 0.0..=1.0_f64) {
            let mixed = Colour(one).mix(Colour(two), share).0;
            for ((one, two), mixed) in one.into_iter().zip(two).zip(mixed) {
                prop_assert!((one.min(two)..=one.max(two)).contains(&mixed));
            }
            prop_assert_eq!(Colour(one).mix(Colour(two), 0.0), Colour(one));
            prop_assert_eq!(Colour(one).mix(Colour(two), 1.0), Colour(two));
        }

        #[test]
        fn a_contrasting_colour_differs_in_brightness(colour: [u8; 3]) {
            let colour = Colour(colour);
            prop_assert!((colour.luma() - colour.contrasting(0.6).luma()).abs() >= 70);
        }
    }
}
