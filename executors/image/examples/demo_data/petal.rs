//! The leaves that a flower is made of: outlines along an axis, as distances to their edge.

/// The outline of a petal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Petal {
    /// An ellipse.
    Round,
    /// Widest in the middle, a point at the tip.
    Pointed,
    /// Of one width, blunt at both ends.
    Strap,
    /// Widest near the tip, with a cut in it like a heart.
    Notched,
    /// A broad fan that overlaps its neighbours.
    Fan,
    /// Bent to one side like the blade of a propeller.
    Blade,
}

impl Petal {
    /// The distance from a point to the edge, negative inside, in the petal's length. `along` runs from 0 at the
    /// flower's middle to 1 at the tip, `across` from the axis to the side, `width` is the greatest half width.
    pub(crate) fn distance(self, along: f64, across: f64, width: f64) -> f64 {
        let bend = if self == Self::Blade { 0.7 * width * (along - 0.3) } else { 0.0 };
        let aside = (across - bend).abs();
        // A cut moves the tip towards the middle on the axis, and nowhere else.
        let cut = if self == Self::Notched { 0.22 * (1.0 - aside / (0.35 * width)).max(0.0) } else { 0.0 };
        let place = along + cut;
        let beyond = (-along).max(place - 1.0);
        (aside - width * self.half_width(place)).max(beyond)
    }

    /// The half width at `place` of the axis, as a part of the greatest.
    fn half_width(self, place: f64) -> f64 {
        let place = place.clamp(0.0, 1.0);
        let arc = |middle: f64, radius: f64| {
            let away = (place - middle) / radius;
            (1.0 - away * away).max(0.0).sqrt()
        };
        match self {
            Self::Round => arc(0.5, 0.5),
            Self::Pointed => 4.0 * place * (1.0 - place),
            Self::Strap => (8.0 * place).min(9.0 * (1.0 - place)).min(1.0),
            Self::Notched => {
                if place < 0.65 {
                    (place / 0.65).sqrt()
                } else {
                    arc(0.65, 0.38)
                }
            }
            Self::Fan => {
                if place < 0.7 {
                    place / 0.7
                } else {
                    arc(0.7, 0.3)
                }
            }
            Self::Blade => {
                if place < 0.75 {
                    (place / 0.75).sqrt()
                } else {
                    4.0 * (1.0 - place)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Petal; 6] =
        [Petal::Round, Petal::Pointed, Petal::Strap, Petal::Notched, Petal::Fan, Petal::Blade];

    #[test]
    fn petals_have_their_tips() {
        let inside = |petal: Petal, along, across| petal.distance(along, across, 0.3) < 0.0;
        assert!(inside(Petal::Strap, 0.85, 0.25) && !inside(Petal::Pointed, 0.85, 0.25));
        assert!(!inside(Petal::Notched, 0.95, 0.0) && inside(Petal::Notched, 0.95, 0.12));
        assert!(inside(Petal::Round, 0.95, 0.0) && inside(Petal::Fan, 0.8, 0.27));
        assert!(inside(Petal::Blade, 0.7, 0.3) && !inside(Petal::Blade, 0.7, -0.3));
    }

    proptest! {
        #[test]
        fn a_petal_stays_within_its_box(along in -1.0..2.0_f64, across in -1.0..1.0_f64, width in 0.05..0.6_f64) {
            for petal in ALL {
                let inside = petal.distance(along, across, width) < 0.0;
                let boxed = (0.0..=1.0).contains(&along) && across.abs() <= 1.5 * width;
                prop_assert!(!inside || boxed, "{petal:?}");
                prop_assert!(petal.distance(0.5, 0.2 * width * 0.7, width) < 0.0, "{petal:?} is hollow");
            }
        }
    }
}
