//! A clip with palette colours: the step between drawing and GIF frames.

use crate::canvas::Canvas;
use crate::clip::Clip;
use crate::colour::Colour;
use crate::gif_style::GifStyle;
use crate::palette::Palette;

/// The pixels of a clip as palette indices.
pub(crate) struct IndexedClip {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// At most 256 colours. The transparent colour, if any, is the last.
    pub(crate) colours: Vec<Colour>,
    pub(crate) transparent: Option<u8>,
    pub(crate) background: Vec<u8>,
    pub(crate) frames: Vec<Vec<u8>>,
}

/// Number of frames that the palette is computed from. They contain all colours of a clip.
const SAMPLES: usize = 4;

impl IndexedClip {
    /// Reduces a clip to the number of colours of the style.
    pub(crate) fn new(clip: &Clip, style: &GifStyle) -> Self {
        let transparency = usize::from(style.has_transparency());
        let step = clip.frames.len().div_ceil(SAMPLES);
        let samples = clip.frames.iter().step_by(step);
        let mut palette = Palette::from_canvases(samples, style.palette_size - transparency);
        let mut indexed = |canvas: &Canvas| palette_indices(canvas, &mut palette, style.dither);
        let background = indexed(&clip.background);
        let frames = clip.frames.iter().map(&mut indexed).collect();
        let mut colours = palette.colours().to_vec();
        let transparent = u8::try_from(colours.len()).ok().filter(|_| transparency > 0);
        // Transparent pixels become black in readers that drop the alpha channel; with this entry, readers that look
        // the transparent colour up give the same result.
        colours.extend(transparent.map(|_| Colour::BLACK));
        Self {
            width: clip.background.width(),
            height: clip.background.height(),
            colours,
            transparent,
            background,
            frames,
        }
    }
}

/// Converts pixels to palette indices, optionally with ordered dithering.
fn palette_indices(canvas: &Canvas, palette: &mut Palette, dither: bool) -> Vec<u8> {
    /// Bayer matrix of thresholds. Source: B. Bayer, "An optimum method for two-level rendition of continuous-tone
    /// pictures", ICC 1973.
    const THRESHOLDS: [[i32; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];
    let rows = canvas.pixels().chunks_exact(canvas.width().max(1)).zip(THRESHOLDS.iter().cycle());
    let thresholds = rows.flat_map(|(row, thresholds)| row.iter().zip(thresholds.iter().cycle()));
    thresholds
        .map(|(&pixel, threshold)| {
            palette.nearest_index(if dither { pixel.raised(2 * threshold - 15) } else { pixel })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use gif::Repeat;

    use super::*;
    use crate::gif_style::Layout;

    const SIDE: usize = 64;

    /// A clip of one frame, with a gradient from black to white.
    fn gradient() -> Clip {
        let background = Canvas::new(SIDE, SIDE, |point| Colour([(2.0 * (point.x + point.y)) as u8; 3]));
        Clip { frames: vec![background.clone()], background, static_background: true }
    }

    fn indexed(layout: Layout, palette_size: usize, dither: bool) -> IndexedClip {
        let (local_palettes, delay, repeat) = (false, 5, Repeat::Infinite);
        IndexedClip::new(
            &gradient(),
            &GifStyle { layout, palette_size, dither, local_palettes, delay, repeat },
        )
    }

    /// The mean error of brightness over squares of `side` × `side` pixels.
    fn error(indexed: &IndexedClip, side: usize) -> f64 {
        let clip = gradient();
        let pixels = indexed.frames[0].iter().zip(clip.frames[0].pixels());
        let squares = (SIDE / side) * (SIDE / side);
        let mut sums = vec![0; squares];
        for (position, (&index, drawn)) in pixels.enumerate() {
            let square = position / SIDE / side * (SIDE / side) + position % SIDE / side;
            sums[square] += indexed.colours[usize::from(index)].luma() - drawn.luma();
        }
        sums.into_iter().map(|sum| f64::from(sum.abs()) / (side * side) as f64).sum::<f64>() / squares as f64
    }

    #[test]
    fn the_transparent_colour_is_the_last_and_no_pixel_has_it() {
        for (layout, transparent) in [(Layout::Sticker, true), (Layout::Changes { sparse: false }, false)] {
            let indexed = indexed(layout, 16, false);
            let last = u8::try_from(indexed.colours.len() - 1).unwrap();
            assert_eq!(indexed.transparent, transparent.then_some(last));
            assert!(indexed.colours.len() <= 16);
            let pixels = indexed.frames.iter().flatten().chain(&indexed.background);
            assert_eq!(pixels.filter(|&&pixel| pixel == last).count() == 0, transparent);
        }
    }

    #[test]
    fn more_colours_reduce_the_error() {
        let errors = [8, 32, 256].map(|size| error(&indexed(Layout::Sticker, size, false), 1));
        assert!(errors[0] > errors[1] && errors[1] > errors[2] && errors[2] < 3.0, "{errors:?}");
    }

    #[test]
    fn dithering_reduces_the_error_of_squares_but_not_of_pixels() {
        let [banded, dithered] = [false, true].map(|dither| indexed(Layout::Sticker, 9, dither));
        let [pixels, squares] = [1, 8].map(|side| (error(&banded, side), error(&dithered, side)));
        assert!(pixels.0 < pixels.1 && squares.1 < squares.0, "{pixels:?} {squares:?}");
    }
}
