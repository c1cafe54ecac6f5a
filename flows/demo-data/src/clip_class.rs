//! Classes of clips. Colour alone identifies none of them: each colour has four or five classes.

use crate::colour::Colour;
use crate::motion::Motion;
use crate::seeded_rng::SeededRng;
use crate::shape::Shape;
use crate::texture::Texture;

/// A family of colours, within which the hue of each clip is random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hue {
    Red,
    Gold,
    Green,
    Blue,
    Violet,
}

impl Hue {
    /// Name in labels.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Gold => "gold",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Violet => "violet",
        }
    }

    /// A random colour of the family.
    pub(crate) fn colour(self, rng: &mut SeededRng) -> Colour {
        let (hue, spread, value) = match self {
            Self::Red => (0.0, 0.025, 0.7),
            Self::Gold => (0.135, 0.02, 0.85),
            Self::Green => (0.36, 0.045, 0.5),
            Self::Blue => (0.6, 0.035, 0.65),
            Self::Violet => (0.785, 0.03, 0.6),
        };
        let hue = hue + rng.between(-spread, spread);
        Colour::from_hsv(hue, rng.between(0.72, 1.0), value + rng.between(0.0, 1.0 - value))
    }
}

/// Common properties of the clips of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClipClass {
    pub(crate) hue: Hue,
    pub(crate) shape: Shape,
    pub(crate) texture: Texture,
    pub(crate) motion: Motion,
}

impl ClipClass {
    /// Label of the class, for example `red-plain-circle-orbits`.
    pub(crate) fn label(self) -> String {
        let Self { hue, shape, texture, motion } = self;
        format!("{}-{}-{}-{}", hue.name(), texture.name(), shape.name(), motion.name())
    }
}

const fn class(hue: Hue, texture: Texture, shape: Shape, motion: Motion) -> ClipClass {
    ClipClass { hue, shape, texture, motion }
}

/// All classes. Most colours have pairs of classes that differ in a single property.
pub(crate) const CLIP_CLASSES: [ClipClass; 24] = {
    use Hue::*;
    use Motion::*;
    use Shape::*;
    use Texture::*;
    [
        // The first two differ only in motion: a trail, or a small disc on a path.
        class(Red, Plain, Circle, SlidesRight),
        class(Red, Plain, Circle, Orbits),
        class(Red, Stripes, Square, Rotates),
        class(Red, Dots, Star, Grows),
        class(Red, Checker, Triangle, SlidesDown),
        // The first two differ only in shape, the first and the third only in texture.
        class(Green, Plain, Square, Rotates),
        class(Green, Plain, Cross, Rotates),
        class(Green, Checker, Square, Rotates),
        class(Green, Plain, Ring, Grows),
        class(Green, Gradient, Triangle, Bounces),
        // The first two differ only in texture.
        class(Blue, Dots, Circle, Bounces),
        class(Blue, Plain, Circle, Bounces),
        class(Blue, Plain, Star, SlidesLeft),
        class(Blue, Checker, Star, Rotates),
        class(Blue, Stripes, Cross, SlidesUp),
        // The first two differ only in shape, the next two only in motion.
        class(Gold, Plain, Square, Blinks),
        class(Gold, Plain, Cross, Blinks),
        class(Gold, Stripes, Circle, SlidesLeft),
        class(Gold, Stripes, Circle, Grows),
        class(Gold, Plain, Triangle, Rotates),
        // Only the colour is common.
        class(Violet, Plain, Cross, Orbits),
        class(Violet, Dots, Square, SlidesRight),
        class(Violet, Gradient, Ring, Blinks),
        class(Violet, Checker, Circle, SlidesUp),
    ]
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::seeded_rng::Purpose;

    #[test]
    fn labels_are_unique() {
        let labels: BTreeSet<String> = CLIP_CLASSES.iter().map(|class| class.label()).collect();
        assert_eq!(labels.len(), CLIP_CLASSES.len());
        assert!(labels.contains("red-plain-circle-orbits"));
    }

    #[test]
    fn every_class_shares_its_colour_with_at_least_three_others() {
        for class in CLIP_CLASSES {
            let same = CLIP_CLASSES.iter().filter(|other| other.hue == class.hue).count();
            assert!(same >= 4, "{}", class.label());
        }
    }

    #[test]
    fn shape_texture_and_motion_are_each_the_only_difference_of_two_pairs() {
        let differences = |a: &ClipClass, b: &ClipClass| {
            [a.hue != b.hue, a.shape != b.shape, a.texture != b.texture, a.motion != b.motion]
        };
        let pairs = CLIP_CLASSES
            .iter()
            .enumerate()
            .flat_map(|(position, a)| CLIP_CLASSES[position + 1..].iter().map(move |b| differences(a, b)));
        let pairs: Vec<[bool; 4]> = pairs.collect();
        for property in 1..4 {
            let is_only_difference =
                |pair: &&[bool; 4]| (0..4).all(|other| pair[other] == (other == property));
            assert!(pairs.iter().filter(is_only_difference).count() >= 2, "property {property}");
        }
    }

    #[test]
    fn colour_families_do_not_overlap() {
        let families = [Hue::Red, Hue::Gold, Hue::Green, Hue::Blue, Hue::Violet];
        let strongest = |Colour([red, green, blue])| match (red.max(green).max(blue), green > blue) {
            (top, _) if top == green => Hue::Green,
            (top, _) if top == blue && red < green => Hue::Blue,
            (top, _) if top == blue => Hue::Violet,
            (_, true) if green > 120 => Hue::Gold,
            _ => Hue::Red,
        };
        for seed in 0..300 {
            for family in families {
                let colour = family.colour(&mut SeededRng::new(seed, Purpose::Clip, 0));
                assert_eq!(strongest(colour), family, "{colour:?}");
            }
        }
    }
}
