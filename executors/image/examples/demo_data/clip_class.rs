//! The classes of clips. Colour alone tells none of them: each colour has five classes, or four.

use crate::colour::Colour;
use crate::dice::Dice;
use crate::motion::Motion;
use crate::shape::Shape;
use crate::texture::Texture;

/// A family of colours; every clip has a hue of its own in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hue {
    Red,
    Gold,
    Green,
    Blue,
    Violet,
}

impl Hue {
    /// The word for it in a label.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Gold => "gold",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Violet => "violet",
        }
    }

    /// A colour of the family.
    pub(crate) fn colour(self, dice: &mut Dice) -> Colour {
        let (hue, spread, value) = match self {
            Self::Red => (0.0, 0.025, 0.7),
            Self::Gold => (0.135, 0.02, 0.85),
            Self::Green => (0.36, 0.045, 0.5),
            Self::Blue => (0.6, 0.035, 0.65),
            Self::Violet => (0.785, 0.03, 0.6),
        };
        let hue = hue + dice.between(-spread, spread);
        Colour::from_hsv(hue, dice.between(0.72, 1.0), value + dice.between(0.0, 1.0 - value))
    }
}

/// What the clips of one class have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClipClass {
    pub(crate) hue: Hue,
    pub(crate) shape: Shape,
    pub(crate) texture: Texture,
    pub(crate) motion: Motion,
}

impl ClipClass {
    /// Names the class, for example `red-plain-circle-orbits`.
    pub(crate) fn label(self) -> String {
        let Self { hue, shape, texture, motion } = self;
        format!("{}-{}-{}-{}", hue.name(), texture.name(), shape.name(), motion.name())
    }
}

const fn class(hue: Hue, texture: Texture, shape: Shape, motion: Motion) -> ClipClass {
    ClipClass { hue, shape, texture, motion }
}

/// The classes. Most colours have neighbours that differ in one respect alone.
pub(crate) const CLIP_CLASSES: [ClipClass; 24] = {
    use Hue::*;
    use Motion::*;
    use Shape::*;
    use Texture::*;
    [
        // The motion alone differs in the first two: a trail, or a small disc on a path.
        class(Red, Plain, Circle, SlidesRight),
        class(Red, Plain, Circle, Orbits),
        class(Red, Stripes, Square, Rotates),
        class(Red, Dots, Star, Grows),
        class(Red, Checker, Triangle, SlidesDown),
        // The shape alone differs between the first two, the texture alone between the first and the third.
        class(Green, Plain, Square, Rotates),
        class(Green, Plain, Cross, Rotates),
        class(Green, Checker, Square, Rotates),
        class(Green, Plain, Ring, Grows),
        class(Green, Gradient, Triangle, Bounces),
        // The texture alone differs between the first two.
        class(Blue, Dots, Circle, Bounces),
        class(Blue, Plain, Circle, Bounces),
        class(Blue, Plain, Star, SlidesLeft),
        class(Blue, Checker, Star, Rotates),
        class(Blue, Stripes, Cross, SlidesUp),
        // The shape alone differs between the first two, the motion alone between the next two.
        class(Gold, Plain, Square, Blinks),
        class(Gold, Plain, Cross, Blinks),
        class(Gold, Stripes, Circle, SlidesLeft),
        class(Gold, Stripes, Circle, Grows),
        class(Gold, Plain, Triangle, Rotates),
        // Nothing in common but the colour.
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
    use crate::dice::Purpose;

    #[test]
    fn labels_tell_the_classes_apart() {
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
    fn shape_texture_and_motion_each_make_the_only_difference_twice() {
        let differences = |a: &ClipClass, b: &ClipClass| {
            [a.hue != b.hue, a.shape != b.shape, a.texture != b.texture, a.motion != b.motion]
        };
        let pairs = CLIP_CLASSES
            .iter()
            .enumerate()
            .flat_map(|(position, a)| CLIP_CLASSES[position + 1..].iter().map(move |b| differences(a, b)));
        let pairs: Vec<[bool; 4]> = pairs.collect();
        for respect in 1..4 {
            let alone = |pair: &&[bool; 4]| (0..4).all(|other| pair[other] == (other == respect));
            assert!(pairs.iter().filter(alone).count() >= 2, "respect {respect}");
        }
    }

    #[test]
    fn families_of_colour_do_not_overlap() {
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
                let colour = family.colour(&mut Dice::new(seed, Purpose::Clip, 0));
                assert_eq!(strongest(colour), family, "{colour:?}");
            }
        }
    }
}
