//! How a figure moves, told as the figures that one frame shows: slides leave a trail, an orbit shows its path.
//!
//! Every motion can be recognised in most single frames, as far as it tells two classes apart: descriptors look at
//! frames one by one.

use crate::point::{Point, direction};
use crate::shape::Shape;

/// A movement that repeats.
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

/// Where a movement takes place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    /// Width and height in pixels.
    pub(crate) size: Point,
    /// The middle of the movement, in pixels.
    pub(crate) home: Point,
    /// The radius of the figure in pixels.
    pub(crate) radius: f64,
    /// How the figure stands, in turns.
    pub(crate) turn: f64,
}

/// One figure in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stamp {
    pub(crate) shape: Shape,
    pub(crate) centre: Point,
    /// Half width and half height in pixels.
    pub(crate) radii: Point,
    /// In turns, clockwise.
    pub(crate) turn: f64,
    pub(crate) ink: Ink,
}

/// How a figure is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ink {
    /// Filled with its texture, this opaque (0 to 1).
    Filled(f64),
    /// Its edge alone.
    Outline,
    /// A dark spot.
    Shadow,
}

impl Motion {
    /// The word for it in a label.
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

    /// The figures at `phase` of the movement, which repeats at every whole number; the farthest first.
    pub(crate) fn stamps(self, shape: Shape, stage: &Stage, phase: f64) -> Vec<Stamp> {
        let phase = phase - phase.floor();
        let filled = Stamp {
            shape,
            centre: stage.home,
            radii: Point::new(stage.radius, stage.radius),
            turn: stage.turn,
            ink: Ink::Filled(1.0),
        };
        match self {
            Self::SlidesLeft => slide(filled, stage, Point::new(-1.0, 0.0), phase),
            Self::SlidesRight => slide(filled, stage, Point::new(1.0, 0.0), phase),
            Self::SlidesUp => slide(filled, stage, Point::new(0.0, -1.0), phase),
            Self::SlidesDown => slide(filled, stage, Point::new(0.0, 1.0), phase),
            Self::Rotates => vec![Stamp { turn: stage.turn + phase * shape.period(), ..filled }],
            Self::Grows => grow(filled, phase),
            Self::Bounces => bounce(filled, stage, phase),
            Self::Blinks => {
                let ink = if phase < 0.5 { Ink::Filled(1.0) } else { Ink::Outline };
                vec![Stamp { ink, ..filled }]
            }
            Self::Orbits => orbit(filled, phase),
        }
    }
}

/// From one side of the stage to the other, with a fading trail.
fn slide(figure: Stamp, stage: &Stage, way: Point, phase: f64) -> Vec<Stamp> {
    let run = Point::new(way.x * stage.size.x, way.y * stage.size.y);
    let head = figure.centre + run * (0.55 * (phase - 0.5));
    let ghost = |(steps, opacity): (f64, f64)| Stamp {
        centre: head - way * (steps * 0.42 * stage.radius),
        ink: Ink::Filled(opacity),
        ..figure
    };
    [(4.0, 0.16), (3.0, 0.26), (2.0, 0.38), (1.0, 0.55), (0.0, 1.0)].map(ghost).to_vec()
}

/// From small to large inside its final outline.
fn grow(figure: Stamp, phase: f64) -> Vec<Stamp> {
    let scaled = |factor: f64, ink| Stamp { radii: figure.radii * factor, ink, ..figure };
    vec![scaled(1.3, Ink::Outline), scaled(0.4 + 0.75 * phase, Ink::Filled(1.0))]
}

