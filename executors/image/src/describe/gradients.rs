//! Which way edges run, and where: histograms of oriented gradients (Dalal and Triggs 2005).
//!
//! Cells of 8 × 8 pixels, 9 orientations of half a turn, votes shared between neighbouring cells and orientations,
//! blocks of 2 × 2 cells brought to length 1, cut off at 0.2 and brought to length 1 again. Of each pixel the channel
//! with the strongest gradient counts.

use super::SIDE;

/// Pixels of a side of a cell.
const CELL: usize = 8;

/// Cells in a row, and rows of them.
const CELLS: usize = SIDE / CELL;

/// Orientations.
const BINS: usize = 9;

/// Blocks in a row, and rows of them: every 2 × 2 cells that touch.
const BLOCKS: usize = CELLS - 1;

/// How many numbers describe an image.
pub(super) const NUMBERS: usize = BLOCKS * BLOCKS * 4 * BINS;

/// What a block counts at least, in steps of a byte: keeps the noise of blank areas small.
const FAINT: f32 = 25.5;

/// The most that one orientation may count in a block.
const SHARE_MAX: f32 = 0.2;

/// The same as [`FAINT`] behind the cut.
const FAINT_SHARE: f32 = 0.1;

/// The votes of a cell.
type Histogram = [f32; BINS];

/// The blocks of an image of [`SIDE`] × [`SIDE`] pixels, row by row; of each block its four cells.
pub(super) fn gradients(pixels: &[[u8; 3]]) -> Vec<f32> {
    let cells = histograms(pixels);
    let cell = |row: usize, column: usize| cells.get(row * CELLS + column).copied().unwrap_or_default();
    let mut numbers = Vec::with_capacity(NUMBERS);
    for row in 0..BLOCKS {
        for column in 0..BLOCKS {
            let corners = [(0, 0), (0, 1), (1, 0), (1, 1)];
            let mut block = corners.map(|(down, right)| cell(row + down, column + right));
            let votes = block.as_flattened_mut();
            normalize(votes, FAINT);
            votes.iter_mut().for_each(|vote| *vote = vote.min(SHARE_MAX));
            normalize(votes, FAINT_SHARE);
            numbers.extend_from_slice(votes);
        }
    }
    numbers
}

fn normalize(votes: &mut [f32], faint: f32) {
    let length = (votes.iter().map(|vote| vote * vote).sum::<f32>() + faint * faint).sqrt();
    votes.iter_mut().for_each(|vote| *vote /= length);
}

/// The votes of every cell, row by row.
fn histograms(pixels: &[[u8; 3]]) -> [Histogram; CELLS * CELLS] {
    let mut cells = [[0.0; BINS]; CELLS * CELLS];
    let lines: Vec<&[[u8; 3]]> = pixels.chunks_exact(SIDE).collect();
    for (y, line) in lines.iter().enumerate() {
        let above = y.checked_sub(1).and_then(|y| lines.get(y)).unwrap_or(line);
        let below = lines.get(y + 1).unwrap_or(line);
        for (x, ((here, up), down)) in line.iter().zip(*above).zip(*below).enumerate() {
            let left = x.checked_sub(1).and_then(|x| line.get(x)).unwrap_or(here);
            let right = line.get(x + 1).unwrap_or(here);
            let (dx, dy) = strongest(left, right, up, down);
            vote(&mut cells, (x, y), (dx, dy));
        }
    }
    cells
}

/// The strongest gradient among the channels: right minus left, below minus above.
fn strongest(left: &[u8; 3], right: &[u8; 3], up: &[u8; 3], down: &[u8; 3]) -> (f32, f32) {
    let step = |from: u8, to: u8| i32::from(to) - i32::from(from);
    let horizontal = left.iter().zip(right).map(|(&left, &right)| step(left, right));
    let vertical = up.iter().zip(down).map(|(&up, &down)| step(up, down));
    let (dx, dy) = horizontal.zip(vertical).max_by_key(|(dx, dy)| dx * dx + dy * dy).unwrap_or_default();
    (dx as f32, dy as f32)
}

