//! Backgrounds of clips. They are nearly independent of the class (pale figures have dark backgrounds more often), so
//! that a descriptor must not rely on them.

use crate::canvas::Canvas;
use crate::colour::Colour;
use crate::point::{Point, direction};
use crate::seeded_rng::SeededRng;

/// Brightness of a background relative to its figure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Lighter,
    Darker,
}

impl Side {
    /// Random; the side with the larger range of brightness is more frequent, but not so much that it reveals the
    /// class.
    fn draw(figure: Colour, rng: &mut SeededRng) -> Self {
        let percent = (170 - figure.luma()).clamp(20, 80);
        if rng.percent(percent as usize) { Self::Lighter } else { Self::Darker }
    }

    /// A pale colour of any hue on this side, with enough contrast to `figure`.
    fn colour(self, figure: Colour, rng: &mut SeededRng) -> Colour {
        const ATTEMPTS_MAX: usize = 32;
        const LUMA_DIFFERENCE_MIN: i32 = 45;
        let (sign, values, end) = match self {
            Self::Lighter => (1, (0.65, 1.0), Colour::WHITE),
            Self::Darker => (-1, (0.05, 0.4), Colour::BLACK),
        };
        for _ in 0..ATTEMPTS_MAX {
            let (hue, saturation) = (rng.between(0.0, 1.0), rng.between(0.0, 0.2));
            let colour = Colour::from_hsv(hue, saturation, rng.between(values.0, values.1));
            if (colour.luma() - figure.luma()) * sign >= LUMA_DIFFERENCE_MIN {
                return colour;
            }
        }
        figure.mix(end, 0.9)
    }
}

/// Draws a background for `figure`: uniform, a gradient, or noisy.
pub(crate) fn draw(width: usize, height: usize, figure: Colour, rng: &mut SeededRng) -> Canvas {
    let side = Side::draw(figure, rng);
    let first = side.colour(figure, rng);
    match rng.below(10) {
        0..4 => Canvas::new(width, height, |_| first),
        4..7 => {
            let second = first.mix(side.colour(figure, rng), 0.7);
            let axis = direction(rng.between(0.0, 1.0));
            let middle = Point::new(width as f64, height as f64) * 0.5;
            let reach = middle.length();
            let share = |point: Point| 0.5 + (point - middle).dot(axis) / (2.0 * reach);
            Canvas::new(width, height, |point| first.mix(second, share(point)))
        }
        _ => {
            let mut noisy = Canvas::new(width, height, |_| first);
            noisy.add_noise(rng.integer(4, 16) as i32, rng);
            noisy
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded_rng::Purpose;

    #[test]
    fn figures_are_visible_on_every_background() {
        for seed in 0..200 {
            let mut rng = SeededRng::new(seed, Purpose::Clip, 0);
            let figure = Colour::from_hsv(rng.between(0.0, 1.0), 0.9, rng.between(0.5, 1.0));
            let background = draw(12, 9, figure, &mut rng);
            let apart = |pixel: &Colour| (pixel.luma() - figure.luma()).abs() > 20;
            let visible = background.pixels().iter().filter(|pixel| apart(pixel)).count();
            assert!(visible * 10 >= background.pixels().len() * 8, "seed {seed}: {visible}");
        }
    }

    #[test]
    fn backgrounds_are_uniform_gradients_or_noisy() {
        let mut kinds = [0_u32; 3];
        for seed in 0..60 {
            let mut rng = SeededRng::new(seed, Purpose::Clip, 1);
            let background = draw(40, 40, Colour([200, 0, 0]), &mut rng);
            let steps = background.pixels().windows(2).map(|pair| pair[0].distance(pair[1]));
            match steps.max().unwrap() {
                0 => kinds[0] += 1,
                _ if background.pixels()[..20].windows(2).all(|pair| pair[0].distance(pair[1]) < 60) => {
                    kinds[1] += 1
                }
                _ => kinds[2] += 1,
            }
        }
        assert!(kinds.iter().all(|&count| count >= 8), "{kinds:?}");
    }
}