/// Up and down on the floor, flattened when it lands; its shadow stays below.
fn bounce(figure: Stamp, stage: &Stage, phase: f64) -> Vec<Stamp> {
    let height = 4.0 * phase * (1.0 - phase);
    let squash = 1.0 + 0.35 * (1.0 - 3.0 * height).max(0.0);
    let radii = Point::new(stage.radius * 0.85 * squash, stage.radius * 0.85 / squash);
    let floor = 0.9 * stage.size.y;
    let travel = (floor - 2.3 * stage.radius).max(0.0);
    let centre = Point::new(figure.centre.x, floor - radii.y - travel * height);
    let spot = Point::new(stage.radius * (1.3 - 0.5 * height), 0.1 * stage.size.y);
    let shadow = Stamp {
        shape: Shape::Circle,
        centre: Point::new(centre.x, floor),
        radii: spot,
        turn: 0.0,
        ink: Ink::Shadow,
    };
    vec![shadow, Stamp { centre, radii, ..figure }]
}

/// Small, round a path that is drawn as a line.
fn orbit(figure: Stamp, phase: f64) -> Vec<Stamp> {
    let path = Stamp { shape: Shape::Circle, radii: figure.radii * 0.95, ink: Ink::Outline, ..figure };
    let centre = figure.centre + direction(phase) * (0.95 * figure.radii.x);
    vec![path, Stamp { centre, radii: figure.radii * 0.66, ..figure }]
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
        Stage { size: Point::new(100.0, 80.0), home: Point::new(52.0, 39.0), radius: 20.0, turn: 0.0 }
    }

    /// The figure itself: what is drawn last.
    fn figure(motion: Motion, phase: f64) -> Stamp {
        *motion.stamps(Shape::Star, &stage(), phase).last().unwrap()
    }

    #[test]
    fn a_slide_goes_its_way_and_its_trail_lies_behind() {
        for (motion, way) in [
            (Motion::SlidesLeft, Point::new(-1.0, 0.0)),
            (Motion::SlidesRight, Point::new(1.0, 0.0)),
            (Motion::SlidesUp, Point::new(0.0, -1.0)),
            (Motion::SlidesDown, Point::new(0.0, 1.0)),
        ] {
            let moved = figure(motion, 0.75).centre - figure(motion, 0.25).centre;
            assert!(moved.dot(way) > 20.0 && moved.along(way).y.abs() < 1e-9, "{motion:?}");
            let stamps = motion.stamps(Shape::Star, &stage(), 0.5);
            for pair in stamps.windows(2) {
                assert!((pair[1].centre - pair[0].centre).dot(way) > 0.0, "{motion:?}");
            }
        }
    }

    #[test]
    fn motions_change_what_they_say() {
        assert!(figure(Motion::Grows, 0.9).radii.x > 2.0 * figure(Motion::Grows, 0.0).radii.x);
        assert!(figure(Motion::Rotates, 0.5).turn - figure(Motion::Rotates, 0.0).turn > 0.09);
        assert!(figure(Motion::Bounces, 0.5).centre.y < figure(Motion::Bounces, 0.0).centre.y - 10.0);
        assert!(figure(Motion::Bounces, 0.0).radii.x > 1.5 * figure(Motion::Bounces, 0.0).radii.y);
        assert_eq!(
            (figure(Motion::Blinks, 0.1).ink, figure(Motion::Blinks, 0.6).ink),
            (Ink::Filled(1.0), Ink::Outline)
        );
        let around = [0.0, 0.25, 0.5, 0.75].map(|phase| figure(Motion::Orbits, phase).centre);
        assert!(around.iter().all(|&centre| ((centre - stage().home).length() - 19.0).abs() < 1e-3));
        assert!((around[0] - around[2]).length() > 37.0);
    }

    proptest! {
        #[test]
        fn a_movement_repeats_at_whole_numbers(phase in 0.0..1.0_f64, times in -3..4_i32) {
            for motion in ALL {
                let now = motion.stamps(Shape::Cross, &stage(), phase);
                let later = motion.stamps(Shape::Cross, &stage(), phase + f64::from(times));
                for (now, later) in now.iter().zip(&later) {
                    let way = (now.centre - later.centre).length() + (now.radii - later.radii).length();
                    prop_assert!(way < 1e-3 || phase < 1e-9, "{motion:?}");
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
