//! One clip as it is meant to be seen: a ground and frames on it. How it is written as a GIF is not decided here.

use crate::canvas::{Canvas, coverage};
use crate::clip_class::ClipClass;
use crate::colour::Colour;
use crate::dice::Dice;
use crate::ground;
use crate::motion::{Ink, Stage, Stamp};
use crate::point::{Point, direction};

/// The bounds of the sides of a clip, in pixels.
pub(crate) const SIDE_PIXELS: (usize, usize) = (48, 200);

/// A ground and the frames drawn on it, all of one size.
#[derive(Clone, Debug)]
pub(crate) struct Clip {
    /// What is behind the figure.
    pub(crate) ground: Canvas,
    /// At least one.
    pub(crate) frames: Vec<Canvas>,
    /// Whether the ground's pixels are the same in every frame.
    pub(crate) steady: bool,
}

/// The colours and the pattern of one clip's figure.
struct Look {
    class: ClipClass,
    first: Colour,
    second: Colour,
    pitch: f64,
}

impl Clip {
    /// A clip of that class. Everything but the class is left to chance.
    pub(crate) fn draw(class: ClipClass, dice: &mut Dice) -> Self {
        let first = class.hue.colour(dice);
        let look = Look {
            class,
            first,
            second: first.contrasting(dice.between(0.65, 0.85)),
            pitch: dice.between(0.66, 0.78),
        };
        let (width, height) = size(dice);
        let stage = stage(width, height, dice);
        let ground = ground::draw(width, height, first, dice);
        let count = dice.integer(6, 16);
        let (start, rounds) = (dice.between(0.0, 1.0), dice.between(0.8, 1.3));
        let shimmer = if dice.percent(12) { dice.integer(2, 6) } else { 0 };
        let frame = |number: usize| {
            let phase = start + rounds * number as f64 / count as f64;
            let mut canvas = ground.clone();
            for stamp in class.motion.stamps(class.shape, &stage, phase) {
                look.paint(&stamp, &mut canvas);
            }
            if shimmer > 0 {
                canvas.add_noise(shimmer as i32, dice);
            }
            canvas
        };
        let frames = (0..count).map(frame).collect();
        Self { ground, frames, steady: shimmer == 0 }
    }
}

/// A width and a height, small ones more often; the ratio stays between 4:5 and 5:4.
fn size(dice: &mut Dice) -> (usize, usize) {
    let (shortest, longest) = SIDE_PIXELS;
    let long = dice.integer(shortest, longest).min(dice.integer(shortest, longest));
    let short = if dice.percent(30) { long } else { (long * dice.integer(80, 100) / 100).max(shortest) };
    if dice.percent(50) { (long, short) } else { (short, long) }
}

/// Where the figure moves: near the middle, a little larger or smaller, a little askew.
fn stage(width: usize, height: usize, dice: &mut Dice) -> Stage {
    let size = Point::new(width as f64, height as f64);
    let middle = |side: f64, dice: &mut Dice| side * dice.between(0.48, 0.52);
    Stage {
        size,
        home: Point::new(middle(size.x, dice), middle(size.y, dice)),
        radius: size.x.min(size.y) * dice.between(0.3, 0.33),
        turn: dice.between(-0.02, 0.02),
    }
}

impl Look {
    /// Draws one figure.
    fn paint(&self, stamp: &Stamp, canvas: &mut Canvas) {
        let axis = direction(stamp.turn);
        let radius = stamp.radii.x.min(stamp.radii.y);
        let reach = 1.2 * stamp.radii.x.max(stamp.radii.y) + 2.0;
        canvas.paint(stamp.centre, reach, |pixel| {
            let seen = (pixel - stamp.centre).along(axis);
            let unit = Point::new(seen.x / stamp.radii.x, seen.y / stamp.radii.y);
            let distance = stamp.shape.distance(unit) * radius;
            match stamp.ink {
                Ink::Filled(opacity) => (self.colour(unit, 1.5 / radius), opacity * coverage(distance)),
                Ink::Outline => (self.first, coverage(distance.abs() - 0.04 * radius - 0.5)),
                Ink::Shadow => (Colour::BLACK, 0.45 * coverage(distance)),
            }
        });
    }

