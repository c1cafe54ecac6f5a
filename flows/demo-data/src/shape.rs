//! Shapes of the clips' figures, as signed distance functions.
//!
//! Source of the formulas: I. Quilez, "2D distance functions". Distances are exact inside; outside, near a corner, they
//! may be too small, which rounds the corner by a fraction of a pixel.

use crate::point::Point;

/// An upright shape in the unit circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Circle,
    Square,
    Triangle,
    Star,
    Ring,
    Cross,
}

impl Shape {
    /// Name of the shape in the labels of clips.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Square => "square",
            Self::Triangle => "triangle",
            Self::Star => "star",
            Self::Ring => "ring",
            Self::Cross => "cross",
        }
    }

    /// Smallest rotation, in turns, that maps the shape to itself; 1 for round shapes.
    pub(crate) fn period(self) -> f64 {
        match self {
            Self::Circle | Self::Ring => 1.0,
            Self::Square | Self::Cross => 1.0 / 4.0,
            Self::Triangle => 1.0 / 3.0,
            Self::Star => 1.0 / 5.0,
        }
    }

    /// Distance from `point` to the edge, negative inside; both in units of the circumscribed circle's radius.
    pub(crate) fn distance(self, point: Point) -> f64 {
        let (x, y) = (point.x.abs(), point.y.abs());
        match self {
            Self::Circle => point.length() - 1.0,
            Self::Square => x.max(y) - 0.8,
            Self::Triangle => {
                const HALF_SQRT_3: f64 = 0.866_025_403_784_438_6;
                (HALF_SQRT_3 * x - 0.5 * point.y).max(point.y) - 0.5
            }
            Self::Star => star(point),
            Self::Ring => (point.length() - 0.75).abs() - 0.25,
            Self::Cross => (x - 1.0).max(y - 0.33).min((x - 0.33).max(y - 1.0)),
        }
    }
}

/// Distance to the five-pointed star. The plane is folded onto one half of one ray, whose edge is a line.
fn star(point: Point) -> f64 {
    /// Directions of the two folds: 36° below the x axis, to the right and to the left.
    const RIGHT: Point = Point::new(0.809_016_994_374_947_5, -0.587_785_252_292_473_1);
    const LEFT: Point = Point::new(-0.809_016_994_374_947_5, -0.587_785_252_292_473_1);
    /// Distance of the notches between the tips from the centre.
    const NOTCH: f64 = 0.52;
    let mut folded = Point::new(point.x.abs(), -point.y);
    for axis in [RIGHT, LEFT] {
        folded = folded - axis * (2.0 * folded.dot(axis).max(0.0));
    }
    let from_tip = Point::new(folded.x.abs(), folded.y - 1.0);
    let edge = Point::new(-RIGHT.y, RIGHT.x) * NOTCH - Point::new(0.0, 1.0);
    let nearest = edge * (from_tip.dot(edge) / edge.dot(edge)).clamp(0.0, 1.0);
    let outside = from_tip.y * edge.x - from_tip.x * edge.y;
    (from_tip - nearest).length() * if outside < 0.0 { -1.0 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::point::direction;

    const ALL: [Shape; 6] =
        [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Star, Shape::Ring, Shape::Cross];

    #[test]
    fn shapes_contain_the_expected_points() {
        let inside = |shape: Shape, x, y| shape.distance(Point::new(x, y)) < 0.0;
        assert!(inside(Shape::Circle, 0.7, 0.7) && !inside(Shape::Circle, 0.75, 0.75));
        assert!(inside(Shape::Square, 0.75, 0.75) && !inside(Shape::Square, 0.0, 0.9));
        assert!(inside(Shape::Triangle, 0.0, -0.95) && !inside(Shape::Triangle, 0.0, 0.55));
        assert!(inside(Shape::Star, 0.0, -0.95) && !inside(Shape::Star, 0.0, 0.95));
        assert!(inside(Shape::Star, 0.0, 0.0) && !inside(Shape::Star, 0.55, -0.55));
        assert!(inside(Shape::Ring, 0.75, 0.0) && !inside(Shape::Ring, 0.1, 0.1));
        assert!(inside(Shape::Cross, 0.0, 0.9) && !inside(Shape::Cross, 0.6, 0.6));
    }

    proptest! {
        #[test]
        fn shapes_fit_into_the_square_around_the_unit_circle(x in -3.0..3.0_f64, y in -3.0..3.0_f64) {
            for shape in ALL {
                prop_assert!(x.abs().max(y.abs()) < 1.15 || shape.distance(Point::new(x, y)) > 0.0);
            }
        }

        #[test]
        fn distances_change_by_at_most_the_step(
            a in -1.5..1.5_f64,
            b in -1.5..1.5_f64,
            turns in 0.0..1.0_f64,
            step in 0.0..0.5_f64,
        ) {
            let (here, there) = (Point::new(a, b), Point::new(a, b) + direction(turns) * step);
            for shape in ALL {
                prop_assert!((shape.distance(here) - shape.distance(there)).abs() <= step + 1e-6, "{shape:?}");
            }
        }

        #[test]
        fn shapes_are_invariant_under_rotation_by_their_period(x in -1.2..1.2_f64, y in -1.2..1.2_f64) {
            for shape in ALL {
                let turned = Point::new(x, y).along(direction(shape.period()));
                let difference = shape.distance(turned) - shape.distance(Point::new(x, y));
                prop_assert!(difference.abs() < 1e-5, "{shape:?}");
            }
        }
    }
}
