//! Outlines of petals, as distances to their edge.

/// The outline of a petal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Petal {
    /// An ellipse.
    Round,
    /// Widest in the middle, with a pointed tip.
    Pointed,
    /// Of constant width, blunt at both ends.
    Strap,
    /// Widest near the tip, with a notch like a heart.
    Notched,
    /// A broad fan that overlaps its neighbours.
    Fan,
    /// Bent to one side like the blade of a propeller.
    Blade,
}

impl Petal {
    /// Distance from a point to the edge, relative to the petal's length; negative inside. `along` is 0 at the flower's
    /// centre and 1 at the tip, `across` is the distance from the axis, and `width` the largest half width.
    pub(crate) fn distance(self, along: f64, across: f64, width: f64) -> f64 {
        let bend = if self == Self::Blade { 0.7 * width * (along - 0.3) } else { 0.0 };
        let aside = (across - bend).abs();
        // A notch shortens the petal near its axis only.
        let notch = if self == Self::Notched { 0.22 * (1.0 - aside / (0.35 * width)).max(0.0) } else { 0.0 };
        let position = along + notch;
        let beyond = (-along).max(position - 1.0);
        (aside - width * self.half_width(position)).max(beyond)
    }

    /// Half width at `position` on the axis, relative to the largest.
    fn half_width(self, position: f64) -> f64 {
        let position = position.clamp(0.0, 1.0);
        let arc = |middle: f64, radius: f64| {
            let away = (position - middle) / radius;
            (1.0 - away * away).max(0.0).sqrt()
        };
        match self {
            Self::Round => arc(0.5, 0.5),
            Self::Pointed => 4.0 * position * (1.0 - position),
            Self::Strap => (8.0 * position).min(9.0 * (1.0 - position)).min(1.0),
            Self::Notched => {
                if position < 0.65 {
                    (position / 0.65).sqrt()
                } else {
                    arc(0.65, 0.38)
                }
            }
            Self::Fan => {
                if position < 0.7 {
                    position / 0.7
                } else {
                    arc(0.7, 0.3)
                }
            }
            Self::Blade => {
                if position < 0.75 {
                    (position / 0.75).sqrt()
                } else {
                    4.0 * (1.0 - position)
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
    fn tips_have_the_form_of_their_name() {
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