    /// The colour of the texture at a point of the unit figure, its edges `softness` wide.
    fn colour(&self, unit: Point, softness: f64) -> Colour {
        let share = self.class.texture.share(unit, self.pitch, softness);
        if share > 0.0 { self.first.mix(self.second, share) } else { self.first }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clip_class::CLIP_CLASSES;
    use crate::dice::Purpose;
    use crate::motion::Motion;
    use crate::texture::Texture;

    proptest! {
        #[test]
        fn sides_and_their_ratio_stay_within_bounds(seed: u64) {
            let (width, height) = size(&mut Dice::new(seed, Purpose::Clip, 0));
            for side in [width, height] {
                prop_assert!((SIDE_PIXELS.0..=SIDE_PIXELS.1).contains(&side));
            }
            prop_assert!(5 * width.min(height) + 5 > 4 * width.max(height), "{width} x {height}");
        }
    }

    #[test]
    fn a_clip_shows_its_figure_moving_on_its_ground() {
        for (number, class) in (0..).zip(CLIP_CLASSES) {
            let clip = Clip::draw(class, &mut Dice::new(5, Purpose::Clip, number));
            assert!((6..=16).contains(&clip.frames.len()));
            assert!(clip.frames.windows(2).any(|pair| pair[0] != pair[1]), "{}", class.label());
            for frame in &clip.frames {
                assert_eq!((frame.width(), frame.height()), (clip.ground.width(), clip.ground.height()));
                let pairs = frame.pixels().iter().zip(clip.ground.pixels());
                let drawn = pairs.filter(|(pixel, ground)| pixel.distance(**ground) > 2000).count();
                assert!(drawn * 50 > frame.pixels().len(), "{} shows nothing", class.label());
            }
        }
    }

    #[test]
    fn clips_of_a_class_differ() {
        let draw = |index| Clip::draw(CLIP_CLASSES[0], &mut Dice::new(5, Purpose::Clip, index));
        assert_ne!(draw(0).frames, draw(1).frames);
        assert_eq!(draw(2).frames, draw(2).frames);
    }

    /// The clips of each class, a few, and their classes.
    fn clips() -> impl Iterator<Item = (ClipClass, Clip)> {
        let draw = |(index, class)| (class, Clip::draw(class, &mut Dice::new(6, Purpose::Clip, index)));
        (0..).zip(CLIP_CLASSES.into_iter().cycle().take(72)).map(draw)
    }

    #[test]
    fn a_steady_clip_keeps_its_ground_and_another_flickers() {
        let mut unsteady = 0;
        for (_, clip) in clips() {
            let corner = |canvas: &Canvas| canvas.pixels()[canvas.width() - 1];
            let kept = clip.frames.iter().filter(|frame| corner(frame) == corner(&clip.ground)).count();
            assert!(!clip.steady || kept == clip.frames.len());
            unsteady += u32::from(!clip.steady);
        }
        assert!((2..=20).contains(&unsteady), "{unsteady}");
    }

    #[test]
    fn a_textured_figure_shows_two_colours_and_a_plain_one_shows_one() {
        for (class, clip) in clips().filter(|(class, clip)| clip.steady && class.motion == Motion::Rotates) {
            // Far from the ground, and far from each other.
            let pixels =
                || clip.frames.iter().flat_map(|frame| frame.pixels().iter().zip(clip.ground.pixels()));
            let drawn: Vec<i32> =
                pixels().filter(|(pixel, ground)| pixel != ground).map(|(pixel, _)| pixel.luma()).collect();
            let mean = drawn.iter().sum::<i32>() / drawn.len() as i32;
            let away = drawn.iter().filter(|&&luma| (luma - mean).abs() > 30).count();
            let textured = class.texture != Texture::Plain;
            assert_eq!(3 * away > drawn.len(), textured, "{} {away} {}", class.label(), drawn.len());
        }
    }
}
