//! Motions of a figure, as the figures that a frame shows: slides have a trail, an orbit shows its path.
//!
//! Where two classes differ only in motion, most single frames identify it, because descriptors process frames one by
//! one.

use crate::point::{Point, direction};
use crate::shape::Shape;

/// A periodic motion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Motion {
    SlidesLeft,
    SlidesRight,
    SlidesUp,
    SlidesDown,
    Rotates,
    Grows,
    Bounces,
    Blinks,
    Orbits,
}

/// The area of a motion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    /// Width and height in pixels.
    pub(crate) size: Point,
    /// Centre of the motion, in pixels.
    pub(crate) centre: Point,
    /// Radius of the figure in pixels.
    pub(crate) radius: f64,
    /// Rotation of the figure, in turns.
    pub(crate) turn: f64,
}

/// A figure in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) shape: Shape,
    pub(crate) centre: Point,
    /// Half width and half height in pixels.
    pub(crate) radii: Point,
    /// Rotation in turns, clockwise.
    pub(crate) turn: f64,
    pub(crate) ink: Ink,
}

/// Drawing mode of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ink {
    /// Filled with its texture, with the given opacity (0 to 1).
    Filled(f64),
    /// Only the edge.
    Outline,
    /// A dark, translucent spot.
    Shadow,
}

impl Motion {
    /// Name in labels.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SlidesLeft => "slides-left",
            Self::SlidesRight => "slides-right",
            Self::SlidesUp => "slides-up",
            Self::SlidesDown => "slides-down",
            Self::Rotates => "rotates",
            Self::Grows => "grows",
            Self::Bounces => "bounces",
            Self::Blinks => "blinks",
            Self::Orbits => "orbits",
        }
    }

    /// The figures at `phase`, with a period of 1, in drawing order.
    pub(crate) fn figures(self, shape: Shape, stage: &Stage, phase: f64) -> Vec<Figure> {
        let phase = phase - phase.floor();
        let filled = Figure {
            shape,
            centre: stage.centre,
            radii: Point::new(stage.radius, stage.radius),
            turn: stage.turn,
            ink: Ink::Filled(1.0),
        };
        match self {
            Self::SlidesLeft => slide(filled, stage, Point::new(-1.0, 0.0), phase),
            Self::SlidesRight => slide(filled, stage, Point::new(1.0, 0.0), phase),
            Self::SlidesUp => slide(filled, stage, Point::new(0.0, -1.0), phase),
            Self::SlidesDown => slide(filled, stage, Point::new(0.0, 1.0), phase),
            Self::Rotates => vec![Figure { turn: stage.turn + phase * shape.period(), ..filled }],
            Self::Grows => grow(filled, phase),
            Self::Bounces => bounce(filled, stage, phase),
            Self::Blinks => {
                let ink = if phase < 0.5 { Ink::Filled(1.0) } else { Ink::Outline };
                vec![Figure { ink, ..filled }]
            }
            Self::Orbits => orbit(filled, phase),
        }
    }
}

/// Motion from one side of the stage to the other, with a fading trail.
fn slide(figure: Figure, stage: &Stage, direction: Point, phase: f64) -> Vec<Figure> {
    let run = Point::new(direction.x * stage.size.x, direction.y * stage.size.y);
    let head = figure.centre + run * (0.55 * (phase - 0.5));
    let ghost = |(steps, opacity): (f64, f64)| Figure {
        centre: head - direction * (steps * 0.42 * stage.radius),
        ink: Ink::Filled(opacity),
        ..figure
    };
    [(4.0, 0.16), (3.0, 0.26), (2.0, 0.38), (1.0, 0.55), (0.0, 1.0)].map(ghost).to_vec()
}

/// Growth from small to large inside the final outline.
fn grow(figure: Figure, phase: f64) -> Vec<Figure> {
    let scaled = |factor: f64, ink| Figure { radii: figure.radii * factor, ink, ..figure };
    vec![scaled(1.3, Ink::Outline), scaled(0.4 + 0.75 * phase, Ink::Filled(1.0))]
}

/// Bouncing on the floor; the figure is flattened when it lands, and its shadow stays on the floor.
fn bounce(figure: Figure, stage: &Stage, phase: f64) -> Vec<Figure> {
    let height = 4.0 * phase * (1.0 - phase);
    let squash = 1.0 + 0.35 * (1.0 - 3.0 * height).max(0.0);
    let radii = Point::new(stage.radius * 0.85 * squash, stage.radius * 0.85 / squash);
    let floor = 0.9 * stage.size.y;
    let travel = (floor - 2.3 * stage.radius).max(0.0);
    let centre = Point::new(figure.centre.x, floor - radii.y - travel * height);
    let spot = Point::new(stage.radius * (1.3 - 0.5 * height), 0.1 * stage.size.y);
    let shadow = Figure {
        shape: Shape::Circle,
        centre: Point::new(centre.x, floor),
        radii: spot,
        turn: 0.0,
        ink: Ink::Shadow,
    };
    vec![shadow, Figure { centre, radii, ..figure }]
}

