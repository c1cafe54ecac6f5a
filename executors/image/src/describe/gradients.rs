//! Histograms of oriented gradients (HOG; Dalal and Triggs 2005): direction and position of edges.
//!
//! Cells of 8 × 8 pixels have histograms of 9 orientations over half a turn, with votes shared between neighbouring
//! cells and orientations. Blocks of 2 × 2 cells are scaled to Euclidean norm 1, clipped at 0.2 and scaled again (L2-Hys).
//! Each pixel votes with its channel of the strongest gradient.

use super::input::SIDE;

/// Side of a cell in pixels.
const CELL: usize = 8;

/// Number of cells per row and per column.
const CELLS: usize = SIDE / CELL;

/// Number of orientations.
const BINS: usize = 9;

/// Number of blocks per row and per column. Blocks overlap: every 2 × 2 adjacent cells are one.
const BLOCKS: usize = CELLS - 1;

/// Number of values that [`gradients`] returns.
pub(super) const NUMBERS: usize = BLOCKS * BLOCKS * 4 * BINS;

/// Regularisation of the norm of a block before clipping, in byte values: keeps the noise of blank areas small.
const EPSILON: f32 = 25.5;

/// Upper bound of an orientation in a block of norm 1.
const CLIP: f32 = 0.2;

/// Regularisation of the norm of a block after clipping.
const EPSILON_AFTER_CLIPPING: f32 = 0.1;

/// Votes of a cell by orientation.
type Histogram = [f32; BINS];

/// Computes the histograms of an image of [`SIDE`] × [`SIDE`] pixels: blocks row by row, each with its four cells.
pub(super) fn gradients(pixels: &[[u8; 3]]) -> Vec<f32> {
    let cells = histograms(pixels);
    let cell = |row: usize, column: usize| cells.get(row * CELLS + column).copied().unwrap_or_default();
    let mut numbers = Vec::with_capacity(NUMBERS);
    for row in 0..BLOCKS {
        for column in 0..BLOCKS {
            let corners = [(0, 0), (0, 1), (1, 0), (1, 1)];
            let mut block = corners.map(|(down, right)| cell(row + down, column + right));
            let votes = block.as_flattened_mut();
            normalize(votes, EPSILON);
            votes.iter_mut().for_each(|vote| *vote = vote.min(CLIP));
            normalize(votes, EPSILON_AFTER_CLIPPING);
            numbers.extend_from_slice(votes);
        }
    }
    numbers
}

/// Divides a block by its Euclidean norm, regularised by `epsilon`.
fn normalize(votes: &mut [f32], epsilon: f32) {
    let norm = (votes.iter().map(|vote| vote * vote).sum::<f32>() + epsilon * epsilon).sqrt();
    votes.iter_mut().for_each(|vote| *vote /= norm);
}

/// Histograms of all cells, row by row.
fn histograms(pixels: &[[u8; 3]]) -> [Histogram; CELLS * CELLS] {
    let mut cells = [[0.0; BINS]; CELLS * CELLS];
    let lines: Vec<&[[u8; 3]]> = pixels.chunks_exact(SIDE).collect();
    for (y, line) in lines.iter().enumerate() {
        let above = y.checked_sub(1).and_then(|y| lines.get(y)).unwrap_or(line);
        let below = lines.get(y + 1).unwrap_or(line);
        for (x, ((here, up), down)) in line.iter().zip(*above).zip(*below).enumerate() {
            let left = x.checked_sub(1).and_then(|x| line.get(x)).unwrap_or(here);
            let right = line.get(x + 1).unwrap_or(here);
            let (dx, dy) = strongest_gradient(left, right, up, down);
            add_vote(&mut cells, (x, y), (dx, dy));
        }
    }
    cells
}

/// Gradient of the channel in which it is strongest: right minus left, below minus above.
fn strongest_gradient(left: &[u8; 3], right: &[u8; 3], up: &[u8; 3], down: &[u8; 3]) -> (f32, f32) {
    let step = |from: u8, to: u8| i32::from(to) - i32::from(from);
    let horizontal = left.iter().zip(right).map(|(&left, &right)| step(left, right));
    let vertical = up.iter().zip(down).map(|(&up, &down)| step(up, down));
    let (dx, dy) = horizontal.zip(vertical).max_by_key(|(dx, dy)| dx * dx + dy * dy).unwrap_or_default();
    (dx as f32, dy as f32)
}

/// Distributes the vote of a pixel over the nearest cells and orientations, weighted by proximity.
fn add_vote(cells: &mut [Histogram], (x, y): (usize, usize), (dx, dy): (f32, f32)) {
    let strength = (dx * dx + dy * dy).sqrt();
    if strength == 0.0 {
        return;
    }
    let position = half_turns(dx, dy) * BINS as f32 + BINS as f32 - 0.5;
    let (bin, share) = (position as usize, position.fract());
    for (row, down) in neighbouring_cells(y) {
        for (column, across) in neighbouring_cells(x) {
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

/// The two cells with the nearest centres on either side of a pixel, and their weights. A cell outside of the image has
/// a number past the last one.
fn neighbouring_cells(pixel: usize) -> [(usize, f32); 2] {
    // Counted from the centre of an imaginary cell before the first.
    let position = (pixel + CELL / 2) as f32 + 0.5;
    let (cell, share) = ((pixel + CELL / 2) / CELL, (position / CELL as f32).fract());
    [(cell.wrapping_sub(1), 1.0 - share), (cell, share)]
}

/// Direction of a gradient in half turns, from 0 to 1; 0 and 1 are the same direction. The arc tangent is formula 4.4.47
/// of Abramowitz and Stegun: accurate to 0.00001 half turns, and the same on every machine.
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
    fn the_cell_weights_of_a_pixel_add_up_to_one() {
        for pixel in 0..SIDE {
            let [(before, near), (after, far)] = neighbouring_cells(pixel);
            assert!((near + far - 1.0).abs() < 1e-6 && after == before.wrapping_add(1), "{pixel}");
        }
        assert_eq!(neighbouring_cells(3)[1], (0, 0.9375));
        assert_eq!(neighbouring_cells(4), [(0, 0.9375), (1, 0.0625)]);
    }

    /// An image whose left or upper half is dark and whose other half is light.
    fn edge(horizontal: bool) -> Vec<[u8; 3]> {
        let light = |position: usize| [if position < SIDE / 2 { 50 } else { 200 }; 3];
        (0..SIDE * SIDE).map(|pixel| light(if horizontal { pixel / SIDE } else { pixel % SIDE })).collect()
    }

    #[test]
    fn an_edge_votes_only_for_its_own_direction() {
        // Nine orientations, the first centred on 10 degrees: a vertical edge (0 degrees) votes for the last and the
        // first, a horizontal one (90 degrees) for the middle one.
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
    fn a_blank_image_has_no_votes() {
        assert!(gradients(&[[7; 3]; SIDE * SIDE]).iter().all(|&number| number == 0.0));
    }
}
