//! Draws a clip: a background and frames on it. The GIF encoding is chosen in [`gif_style`](crate::gif_style).

use crate::background;
use crate::canvas::{Canvas, coverage};
use crate::clip_class::ClipClass;
use crate::colour::Colour;
use crate::motion::{Figure, Ink, Stage};
use crate::point::{Point, direction};
use crate::seeded_rng::SeededRng;

/// Shortest and longest side of a clip, in pixels.
pub(crate) const SIDE_PIXELS: (usize, usize) = (48, 200);

/// A background and the frames drawn on it, all of the same size.
#[derive(Clone, Debug)]
pub(crate) struct Clip {
    /// The background without the figure.
    pub(crate) background: Canvas,
    /// Frames in order, at least one.
    pub(crate) frames: Vec<Canvas>,
    /// True if the background's pixels are the same in every frame.
    pub(crate) static_background: bool,
}

/// Colours and texture of a clip's figure.
struct FigureStyle {
    class: ClipClass,
    first: Colour,
    second: Colour,
    pitch: f64,
}

impl Clip {
    /// Draws a clip of a class. Everything except the class is random.
    pub(crate) fn draw(class: ClipClass, rng: &mut SeededRng) -> Self {
        let first = class.hue.colour(rng);
        let figure_style = FigureStyle {
            class,
            first,
            second: first.contrasting(rng.between(0.65, 0.85)),
            pitch: rng.between(0.66, 0.78),
        };
        let (width, height) = size(rng);
        let stage = stage(width, height, rng);
        let background = background::draw(width, height, first, rng);
        let count = rng.integer(6, 16);
        let (start, rounds) = (rng.between(0.0, 1.0), rng.between(0.8, 1.3));
        let shimmer = if rng.percent(12) { rng.integer(2, 6) } else { 0 };
        let frame = |number: usize| {
            let phase = start + rounds * number as f64 / count as f64;
            let mut canvas = background.clone();
            for figure in class.motion.figures(class.shape, &stage, phase) {
                figure_style.paint(&figure, &mut canvas);
            }
            if shimmer > 0 {
                canvas.add_noise(shimmer as i32, rng);
            }
            canvas
        };
        let frames = (0..count).map(frame).collect();
        Self { background, frames, static_background: shimmer == 0 }
    }
}

/// A random width and height, small ones more often; the ratio is between 4:5 and 5:4.
fn size(rng: &mut SeededRng) -> (usize, usize) {
    let (shortest, longest) = SIDE_PIXELS;
    let long = rng.integer(shortest, longest).min(rng.integer(shortest, longest));
    let short = if rng.percent(30) { long } else { (long * rng.integer(80, 100) / 100).max(shortest) };
    if rng.percent(50) { (long, short) } else { (short, long) }
}

/// The area of the movement: roughly centred, with random variation of size and rotation.
fn stage(width: usize, height: usize, rng: &mut SeededRng) -> Stage {
    let size = Point::new(width as f64, height as f64);
    let middle = |side: f64, rng: &mut SeededRng| side * rng.between(0.48, 0.52);
    Stage {
        size,
        centre: Point::new(middle(size.x, rng), middle(size.y, rng)),
        radius: size.x.min(size.y) * rng.between(0.3, 0.33),
        turn: rng.between(-0.02, 0.02),
    }
}

impl FigureStyle {
    /// Draws a figure.
    fn paint(&self, figure: &Figure, canvas: &mut Canvas) {
        let axis = direction(figure.turn);
        let radius = figure.radii.x.min(figure.radii.y);
        let reach = 1.2 * figure.radii.x.max(figure.radii.y) + 2.0;
        canvas.paint(figure.centre, reach, |pixel| {
            let seen = (pixel - figure.centre).along(axis);
            let unit = Point::new(seen.x / figure.radii.x, seen.y / figure.radii.y);
            let distance = figure.shape.distance(unit) * radius;
            match figure.ink {
                Ink::Filled(opacity) => (self.colour(unit, 1.5 / radius), opacity * coverage(distance)),
                Ink::Outline => (self.first, coverage(distance.abs() - 0.04 * radius - 0.5)),
                Ink::Shadow => (Colour::BLACK, 0.45 * coverage(distance)),
            }
        });
    }

