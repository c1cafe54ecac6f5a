//! Words for the visible properties, with synonyms.

use crate::clip_class::Hue;
use crate::flower_class::{Eye, Tint};
use crate::motion::Motion;
use crate::petal::Petal;
use crate::shape::Shape;
use crate::texture::Texture;

/// Synonyms.
pub(crate) type Words = &'static [&'static str];

pub(crate) const SETTINGS: Words = &["again and again", "for a moment", "all the time"];

pub(crate) const FLOWERS: Words = &["flower", "blossom", "bloom"];

pub(crate) fn hue(hue: Hue) -> Words {
    match hue {
        Hue::Red => &["red", "crimson"],
        Hue::Gold => &["gold", "yellow"],
        Hue::Green => &["green", "emerald"],
        Hue::Blue => &["blue", "azure"],
        Hue::Violet => &["violet", "purple"],
    }
}

pub(crate) fn shape(shape: Shape) -> Words {
    match shape {
        Shape::Circle => &["circle", "disc"],
        Shape::Square => &["square", "box"],
        Shape::Triangle => &["triangle", "wedge"],
        Shape::Star => &["star", "five-pointed star"],
        Shape::Ring => &["ring", "hoop"],
        Shape::Cross => &["cross", "plus sign"],
    }
}

pub(crate) fn texture(texture: Texture) -> Words {
    match texture {
        Texture::Plain => &["plain", "solid"],
        Texture::Stripes => &["striped", "banded"],
        Texture::Dots => &["dotted", "spotted"],
        Texture::Checker => &["checkered", "chequered"],
        Texture::Gradient => &["shaded", "fading"],
    }
}

pub(crate) fn motion(motion: Motion) -> Words {
    match motion {
        Motion::SlidesLeft => &["slides to the left", "moves left"],
        Motion::SlidesRight => &["slides to the right", "moves right"],
        Motion::SlidesUp => &["slides upwards", "rises"],
        Motion::SlidesDown => &["slides downwards", "sinks"],
        Motion::Rotates => &["rotates", "spins"],
        Motion::Grows => &["grows", "becomes larger"],
        Motion::Bounces => &["bounces", "jumps up and down"],
        Motion::Blinks => &["blinks", "flashes"],
        Motion::Orbits => &["orbits", "follows a round path"],
    }
}

pub(crate) fn tint(tint: Tint) -> Words {
    match tint {
        Tint::White => &["white", "snowy"],
        Tint::Yellow => &["yellow", "sunny"],
        Tint::Pink => &["pink", "rosy"],
        Tint::Red => &["red", "scarlet"],
        Tint::Blue => &["blue", "azure"],
        Tint::Violet => &["violet", "purple"],
    }
}

pub(crate) fn petal(petal: Petal) -> Words {
    match petal {
        Petal::Round => &["round", "oval"],
        Petal::Pointed => &["pointed", "sharp"],
        Petal::Strap => &["narrow", "slender"],
        Petal::Notched => &["notched", "heart-shaped"],
        Petal::Fan => &["broad", "overlapping"],
        Petal::Blade => &["twisted", "propeller-like"],
    }
}

pub(crate) fn eye(eye: Eye) -> Words {
    match eye {
        Eye::Golden => &["golden", "amber"],
        Eye::Dark => &["dark", "brown"],
        Eye::Pale => &["pale", "whitish"],
        Eye::Green => &["green", "greenish"],
    }
}

/// Words for a number of petals.
pub(crate) fn count(petals: usize) -> Words {
    match petals {
        ..=4 => &["four", "4"],
        5 => &["five", "5"],
        6 => &["six", "6"],
        7..=8 => &["eight", "8"],
        9..=12 => &["about ten", "some ten"],
        _ => &["many", "a lot of"],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::clip_class::CLIP_CLASSES;
    use crate::flower_class::FLOWER_CLASSES;

    /// Asserts that the values of a property share no word, and that each has at least two.
    fn assert_disjoint(values: &BTreeSet<Words>) {
        let count: usize = values.iter().map(|words| words.len()).sum();
        let distinct: BTreeSet<&str> = values.iter().flat_map(|words| words.iter().copied()).collect();
        assert_eq!(distinct.len(), count, "{values:?}");
        assert!(values.iter().all(|words| words.len() >= 2), "{values:?}");
    }

    #[test]
    fn no_word_is_used_for_two_values_of_a_property() {
        assert_disjoint(&CLIP_CLASSES.iter().map(|class| hue(class.hue)).collect());
        assert_disjoint(&CLIP_CLASSES.iter().map(|class| shape(class.shape)).collect());
        assert_disjoint(&CLIP_CLASSES.iter().map(|class| texture(class.texture)).collect());
        assert_disjoint(&CLIP_CLASSES.iter().map(|class| motion(class.motion)).collect());
        assert_disjoint(&FLOWER_CLASSES.iter().map(|class| tint(class.tint)).collect());
        assert_disjoint(&FLOWER_CLASSES.iter().map(|class| petal(class.petal)).collect());
        assert_disjoint(&FLOWER_CLASSES.iter().map(|class| eye(class.eye)).collect());
        assert_disjoint(&FLOWER_CLASSES.iter().map(|class| count(class.petals)).collect());
    }

    #[test]
    fn small_numbers_of_petals_are_exact_and_large_ones_approximate() {
        for (petals, digits) in [(4, "4"), (5, "5"), (6, "6"), (8, "8")] {
            assert!(count(petals).contains(&digits), "{petals}");
        }
        assert_eq!(count(9), count(10));
        assert_eq!(count(14), count(20));
        assert_ne!(count(10), count(14));
    }
}
