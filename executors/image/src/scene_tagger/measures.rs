//! Brightness, colourfulness and sharpness of a picture.

use image::RgbImage;

/// Weights of red, green and blue in the luma, in thousandths (ITU-R BT.601, as OpenCV converts to grey).
const WEIGHTS: [u32; 3] = [299, 587, 114];
/// Luma of white.
const WHITE: u32 = 255_000;

/// The luma of each pixel, from 0 to [`WHITE`].
pub(super) fn luma(image: &RgbImage) -> Vec<u32> {
    let luma = |pixel: &[u8; 3]| {
        pixel.iter().zip(WEIGHTS).map(|(channel, weight)| u32::from(*channel) * weight).sum()
    };
    image.as_raw().as_chunks::<3>().0.iter().map(luma).collect()
}

/// Mean luma, from 0 to 1.
pub(super) fn brightness(luma: &[u32]) -> f64 {
    let sum: u64 = luma.iter().map(|luma| u64::from(*luma)).sum();
    sum as f64 / (luma.len().max(1) as f64 * f64::from(WHITE))
}

/// Share of the pixels whose luma, from 0 to 1, is below a threshold.
pub(super) fn dark_share(luma: &[u32], threshold: f64) -> f64 {
    let dark = luma.iter().filter(|luma| f64::from(**luma) < threshold * f64::from(WHITE)).count();
    dark as f64 / luma.len().max(1) as f64
}

/// Colourfulness: √(σ²rg + σ²yb) + 0.3 √(μ²rg + μ²yb) of the opponent colours rg = R − G and yb = (R + G) / 2 − B.
///
/// D. Hasler and S. Süsstrunk: Measuring colourfulness in natural images. SPIE 5007, 2003. 0 is grey, 15 slightly, 45 averagely,
/// 82 highly and 109 extremely colourful.
pub(super) fn colorfulness(image: &RgbImage) -> f64 {
    let (mut rg, mut yb) = (Moments::default(), Moments::default());
    for pixel in image.as_raw().as_chunks::<3>().0 {
        let [red, green, blue] = pixel.map(i64::from);
        rg.add(red - green);
        // Twice the difference, an integer.
        yb.add(red + green - 2 * blue);
    }
    let (rg, yb) = ((rg.mean(), rg.variance()), (yb.mean() / 2.0, yb.variance() / 4.0));
    (rg.1 + yb.1).sqrt() + 0.3 * (rg.0 * rg.0 + yb.0 * yb.0).sqrt()
}

/// Sharpness: the variance of the Laplacian of the luma, from 0 to 255 per pixel, with the kernel 0 1 0, 1 −4 1, 0 1 0 over all
/// pixels but those at the border. Blurred pictures have a small one; it depends on the size of the picture.
///
/// J. L. Pech-Pacheco et al.: Diatom autofocusing in brightfield microscopy. ICPR 2000.
pub(super) fn sharpness(luma: &[u32], width: usize) -> f64 {
    let mut moments = Moments::default();
    let rows: Vec<&[u32]> = luma.chunks_exact(width.max(1)).collect();
    for rows in rows.windows(3) {
        let [above, row, below] = rows else { continue };
        let middle = above.iter().zip(*below).skip(1).zip(row.windows(3));
        for ((above, below), row) in middle {
            if let [left, centre, right] = row {
                let around: i64 = [above, below, left, right].into_iter().map(|luma| i64::from(*luma)).sum();
                moments.add(around - 4 * i64::from(*centre));
            }
        }
    }
    // Luma is in thousandths.
    moments.variance() / 1e6
}

/// Mean and variance of integers, without rounding errors of a sum.
#[derive(Default)]
struct Moments {
    count: i64,
    sum: i64,
    squares: i128,
}

impl Moments {
    fn add(&mut self, number: i64) {
        self.count += 1;
        self.sum += number;
        self.squares += i128::from(number * number);
    }

    fn mean(&self) -> f64 {
        self.sum as f64 / self.count.max(1) as f64
    }

    fn variance(&self) -> f64 {
        let count = i128::from(self.count.max(1));
        let scaled = self.squares * count - i128::from(self.sum) * i128::from(self.sum);
        scaled as f64 / (count * count) as f64
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn close(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 1e-9 * expected.abs().max(1.0)
    }

    #[test]
    fn measures_of_plain_pictures_follow_from_their_formulas() {
        for (pixel, brightness_of, colourful) in [
            ([0, 0, 0], 0.0, 0.0),
            ([255, 255, 255], 1.0, 0.0),
            ([255, 0, 0], 0.299, 0.3 * 255.0_f64.hypot(127.5)),
            ([0, 0, 255], 0.114, 0.3 * 255.0),
        ] {
            let image = RgbImage::from_pixel(5, 4, Rgb(pixel));
            let luma = luma(&image);
            assert!(close(brightness(&luma), brightness_of), "{pixel:?}");
            assert!(close(colorfulness(&image), colourful), "{pixel:?}");
            assert!(close(sharpness(&luma, 5), 0.0), "{pixel:?}");
        }
    }

    #[test]
    fn measures_of_patterns_equal_sums_over_their_pixels() {
        let image = RgbImage::from_fn(7, 6, |x, y| {
            Rgb([(x * 31 % 256) as u8, (y * 47 % 256) as u8, (x * y * 13 % 256) as u8])
        });
        let statistics = |numbers: &[f64]| {
            let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
            (mean, numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / numbers.len() as f64)
        };
        let channel = |x: u32, y: u32, channel: usize| f64::from(image.get_pixel(x, y).0[channel]);
        let pixels: Vec<(u32, u32)> = (0..6).flat_map(|y| (0..7).map(move |x| (x, y))).collect();
        let rg: Vec<f64> = pixels.iter().map(|&(x, y)| channel(x, y, 0) - channel(x, y, 1)).collect();
        let yb: Vec<f64> = pixels
            .iter()
            .map(|&(x, y)| (channel(x, y, 0) + channel(x, y, 1)) / 2.0 - channel(x, y, 2))
            .collect();
        let (rg, yb) = (statistics(&rg), statistics(&yb));
        assert!(close(colorfulness(&image), (rg.1 + yb.1).sqrt() + 0.3 * rg.0.hypot(yb.0)));
        let grey =
            |x: u32, y: u32| 0.299 * channel(x, y, 0) + 0.587 * channel(x, y, 1) + 0.114 * channel(x, y, 2);
        let laplacian = |&(x, y): &(u32, u32)| {
            grey(x - 1, y) + grey(x + 1, y) + grey(x, y - 1) + grey(x, y + 1) - 4.0 * grey(x, y)
        };
        let inner = pixels.iter().filter(|(x, y)| (1..6).contains(x) && (1..5).contains(y));
        let expected = statistics(&inner.map(laplacian).collect::<Vec<_>>()).1;
        assert!(close(sharpness(&luma(&image), 7), expected));
    }

    #[test]
    fn pictures_without_an_inside_have_no_sharpness() {
        for (width, height) in [(1, 1), (2, 9), (9, 2)] {
            let image = RgbImage::from_fn(width, height, |x, y| Rgb([(x * 99) as u8, (y * 99) as u8, 0]));
            assert!(close(sharpness(&luma(&image), width as usize), 0.0));
        }
    }
}