/// Adds the vote of a pixel to the cells and orientations around it, in proportion to how near they are.
fn vote(cells: &mut [Histogram], (x, y): (usize, usize), (dx, dy): (f32, f32)) {
    let strength = (dx * dx + dy * dy).sqrt();
    if strength == 0.0 {
        return;
    }
    let position = half_turns(dx, dy) * BINS as f32 + BINS as f32 - 0.5;
    let (bin, share) = (position as usize, position.fract());
    for (row, down) in around(y) {
        for (column, across) in around(x) {
            if row.max(column) >= CELLS {
                continue;
            }
            let Some(cell) = cells.get_mut(row * CELLS + column) else { continue };
            for (bin, share) in [(bin, 1.0 - share), (bin + 1, share)] {
                if let Some(votes) = cell.get_mut(bin % BINS) {
                    *votes += strength * down * across * share;
                }
            }
        }
    }
}

/// The two cells whose centres lie around a pixel, and how near each is; a cell outside of the image is numbered past
/// the last one.
fn around(pixel: usize) -> [(usize, f32); 2] {
    // Counted from the centre of a cell that would lie before the first.
    let position = (pixel + CELL / 2) as f32 + 0.5;
    let (cell, share) = ((pixel + CELL / 2) / CELL, (position / CELL as f32).fract());
    [(cell.wrapping_sub(1), 1.0 - share), (cell, share)]
}

/// The direction of a gradient from 0 to 1 half-turns, both ends being the same. The arc tangent is that of
/// Abramowitz and Stegun, 4.4.49, right to 0.00001 of a turn and the same on every machine.
fn half_turns(dx: f32, dy: f32) -> f32 {
    let (dx, dy) = if dy < 0.0 { (-dx, -dy) } else { (dx, dy) };
    let (run, steep) = (dx.abs(), dy > dx.abs());
    let ratio = if steep { run / dy } else { dy / run };
    let square = ratio * ratio;
    let radians = ratio
        * (0.999_866
            + square * (-0.330_299_5 + square * (0.180_141 + square * (-0.085_133 + square * 0.020_835_1))));
    let acute = radians * std::f32::consts::FRAC_1_PI;
    let upright = if steep { 0.5 - acute } else { acute };
    if dx < 0.0 { 1.0 - upright } else { upright }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_agree_with_the_arc_tangent() {
        for (dx, dy) in (-9..=9).flat_map(|dx| (-9..=9).map(move |dy| (dx as f32, dy as f32))) {
            if (dx, dy) != (0.0, 0.0) {
                let expected = (dy.atan2(dx) / std::f32::consts::PI).rem_euclid(1.0);
                let difference = (half_turns(dx, dy) - expected).abs();
                assert!(difference.min(1.0 - difference) < 1e-5, "{dx} {dy}: {difference}");
            }
        }
    }

    #[test]
    fn the_shares_of_a_pixel_add_up_to_one() {
        for pixel in 0..SIDE {
            let [(before, near), (after, far)] = around(pixel);
            assert!((near + far - 1.0).abs() < 1e-6 && after == before.wrapping_add(1), "{pixel}");
        }
        assert_eq!(around(3)[1], (0, 0.9375));
        assert_eq!(around(4), [(0, 0.9375), (1, 0.0625)]);
    }

    /// An image that is dark left of or above its middle and light beyond.
    fn edge(horizontal: bool) -> Vec<[u8; 3]> {
        let light = |at: usize| [if at < SIDE / 2 { 50 } else { 200 }; 3];
        (0..SIDE * SIDE).map(|pixel| light(if horizontal { pixel / SIDE } else { pixel % SIDE })).collect()
    }

    #[test]
    fn an_edge_votes_for_its_own_direction_alone() {
        // Nine orientations, the first around 10 degrees: a vertical edge (0 degrees) lies between the last and the
        // first, a horizontal one (90 degrees) in the middle one.
        for (horizontal, expected) in [(false, [0.5, 0.0, 0.5]), (true, [0.0, 1.0, 0.0])] {
            let mut sums = [0.0; BINS];
            for cell in histograms(&edge(horizontal)) {
                sums.iter_mut().zip(cell).for_each(|(sum, votes)| *sum += votes);
            }
            let total: f32 = sums.iter().sum();
            for (bin, share) in [0, 4, 8].into_iter().zip(expected) {
                assert!((sums[bin] / total - share).abs() < 1e-3, "{horizontal}: {sums:?}");
            }
        }
    }

    #[test]
    fn a_blank_image_votes_for_nothing() {
        assert!(gradients(&[[7; 3]; SIDE * SIDE]).iter().all(|&number| number == 0.0));
    }
}
