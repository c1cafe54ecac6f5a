//! Classes of pictures: flowers that differ in number, outline and colour of their petals, and in their eye.

use crate::colour::Colour;
use crate::petal::Petal;

/// Common properties of the flowers of a class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlowerClass {
    /// Name of the class.
    pub(crate) label: &'static str,
    pub(crate) tint: Tint,
    pub(crate) petal: Petal,
    pub(crate) petals: usize,
    /// Largest half width of a petal, relative to its length.
    pub(crate) width: f64,
    pub(crate) eye: Eye,
    /// Radius of the eye, relative to the length of a petal.
    pub(crate) eye_radius: f64,
    /// True if there is a second, smaller ring of petals on the first.
    pub(crate) double: bool,
}

/// The colour of petals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tint {
    White,
    Yellow,
    Pink,
    Red,
    Blue,
    Violet,
}

/// The colour of the centre.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Eye {
    Golden,
    Dark,
    Pale,
    Green,
}

impl Tint {
    /// The colour with its hue changed by `hue` (in turns) and its saturation by the factor 1 + `strength`.
    pub(crate) fn colour(self, hue: f64, strength: f64) -> Colour {
        let (typical_hue, saturation, value) = match self {
            Self::White => (0.12, 0.06, 0.98),
            Self::Yellow => (0.14, 0.85, 0.97),
            Self::Pink => (0.93, 0.42, 0.96),
            Self::Red => (0.99, 0.88, 0.85),
            Self::Blue => (0.61, 0.68, 0.9),
            Self::Violet => (0.76, 0.6, 0.75),
        };
        Colour::from_hsv(typical_hue + hue, (saturation + strength * saturation).clamp(0.0, 1.0), value)
    }
}

impl Eye {
    pub(crate) fn colour(self) -> Colour {
        match self {
            Self::Golden => Colour([240, 190, 40]),
            Self::Dark => Colour([60, 34, 22]),
            Self::Pale => Colour([250, 246, 220]),
            Self::Green => Colour([120, 160, 60]),
        }
    }
}

/// All classes.
pub(crate) const FLOWER_CLASSES: [FlowerClass; 16] = {
    use Petal::*;
    use Tint::*;
    const fn class(
        label: &'static str,
        tint: Tint,
        (petals, petal, width): (usize, Petal, f64),
        (eye, eye_radius): (Eye, f64),
        double: bool,
    ) -> FlowerClass {
        FlowerClass { label, tint, petal, petals, width, eye, eye_radius, double }
    }
    [
        class("daisy", White, (18, Strap, 0.1), (Eye::Golden, 0.27), false),
        class("anemone", White, (6, Round, 0.34), (Eye::Dark, 0.22), false),
        class("dogwood", White, (4, Notched, 0.42), (Eye::Green, 0.15), false),
        class("jasmine", White, (5, Pointed, 0.2), (Eye::Golden, 0.1), false),
        class("sunflower", Yellow, (16, Pointed, 0.13), (Eye::Dark, 0.42), true),
        class("buttercup", Yellow, (5, Fan, 0.5), (Eye::Green, 0.14), false),
        class("celandine", Yellow, (9, Pointed, 0.16), (Eye::Golden, 0.2), false),
        class("poppy", Red, (4, Fan, 0.68), (Eye::Dark, 0.24), false),
        class("gerbera", Red, (20, Strap, 0.09), (Eye::Pale, 0.2), true),
        class("amaryllis", Red, (6, Pointed, 0.3), (Eye::Golden, 0.17), false),
        class("cherry", Pink, (5, Notched, 0.36), (Eye::Pale, 0.13), false),
        class("cosmos", Pink, (8, Notched, 0.24), (Eye::Golden, 0.2), false),
        class("forget-me-not", Blue, (5, Round, 0.4), (Eye::Golden, 0.17), false),
        class("cornflower", Blue, (10, Notched, 0.15), (Eye::Dark, 0.2), true),
        class("periwinkle", Violet, (5, Blade, 0.38), (Eye::Pale, 0.12), false),
        class("aster", Violet, (14, Strap, 0.08), (Eye::Golden, 0.24), false),
    ]
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn labels_are_unique() {
        let labels: BTreeSet<&str> = FLOWER_CLASSES.iter().map(|class| class.label).collect();
        assert_eq!(labels.len(), FLOWER_CLASSES.len());
    }

    #[test]
    fn every_class_shares_its_tint() {
        for class in FLOWER_CLASSES {
            let same = FLOWER_CLASSES.iter().filter(|other| other.tint == class.tint).count();
            assert!(same >= 2, "{}", class.label);
        }
    }

    #[test]
    fn combinations_of_tint_petal_and_number_are_unique() {
        let appearance = |class: &FlowerClass| (class.tint as u8, class.petal as u8, class.petals);
        let appearances: BTreeSet<_> = FLOWER_CLASSES.iter().map(appearance).collect();
        assert_eq!(appearances.len(), FLOWER_CLASSES.len());
    }
}