/// Motion of a small figure around a circle, which is drawn as a line.
fn orbit(figure: Figure, phase: f64) -> Vec<Figure> {
    let path = Figure { shape: Shape::Circle, radii: figure.radii * 0.95, ink: Ink::Outline, ..figure };
    let centre = figure.centre + direction(phase) * (0.95 * figure.radii.x);
    vec![path, Figure { centre, radii: figure.radii * 0.66, ..figure }]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Motion; 9] = [
        Motion::SlidesLeft,
        Motion::SlidesRight,
        Motion::SlidesUp,
        Motion::SlidesDown,
        Motion::Rotates,
        Motion::Grows,
        Motion::Bounces,
        Motion::Blinks,
        Motion::Orbits,
    ];

    fn stage() -> Stage {
        Stage { size: Point::new(100.0, 80.0), centre: Point::new(52.0, 39.0), radius: 20.0, turn: 0.0 }
    }

    /// The figure itself, which is drawn last.
    fn figure(motion: Motion, phase: f64) -> Figure {
        *motion.figures(Shape::Star, &stage(), phase).last().unwrap()
    }

    #[test]
    fn a_slide_moves_in_its_direction_and_leaves_a_trail() {
        for (motion, direction) in [
            (Motion::SlidesLeft, Point::new(-1.0, 0.0)),
            (Motion::SlidesRight, Point::new(1.0, 0.0)),
            (Motion::SlidesUp, Point::new(0.0, -1.0)),
            (Motion::SlidesDown, Point::new(0.0, 1.0)),
        ] {
            let moved = figure(motion, 0.75).centre - figure(motion, 0.25).centre;
            assert!(moved.dot(direction) > 20.0 && moved.along(direction).y.abs() < 1e-9, "{motion:?}");
            let figures = motion.figures(Shape::Star, &stage(), 0.5);
            for pair in figures.windows(2) {
                assert!((pair[1].centre - pair[0].centre).dot(direction) > 0.0, "{motion:?}");
            }
        }
    }

    #[test]
    fn motions_change_the_property_of_their_name() {
        assert!(figure(Motion::Grows, 0.9).radii.x > 2.0 * figure(Motion::Grows, 0.0).radii.x);
        assert!(figure(Motion::Rotates, 0.5).turn - figure(Motion::Rotates, 0.0).turn > 0.09);
        assert!(figure(Motion::Bounces, 0.5).centre.y < figure(Motion::Bounces, 0.0).centre.y - 10.0);
        assert!(figure(Motion::Bounces, 0.0).radii.x > 1.5 * figure(Motion::Bounces, 0.0).radii.y);
        assert_eq!(
            (figure(Motion::Blinks, 0.1).ink, figure(Motion::Blinks, 0.6).ink),
            (Ink::Filled(1.0), Ink::Outline)
        );
        let around = [0.0, 0.25, 0.5, 0.75].map(|phase| figure(Motion::Orbits, phase).centre);
        assert!(around.iter().all(|&centre| ((centre - stage().centre).length() - 19.0).abs() < 1e-3));
        assert!((around[0] - around[2]).length() > 37.0);
    }

    proptest! {
        #[test]
        fn motions_have_a_period_of_1(phase in 0.0..1.0_f64, times in -3..4_i32) {
            for motion in ALL {
                let now = motion.figures(Shape::Cross, &stage(), phase);
                let later = motion.figures(Shape::Cross, &stage(), phase + f64::from(times));
                for (now, later) in now.iter().zip(&later) {
                    let difference =
                        (now.centre - later.centre).length() + (now.radii - later.radii).length();
                    prop_assert!(difference < 1e-3 || phase < 1e-9, "{motion:?}");
                }
            }
        }

        #[test]
        fn most_of_the_figure_stays_on_the_stage(phase in 0.0..1.0_f64) {
            for motion in ALL {
                let Point { x, y } = figure(motion, phase).centre;
                prop_assert!((5.0..=95.0).contains(&x) && (5.0..=75.0).contains(&y), "{motion:?} {x} {y}");
            }
        }
    }
}
