//! Features of a frame that cuts are found by: the difference from the frame before, and a coarse picture.

/// Width in pixels that frames are analysed at, by leaving out pixels.
const ANALYSIS_WIDTH: usize = 160;

/// Columns and rows of the coarse picture. It is so coarse that moving objects change it little.
const COLUMNS: usize = 8;
const ROWS: usize = 6;

/// Mean red, green and blue of each field of a frame, row by row, from 0 to 255.
pub(super) type CoarsePicture = [f32; COLUMNS * ROWS * 3];

/// Hue, saturation and value of a pixel, each from 0 to 255, hue to 179, as in OpenCV.
type Hsv = [u8; 3];

/// Features of one frame.
#[derive(Clone, Debug)]
pub(super) struct Features {
    /// Mean difference of hue, saturation and value from the frame before, from 0 to 255; 0 for the first frame.
    pub(super) difference: f32,
    pub(super) picture: CoarsePicture,
}

/// Computes the features of consecutive frames.
#[derive(Debug, Default)]
pub(super) struct FeatureReader {
    /// Pixels of the last frame.
    last: Vec<Hsv>,
    pixels: Vec<Hsv>,
}

impl FeatureReader {
    /// Reads a frame of `width` pixels per row: red, green, blue, row by row.
    pub(super) fn read(&mut self, width: u32, rgb: &[u8]) -> Features {
        let width = (width as usize).max(1);
        let step = width.div_ceil(ANALYSIS_WIDTH);
        let rows = rgb.as_chunks::<3>().0.chunks_exact(width);
        let height = rows.len().max(1);
        let mut sums = [0.0_f32; COLUMNS * ROWS * 3];
        let mut counts = [0.0_f32; COLUMNS * ROWS];
        self.pixels.clear();
        for (y, row) in rows.enumerate().step_by(step) {
            for (x, &pixel) in row.iter().enumerate().step_by(step) {
                self.pixels.push(hsv(pixel));
                let field = y * ROWS / height * COLUMNS + x * COLUMNS / width;
                if let (Some(sum), Some(count)) =
                    (sums.get_mut(field * 3..field * 3 + 3), counts.get_mut(field))
                {
                    sum.iter_mut().zip(pixel).for_each(|(sum, channel)| *sum += f32::from(channel));
                    *count += 1.0;
                }
            }
        }
        for (sum, count) in sums.as_chunks_mut::<3>().0.iter_mut().zip(counts) {
            sum.iter_mut().for_each(|sum| *sum /= count.max(1.0));
        }
        let difference = difference(&self.last, &self.pixels);
        std::mem::swap(&mut self.last, &mut self.pixels);
        Features { difference, picture: sums }
    }
}

/// Mean absolute difference of all channels; 0 if there is no frame before.
fn difference(last: &[Hsv], pixels: &[Hsv]) -> f32 {
    if last.len() != pixels.len() || pixels.is_empty() {
        return 0.0;
    }
    let pairs = last.as_flattened().iter().zip(pixels.as_flattened());
    let sum: u64 = pairs.map(|(last, now)| u64::from(last.abs_diff(*now))).sum();
    (sum as f64 / (3 * pixels.len()) as f64) as f32
}

/// Converts a pixel as OpenCV's `COLOR_RGB2HSV` does.
fn hsv([red, green, blue]: [u8; 3]) -> Hsv {
    let (value, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let range = i32::from(value - least);
    if range == 0 {
        return [0, 0, value];
    }
    let [r, g, b] = [red, green, blue].map(i32::from);
    let saturation = (255 * range + i32::from(value) / 2) / i32::from(value);
    // Sixths of the circle are 30 units, each two degrees.
    let (sixth, offset) = if value == red {
        (0, g - b)
    } else if value == green {
        (60, b - r)
    } else {
        (120, r - g)
    };
    let hue = sixth + (f64::from(30 * offset) / f64::from(range)).round() as i32;
    [hue.rem_euclid(180) as u8, saturation as u8, value]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_converted_as_by_opencv() {
        for (rgb, expected) in [
            ([0, 0, 0], [0, 0, 0]),
            ([255, 255, 255], [0, 0, 255]),
            ([255, 0, 0], [0, 255, 255]),
            ([0, 255, 0], [60, 255, 255]),
            ([0, 0, 255], [120, 255, 255]),
            ([255, 0, 255], [150, 255, 255]),
            ([200, 100, 50], [10, 191, 200]),
            ([10, 20, 30], [105, 170, 30]),
        ] {
            assert_eq!(hsv(rgb), expected, "{rgb:?}");
        }
    }

    #[test]
    fn the_difference_is_the_mean_over_all_pixels_and_channels() {
        let mut reader = FeatureReader::default();
        let (black, white) = ([0; 3 * 8 * 6], [255; 3 * 8 * 6]);
        assert_eq!(reader.read(8, &black).difference, 0.0);
        let features = reader.read(8, &white);
        assert_eq!((features.difference, features.picture), (85.0, [255.0; COLUMNS * ROWS * 3]));
        assert_eq!(reader.read(8, &white).difference, 0.0);
        // A frame of another size has nothing to be compared with.
        assert_eq!(reader.read(4, &black[..24]).difference, 0.0);
    }

    #[test]
    fn the_coarse_picture_has_the_mean_of_each_field() {
        let (width, height) = (160_usize, 90_usize);
        let rgb: Vec<u8> = (0..width * height)
            .flat_map(|at| [(at % width * 255 / width) as u8, (at / width * 255 / height) as u8, 7])
            .collect();
        let picture = FeatureReader::default().read(width as u32, &rgb).picture;
        let (first, last) = (&picture[..3], &picture[picture.len() - 3..]);
        assert!(
            first[0] < 17.0 && first[1] < 23.0 && last[0] > 235.0 && last[1] > 230.0,
            "{first:?} {last:?}"
        );
        assert!(picture.chunks(3).all(|field| field[2] == 7.0));
    }
}
