//! Colour quantisation: the palette of a GIF.
//!
//! Median cut (P. Heckbert, "Color image quantization for frame buffer display", SIGGRAPH 1982) over cells of
//! 8 × 8 × 8 neighbouring colours, in integers.

use crate::canvas::Canvas;
use crate::colour::Colour;

/// At most 256 colours, and a lookup of the nearest one.
pub(crate) struct Palette {
    colours: Vec<Colour>,
    /// Index of the nearest colour for each cell, computed on demand.
    nearest: Vec<Option<u8>>,
}

/// Number of cells along one channel; a cell is identified by five bits of each channel.
const CELLS: usize = 32;

/// Number and channel sums of the pixels in a cell.
#[derive(Clone, Copy, Default)]
struct Cell {
    count: u64,
    sums: [u64; 3],
}

impl Palette {
    /// Computes a palette of at most `size` colours (1 to 256) for the canvases.
    pub(crate) fn from_canvases<'a>(canvases: impl IntoIterator<Item = &'a Canvas>, size: usize) -> Self {
        let mut cells = vec![Cell::default(); CELLS * CELLS * CELLS];
        for colour in canvases.into_iter().flat_map(Canvas::pixels) {
            if let Some(cell) = cells.get_mut(cell_number(*colour)) {
                cell.count += 1;
                for (sum, channel) in cell.sums.iter_mut().zip(colour.0) {
                    *sum += u64::from(channel);
                }
            }
        }
        cells.retain(|cell| cell.count > 0);
        let boxes = cut(cells, size.clamp(1, 256));
        let colours = boxes.iter().map(|cells| mean(cells)).collect();
        Self { colours, nearest: vec![None; CELLS * CELLS * CELLS] }
    }

    pub(crate) fn colours(&self) -> &[Colour] {
        &self.colours
    }

    /// Index of the palette colour that is nearest to the centre of `colour`'s cell; the lowest index if several are.
    pub(crate) fn nearest_index(&mut self, colour: Colour) -> u8 {
        let middle = Colour(colour.0.map(|channel| channel & 0xf8 | 4));
        let colours = &self.colours;
        let search = || {
            let distances = (0_u8..=255).zip(colours).map(|(index, other)| (middle.distance(*other), index));
            distances.min().map_or(0, |(_, index)| index)
        };
        self.nearest.get_mut(cell_number(colour)).map_or(0, |found| *found.get_or_insert_with(search))
    }
}

fn cell_number(Colour(channels): Colour) -> usize {
    channels.into_iter().fold(0, |number, channel| number * CELLS + usize::from(channel >> 3))
}

/// Cuts the cells into at most `size` boxes; each step cuts the box with the largest [`weight`].
fn cut(cells: Vec<Cell>, size: usize) -> Vec<Vec<Cell>> {
    let mut boxes = vec![cells];
    while boxes.len() < size {
        let weights = boxes.iter().map(|cells| weight(cells)).enumerate();
        let Some((position, (weight, channel))) = weights.rev().max_by_key(|(_, (weight, _))| *weight) else {
            break;
        };
        if weight == 0 {
            break;
        }
        let mut lower = boxes.swap_remove(position);
        lower.sort_by_key(|cell| (channel_mean(cell, channel), cell.sums));
        let half = lower.iter().map(|cell| cell.count).sum::<u64>() / 2;
        let mut seen = 0;
        let middle = lower.iter().position(|cell| {
            seen += cell.count;
            seen > half
        });
        // Both parts must be non-empty.
        let upper = lower.split_off(middle.unwrap_or(0).clamp(1, lower.len() - 1));
        boxes.extend([lower, upper]);
    }
    boxes
}

/// Benefit of cutting a box (0 for a single cell), and the channel to cut along.
fn weight(cells: &[Cell]) -> (u64, usize) {
    let count: u64 = cells.iter().map(|cell| cell.count).sum();
    let side = |channel| {
        let means = || cells.iter().map(|cell| channel_mean(cell, channel));
        means().max().unwrap_or(0) - means().min().unwrap_or(0)
    };
    let longest = [0, 1, 2].map(|channel| (side(channel), channel)).into_iter().max().unwrap_or_default();
    // The square favours rare, distant colours over frequent, similar ones.
    (count * longest.0 * longest.0, longest.1)
}

fn channel_mean(cell: &Cell, channel: usize) -> u64 {
    cell.sums.get(channel).map_or(0, |sum| sum / cell.count)
}

fn mean(cells: &[Cell]) -> Colour {
    let count: u64 = cells.iter().map(|cell| cell.count).sum();
    let sum = |channel: usize| cells.iter().filter_map(|cell| cell.sums.get(channel)).sum::<u64>();
    Colour([0, 1, 2].map(|channel| ((sum(channel) + count / 2) / count.max(1)) as u8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canvas(pixels: &[[u8; 3]]) -> Canvas {
        let mut pixels = pixels.iter();
        Canvas::new(pixels.len(), 1, |_| Colour(*pixels.next().unwrap()))
    }

    #[test]
    fn distant_colours_are_preserved() {
        let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [12, 200, 120]];
        let mut palette = Palette::from_canvases([&canvas(&colours)], 256);
        assert_eq!(palette.colours().len(), 6);
        for colour in colours {
            let index = palette.nearest_index(Colour(colour));
            assert_eq!(palette.colours()[usize::from(index)], Colour(colour));
        }
    }

    #[test]
    fn a_rare_distant_colour_gets_an_entry() {
        let mut pixels: Vec<[u8; 3]> = (0..2000).map(|n| [(n % 64) as u8 + 10; 3]).collect();
        pixels.extend([[255, 0, 0]; 20]);
        let palette = Palette::from_canvases([&canvas(&pixels)], 8);
        assert!(palette.colours().contains(&Colour([255, 0, 0])), "{:?}", palette.colours());
    }

    proptest! {
        #[test]
        fn a_palette_has_at_most_its_size(
            pixels in proptest::collection::vec(any::<[u8; 3]>(), 1..200),
            size in 1..300_usize,
        ) {
            let mut palette = Palette::from_canvases([&canvas(&pixels)], size);
            prop_assert!((1..=size.min(256).min(pixels.len())).contains(&palette.colours().len()));
            for pixel in pixels {
                prop_assert!(usize::from(palette.nearest_index(Colour(pixel))) < palette.colours().len());
            }
        }

        #[test]
        fn more_colours_reduce_the_error(pixels in proptest::collection::vec(any::<[u8; 3]>(), 100..200)) {
            let error = |size| {
                let mut palette = Palette::from_canvases([&canvas(&pixels)], size);
                let mut error = 0_u64;
                for &pixel in &pixels {
                    let index = usize::from(palette.nearest_index(Colour(pixel)));
                    error += u64::from(palette.colours()[index].distance(Colour(pixel)));
                }
                error
            };
            prop_assert!(error(128) < error(8));
        }
    }
}
