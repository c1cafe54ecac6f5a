//! Minimal descriptors of a frame, to judge the difficulty of the set. The library has better ones.

use image::RgbImage;

/// Side of the frames that are compared, in pixels.
pub(super) const SIDE: usize = 96;

/// A frame of `SIDE` × `SIDE` pixels as floats from 0 to 1: red, green, blue of each pixel.
pub(super) struct Frame(Vec<[f32; 3]>);

impl Frame {
    /// Resizes a picture; each pixel is the mean of 2 × 2 samples.
    pub(super) fn new(picture: &RgbImage) -> Self {
        let sample = |position: usize, side: u32| (position as u32 * side) / (2 * SIDE as u32);
        let colour = |x: usize, y: usize| {
            let samples = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(right, down)| {
                let (x, y) = (sample(2 * x + right, picture.width()), sample(2 * y + down, picture.height()));
                picture.get_pixel(x, y).0
            });
            [0, 1, 2]
                .map(|channel| samples.iter().map(|s| f32::from(s[channel])).sum::<f32>() / (4.0 * 255.0))
        };
        Self((0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (x, y))).map(|(x, y)| colour(x, y)).collect())
    }

    /// Mean colours of a grid of `cells` × `cells`.
    pub(super) fn colours(&self, cells: usize) -> Vec<f32> {
        let cell = SIDE / cells;
        let mut means = vec![0.0; 3 * cells * cells];
        for (position, pixel) in self.0.iter().enumerate() {
            let start = 3 * (position / SIDE / cell * cells + position % SIDE / cell);
            for (mean, channel) in means[start..start + 3].iter_mut().zip(pixel) {
                *mean += channel / (cell * cell) as f32;
            }
        }
        means
    }

    /// Histograms of gradient directions in cells of `cell` pixels, normalised over blocks of 2 × 2 cells
    /// (N. Dalal and B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005).
    pub(super) fn gradients(&self, cell: usize) -> Vec<f32> {
        const BINS: usize = 9;
        let cells = SIDE / cell;
        let luma: Vec<f32> = self.0.iter().map(|[r, g, b]| 0.299 * r + 0.587 * g + 0.114 * b).collect();
        let mut histograms = vec![[0.0_f32; BINS]; cells * cells];
        for (y, x) in (1..SIDE - 1).flat_map(|y| (1..SIDE - 1).map(move |x| (y, x))) {
            let luma_at = |y: usize, x: usize| luma[y * SIDE + x];
            let (across, down) =
                (luma_at(y, x + 1) - luma_at(y, x - 1), luma_at(y + 1, x) - luma_at(y - 1, x));
            let turn = down.atan2(across) / std::f32::consts::PI;
            let position = (turn - turn.floor()) * BINS as f32;
            let (bin, share) = (position as usize % BINS, position.fract());
            let strength = across.hypot(down) / (cell * cell) as f32;
            let histogram = &mut histograms[y / cell * cells + x / cell];
            histogram[bin] += strength * (1.0 - share);
            histogram[(bin + 1) % BINS] += strength * share;
        }
        let corners = (0..cells - 1).flat_map(|row| (0..cells - 1).map(move |column| row * cells + column));
        let block = |corner: usize| {
            let parts = [corner, corner + 1, corner + cells, corner + cells + 1];
            let block: Vec<f32> = parts.iter().flat_map(|&part| histograms[part]).collect();
            let length = block.iter().map(|x| x * x).sum::<f32>() + 0.05_f32.powi(2);
            block.into_iter().map(move |x| x / length.sqrt())
        };
        corners.flat_map(block).collect()
    }
}

/// Scales a vector to length 1.
pub(super) fn unit(vector: Vec<f32>) -> Vec<f32> {
    let length = distance(&vector, &vec![0.0; vector.len()]).max(1e-9);
    vector.into_iter().map(|x| x / length).collect()
}

/// Euclidean distance.
pub(super) fn distance(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| (one - other) * (one - other)).sum::<f32>().sqrt()
}