    /// Colour of the texture at a point of the unit figure. Edges are `softness` wide.
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
    use crate::motion::Motion;
    use crate::seeded_rng::Purpose;
    use crate::texture::Texture;

    proptest! {
        #[test]
        fn sides_and_their_ratio_stay_within_bounds(seed: u64) {
            let (width, height) = size(&mut SeededRng::new(seed, Purpose::Clip, 0));
            for side in [width, height] {
                prop_assert!((SIDE_PIXELS.0..=SIDE_PIXELS.1).contains(&side));
            }
            prop_assert!(5 * width.min(height) + 5 > 4 * width.max(height), "{width} x {height}");
        }
    }

    #[test]
    fn a_clip_shows_its_figure_moving_on_its_background() {
        for (number, class) in (0..).zip(CLIP_CLASSES) {
            let clip = Clip::draw(class, &mut SeededRng::new(5, Purpose::Clip, number));
            assert!((6..=16).contains(&clip.frames.len()));
            assert!(clip.frames.windows(2).any(|pair| pair[0] != pair[1]), "{}", class.label());
            for frame in &clip.frames {
                assert_eq!(
                    (frame.width(), frame.height()),
                    (clip.background.width(), clip.background.height())
                );
                let pairs = frame.pixels().iter().zip(clip.background.pixels());
                let drawn = pairs.filter(|(pixel, background)| pixel.distance(**background) > 2000).count();
                assert!(drawn * 50 > frame.pixels().len(), "{} shows nothing", class.label());
            }
        }
    }

    #[test]
    fn clips_of_a_class_differ() {
        let draw = |index| Clip::draw(CLIP_CLASSES[0], &mut SeededRng::new(5, Purpose::Clip, index));
        assert_ne!(draw(0).frames, draw(1).frames);
        assert_eq!(draw(2).frames, draw(2).frames);
    }

    /// Three clips of each class, with their classes.
    fn clips() -> impl Iterator<Item = (ClipClass, Clip)> {
        let draw = |(index, class)| (class, Clip::draw(class, &mut SeededRng::new(6, Purpose::Clip, index)));
        (0..).zip(CLIP_CLASSES.into_iter().cycle().take(72)).map(draw)
    }

    #[test]
    fn only_static_backgrounds_are_equal_in_every_frame() {
        let mut flickering = 0;
        for (_, clip) in clips() {
            let corner = |canvas: &Canvas| canvas.pixels()[canvas.width() - 1];
            let kept = clip.frames.iter().filter(|frame| corner(frame) == corner(&clip.background)).count();
            assert!(!clip.static_background || kept == clip.frames.len());
            flickering += u32::from(!clip.static_background);
        }
        assert!((2..=20).contains(&flickering), "{flickering}");
    }

    #[test]
    fn a_textured_figure_shows_two_colours_and_a_plain_one_shows_one() {
        for (class, clip) in
            clips().filter(|(class, clip)| clip.static_background && class.motion == Motion::Rotates)
        {
            // Pixels that differ from the background, and their distance from the mean.
            let pixels =
                || clip.frames.iter().flat_map(|frame| frame.pixels().iter().zip(clip.background.pixels()));
            let drawn: Vec<i32> = pixels()
                .filter(|(pixel, background)| pixel != background)
                .map(|(pixel, _)| pixel.luma())
                .collect();
            let mean = drawn.iter().sum::<i32>() / drawn.len() as i32;
            let away = drawn.iter().filter(|&&luma| (luma - mean).abs() > 30).count();
            let textured = class.texture != Texture::Plain;
            assert_eq!(3 * away > drawn.len(), textured, "{} {away} {}", class.label(), drawn.len());
        }
    }
}
