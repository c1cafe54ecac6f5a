//! Colour layout of an image, after the MPEG-7 descriptor (ISO/IEC 15938-3, 8.5; Kasutani and Yamada 2001).
//!
//! The image is reduced to 8 × 8 mean colours, converted to luma and chroma, and transformed to frequencies (DCT), low
//! ones first. MPEG-7 keeps 12 to 64 quantised numbers; this descriptor keeps 64 of luma and 30 of each chroma without
//! rounding.

use super::input::SIDE;

/// Number of mean colours per row and per column.
const GRID: usize = 8;

/// Side in pixels of the block of one mean colour.
const BLOCK: usize = SIDE / GRID;

/// Number of frequencies that are kept of luma, blue chroma and red chroma.
const KEPT: [usize; 3] = [64, 30, 30];

/// Length of the colour layout.
pub(super) const NUMBERS: usize = 64 + 30 + 30;

/// Weight of the mean of a channel against its other frequencies. It is below 1, because the lighting of a scene varies
/// more than its content.
const MEAN_WEIGHT: f32 = 0.5;

/// A channel of the mean colours, or its frequencies, row by row.
type Plane = [[f32; GRID]; GRID];

/// Computes the colour layout of an image of [`SIDE`] × [`SIDE`] pixels: frequencies of luma, blue chroma and red
/// chroma, each in zigzag order.
pub(super) fn colour_layout(pixels: &[[u8; 3]]) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(NUMBERS);
    let order = zigzag();
    for (plane, kept) in planes(pixels).iter().zip(KEPT) {
        let frequencies = transform(plane);
        let frequency = |&(row, column): &(usize, usize)| frequencies.get(row)?.get(column).copied();
        let first = numbers.len();
        numbers.extend(order.iter().filter_map(frequency).take(kept));
        numbers.iter_mut().skip(first).take(1).for_each(|mean| *mean *= MEAN_WEIGHT);
    }
    numbers
}

/// Mean luma, blue chroma and red chroma of every block (ITU-R BT.601, full range as in JFIF), all centred on 0.
fn planes(pixels: &[[u8; 3]]) -> [Plane; 3] {
    let mut planes = [[[0.0; GRID]; GRID]; 3];
    let [luma, blue_chroma, red_chroma] = &mut planes;
    let rows = luma.iter_mut().zip(blue_chroma).zip(red_chroma);
    for (((luma, blue_chroma), red_chroma), band) in rows.zip(pixels.chunks_exact(SIDE * BLOCK)) {
        let mut sums = [[0_u32; 3]; GRID];
        for line in band.chunks_exact(SIDE) {
            for (sum, block) in sums.iter_mut().zip(line.chunks_exact(BLOCK)) {
                for pixel in block {
                    sum.iter_mut().zip(pixel).for_each(|(sum, &channel)| *sum += u32::from(channel));
                }
            }
        }
        let cells = luma.iter_mut().zip(blue_chroma).zip(red_chroma);
        for (((luma, blue_chroma), red_chroma), sum) in cells.zip(sums) {
            let [red, green, blue] = sum.map(|sum| sum as f32 / (BLOCK * BLOCK) as f32);
            *luma = 0.299 * red + 0.587 * green + 0.114 * blue - 128.0;
            *blue_chroma = -0.168_736 * red - 0.331_264 * green + 0.5 * blue;
            *red_chroma = 0.5 * red - 0.418_688 * green - 0.081_312 * blue;
        }
    }
    planes
}

/// The orthonormal two-dimensional discrete cosine transform of type II.
fn transform(plane: &Plane) -> Plane {
    transposed(&rows_transformed(&transposed(&rows_transformed(plane))))
}

fn rows_transformed(plane: &Plane) -> Plane {
    let wave = |frequency: usize, position: usize| {
        let scale = if frequency == 0 { cosine(4) } else { 1.0 };
        0.5 * scale * cosine((2 * position + 1) * frequency)
    };
    plane.map(|row| {
        std::array::from_fn(|frequency| {
            row.iter().enumerate().map(|(position, value)| value * wave(frequency, position)).sum()
        })
    })
}

fn transposed(plane: &Plane) -> Plane {
    let value = |row: usize, column: usize| plane.get(row).and_then(|row| row.get(column)).copied();
    std::array::from_fn(|row| std::array::from_fn(|column| value(column, row).unwrap_or_default()))
}

/// cos(π · `sixteenths` / 16), from a table, because the result must be the same on every machine.
fn cosine(sixteenths: usize) -> f32 {
    const QUARTER: [f32; 9] = [
        1.0,
        0.980_785_3,
        0.923_879_5,
        0.831_469_6,
        0.707_106_77,
        0.555_570_24,
        0.382_683_43,
        0.195_090_32,
        0.0,
    ];
    let within_turn = sixteenths % 32;
    let half = within_turn.min(32 - within_turn);
    let (quarter, sign) = if half > 8 { (16 - half, -1.0) } else { (half, 1.0) };
    sign * QUARTER.get(quarter).copied().unwrap_or_default()
}

/// Row and column of every frequency, from low to high in zigzag order.
fn zigzag() -> Vec<(usize, usize)> {
    let mut positions: Vec<(usize, usize)> =
        (0..GRID).flat_map(|row| (0..GRID).map(move |column| (row, column))).collect();
    positions.sort_by_key(|&(row, column)| {
        let diagonal = row + column;
        (diagonal, if diagonal % 2 == 1 { row } else { column })
    });
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_cosines() {
        for sixteenths in 0..100 {
            let expected = (f64::from(sixteenths) * std::f64::consts::PI / 16.0).cos();
            assert!((f64::from(cosine(sixteenths as usize)) - expected).abs() < 1e-7, "{sixteenths}");
        }
    }

    #[test]
    fn zigzag_visits_every_frequency_diagonal_by_diagonal() {
        let order = zigzag();
        assert_eq!(order[..6], [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2)]);
        assert_eq!((order.len(), order[63]), (64, (7, 7)));
    }

    #[test]
    fn the_transform_preserves_lengths_and_isolates_waves() {
        let mut wave: Plane = Default::default();
        for row in &mut wave {
            *row = std::array::from_fn(|position| cosine((2 * position + 1) * 3));
        }
        let frequencies = transform(&wave);
        let length = |plane: &Plane| plane.iter().flatten().map(|value| value * value).sum::<f32>();
        assert!((length(&frequencies) - length(&wave)).abs() < 1e-4);
        assert!((frequencies[0][3] * frequencies[0][3] - length(&wave)).abs() < 1e-4);
    }

    #[test]
    fn a_uniform_image_has_only_the_mean_frequency() {
        let numbers = colour_layout(&[[255, 0, 0]; SIDE * SIDE]);
        assert_eq!(numbers.len(), NUMBERS);
        // Eight times the mean times its weight: luma 0.299 · 255 - 128, chroma -0.168736 · 255 and 0.5 · 255.
        for (first, mean) in [(0, -51.755), (64, -43.028), (94, 127.5)] {
            assert!((numbers[first] - 8.0 * MEAN_WEIGHT * mean).abs() < 0.01, "{}", numbers[first]);
            assert!(numbers[first + 1..first + 30].iter().all(|number| number.abs() < 1e-3));
        }
    }
}
