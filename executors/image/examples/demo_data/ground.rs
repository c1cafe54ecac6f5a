//! What clips are drawn on. It says little about the class, a pale figure having dark grounds more often: a descriptor
//! has to look past it.

use crate::canvas::Canvas;
use crate::colour::Colour;
use crate::dice::Dice;
use crate::point::{Point, direction};

/// Which side of a figure's brightness a ground lies on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Lighter,
    Darker,
}

impl Side {
    /// Any side; the one with more room more often, but not so often that it gives the class away.
    fn draw(figure: Colour, dice: &mut Dice) -> Self {
        let percent = (170 - figure.luma()).clamp(20, 80);
        if dice.percent(percent as usize) { Self::Lighter } else { Self::Darker }
    }

    /// A faint colour of any hue on this side, on which `figure` can be seen.
    fn colour(self, figure: Colour, dice: &mut Dice) -> Colour {
        const ROLLS_MAX: usize = 32;
        const LUMA_DIFFERENCE_MIN: i32 = 45;
        let (sign, values, end) = match self {
            Self::Lighter => (1, (0.65, 1.0), Colour::WHITE),
            Self::Darker => (-1, (0.05, 0.4), Colour::BLACK),
        };
        for _ in 0..ROLLS_MAX {
            let (hue, saturation) = (dice.between(0.0, 1.0), dice.between(0.0, 0.2));
            let rolled = Colour::from_hsv(hue, saturation, dice.between(values.0, values.1));
            if (rolled.luma() - figure.luma()) * sign >= LUMA_DIFFERENCE_MIN {
                return rolled;
            }
        }
        figure.mix(end, 0.9)
    }
}

/// A ground for `figure`: of one colour, from one colour to another, or noisy.
pub(crate) fn draw(width: usize, height: usize, figure: Colour, dice: &mut Dice) -> Canvas {
    let side = Side::draw(figure, dice);
    let first = side.colour(figure, dice);
    match dice.below(10) {
        0..4 => Canvas::new(width, height, |_| first),
        4..7 => {
            let second = first.mix(side.colour(figure, dice), 0.7);
            let axis = direction(dice.between(0.0, 1.0));
            let middle = Point::new(width as f64, height as f64) * 0.5;
            let reach = middle.length();
            let share = |point: Point| 0.5 + (point - middle).dot(axis) / (2.0 * reach);
            Canvas::new(width, height, |point| first.mix(second, share(point)))
        }
        _ => {
            let mut noisy = Canvas::new(width, height, |_| first);
            noisy.add_noise(dice.integer(4, 16) as i32, dice);
            noisy
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Purpose;

    #[test]
    fn a_figure_can_be_seen_on_any_ground() {
        for seed in 0..200 {
            let mut dice = Dice::new(seed, Purpose::Clip, 0);
            let figure = Colour::from_hsv(dice.between(0.0, 1.0), 0.9, dice.between(0.5, 1.0));
            let ground = draw(12, 9, figure, &mut dice);
            let apart = |pixel: &Colour| (pixel.luma() - figure.luma()).abs() > 20;
            let visible = ground.pixels().iter().filter(|pixel| apart(pixel)).count();
            assert!(visible * 10 >= ground.pixels().len() * 8, "seed {seed}: {visible}");
        }
    }

    #[test]
    fn grounds_are_plain_graded_and_noisy() {
        let mut kinds = [0_u32; 3];
        for seed in 0..60 {
            let mut dice = Dice::new(seed, Purpose::Clip, 1);
            let ground = draw(40, 40, Colour([200, 0, 0]), &mut dice);
            let steps = ground.pixels().windows(2).map(|pair| pair[0].distance(pair[1]));
            match steps.max().unwrap() {
                0 => kinds[0] += 1,
                _ if ground.pixels()[..20].windows(2).all(|pair| pair[0].distance(pair[1]) < 60) => {
                    kinds[1] += 1
                }
                _ => kinds[2] += 1,
            }
        }
        assert!(kinds.iter().all(|&count| count >= 8), "{kinds:?}");
    }
}
