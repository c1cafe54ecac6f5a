//! Points and directions in the plane, in pixels or in units of a figure.
//!
//! Only `+ - * /`, `sqrt` and `floor` are used, whose rounding IEEE 754 defines. The sine of the standard library may
//! differ between systems in its last bit, and would change the bytes of a file.

use std::ops::{Add, Mul, Sub};

/// A point; x points to the right and y downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl Point {
    pub(crate) const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    pub(crate) fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y
    }

    pub(crate) fn length(self) -> f64 {
        self.dot(self).sqrt()
    }

    /// Coordinates of the point in the basis of `axis`, a unit vector: x along the axis, y a quarter turn clockwise
    /// from it.
    pub(crate) fn along(self, axis: Self) -> Self {
        Self::new(self.dot(axis), axis.x * self.y - axis.y * self.x)
    }
}

impl Add for Point {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::new(self.x + other.x, self.y + other.y)
    }
}

impl Sub for Point {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y)
    }
}

impl Mul<f64> for Point {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        Self::new(self.x * factor, self.y * factor)
    }
}

/// The unit vector at an angle of `turns` full turns, clockwise from the right, exact to 1e-7.
pub(crate) fn direction(turns: f64) -> Point {
    let quarters = (turns - turns.floor()) * 4.0;
    let quarter = quarters.floor();
    let angle = (quarters - quarter) * std::f64::consts::FRAC_PI_2;
    let (cosine, sine) = (sine(std::f64::consts::FRAC_PI_2 - angle), sine(angle));
    match quarter as u8 {
        0 => Point::new(cosine, sine),
        1 => Point::new(-sine, cosine),
        2 => Point::new(-cosine, -sine),
        _ => Point::new(sine, -cosine),
    }
}

/// Sine for 0 to π/2 by the Taylor series up to x¹¹.
fn sine(x: f64) -> f64 {
    let y = x * x;
    let tail = -1.0 / 5_040.0 + y * (1.0 / 362_880.0 - y / 39_916_800.0);
    x * (1.0 + y * (-1.0 / 6.0 + y * (1.0 / 120.0 + y * tail)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_direction_is_the_cosine_and_the_sine(turns in -3.0..3.0_f64) {
            let expected = (turns * std::f64::consts::TAU).sin_cos();
            let Point { x, y } = direction(turns);
            prop_assert!((x - expected.1).abs() < 1e-7 && (y - expected.0).abs() < 1e-7);
        }

        #[test]
        fn turning_the_axis_keeps_lengths(turns in 0.0..1.0_f64, x in -9.0..9.0_f64, y in -9.0..9.0_f64) {
            let point = Point::new(x, y);
            prop_assert!((point.along(direction(turns)).length() - point.length()).abs() < 1e-5);
        }
    }

    #[test]
    fn the_axis_is_the_x_axis_of_its_basis() {
        let seen = direction(0.2).along(direction(0.2));
        assert!((seen.x - 1.0).abs() < 1e-6 && seen.y.abs() < 1e-6);
        let quarter_on = direction(0.45).along(direction(0.2));
        assert!(quarter_on.x.abs() < 1e-6 && (quarter_on.y - 1.0).abs() < 1e-6);
    }
}
