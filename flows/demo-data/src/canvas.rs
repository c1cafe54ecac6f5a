//! Opaque drawing surface of pictures and frames.

use crate::colour::Colour;
use crate::point::Point;
use crate::seeded_rng::SeededRng;

/// Rows of pixels, top to bottom, left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Canvas {
    width: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    /// Creates a canvas; `shade` returns the colour of each pixel for the pixel's centre.
    pub(crate) fn new(width: usize, height: usize, mut shade: impl FnMut(Point) -> Colour) -> Self {
        let middles = (0..height).flat_map(|row| (0..width).map(move |column| middle(column, row)));
        Self { width, pixels: middles.map(&mut shade).collect() }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn height(&self) -> usize {
        self.pixels.len() / self.width.max(1)
    }

    pub(crate) fn pixels(&self) -> &[Colour] {
        &self.pixels
    }

    /// The pixels as bytes: red, green, blue, row by row.
    pub(crate) fn to_rgb(&self) -> Vec<u8> {
        self.pixels.iter().flat_map(|pixel| pixel.0).collect()
    }

    /// Blends colour over the pixels within `reach` of `centre` (in x and in y). `shade` returns the colour and its
    /// opacity, 0 to 1, for the centre of a pixel.
    pub(crate) fn paint(&mut self, centre: Point, reach: f64, mut shade: impl FnMut(Point) -> (Colour, f64)) {
        let span =
            |middle: f64| ((middle - reach).max(0.0) as usize, (middle + reach + 1.0).max(0.0) as usize);
        let ((left, right), (top, bottom)) = (span(centre.x), span(centre.y));
        let rows = self.pixels.chunks_exact_mut(self.width.max(1)).enumerate();
        for (row, pixels) in rows.take(bottom).skip(top) {
            for (column, pixel) in pixels.iter_mut().enumerate().take(right).skip(left) {
                let (colour, share) = shade(middle(column, row));
                if share > 0.0 {
                    *pixel = pixel.mix(colour, share.min(1.0));
                }
            }
        }
    }

    /// Adds noise: makes every pixel randomly brighter or darker by at most `amplitude`.
    pub(crate) fn add_noise(&mut self, amplitude: i32, rng: &mut SeededRng) {
        for pixel in &mut self.pixels {
            *pixel = pixel.raised(rng.grain() * amplitude / 255);
        }
    }

    /// Mirrors the canvas left to right.
    pub(crate) fn mirror(&mut self) {
        self.pixels.chunks_exact_mut(self.width.max(1)).for_each(<[Colour]>::reverse);
    }
}

fn middle(column: usize, row: usize) -> Point {
    Point::new(column as f64 + 0.5, row as f64 + 0.5)
}

/// Coverage of a pixel, 0 to 1, by a shape whose edge is `distance` pixels away; negative distances are inside.
pub(crate) fn coverage(distance: f64) -> f64 {
    (0.5 - distance).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seeded_rng::Purpose;

    fn painted(width: usize, height: usize, centre: Point, reach: f64) -> usize {
        let mut canvas = Canvas::new(width, height, |_| Colour::WHITE);
        canvas.paint(centre, reach, |_| (Colour::BLACK, 1.0));
        canvas.pixels().iter().filter(|&&pixel| pixel == Colour::BLACK).count()
    }

    #[test]
    fn paint_is_clipped_to_the_canvas() {
        assert_eq!(painted(4, 3, Point::new(2.0, 1.5), 9.0), 12);
        assert_eq!(painted(4, 3, Point::new(-9.0, 1.5), 2.0), 0);
        assert_eq!(painted(4, 3, Point::new(2.0, 99.0), 2.0), 0);
        assert_eq!(painted(9, 9, Point::new(4.5, 4.5), 0.4), 1);
    }

    #[test]
    fn a_disc_covers_its_area() {
        let mut canvas = Canvas::new(60, 50, |_| Colour::BLACK);
        let centre = Point::new(29.3, 24.8);
        canvas.paint(centre, 21.0, |point| (Colour::WHITE, coverage((point - centre).length() - 20.0)));
        let white: f64 = canvas.pixels().iter().map(|pixel| f64::from(pixel.0[0]) / 255.0).sum();
        let area = std::f64::consts::PI * 400.0;
        assert!((white - area).abs() < 0.01 * area, "{white} {area}");
    }

    proptest! {
        #[test]
        fn mirroring_twice_changes_nothing(width in 1..9_usize, height in 1..9_usize, seed: u64) {
            let mut canvas = Canvas::new(width, height, |_| Colour([128; 3]));
            canvas.add_noise(40, &mut SeededRng::new(seed, Purpose::Picture, 0));
            prop_assert!(canvas.pixels().iter().all(|pixel| pixel.0[0].abs_diff(128) <= 40));
            let mut mirrored = canvas.clone();
            mirrored.mirror();
            prop_assert!(canvas.pixels()[..width].iter().rev().eq(&mirrored.pixels()[..width]));
            mirrored.mirror();
            prop_assert_eq!(&mirrored, &canvas);
            prop_assert_eq!((canvas.width(), canvas.height()), (width, height));
            prop_assert_eq!(canvas.to_rgb().len(), 3 * width * height);
        }
    }
}
