//! A clip in the colours of a palette, before it is decided what each frame of the file holds.

use crate::canvas::Canvas;
use crate::clip::Clip;
use crate::colour::Colour;
use crate::gif_style::GifStyle;
use crate::palette::Palette;

/// The pixels of a clip as numbers of colours.
pub(crate) struct Indexed {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// At most 256. The transparent colour, if there is one, is the last.
    pub(crate) colours: Vec<Colour>,
    pub(crate) transparent: Option<u8>,
    pub(crate) ground: Vec<u8>,
    pub(crate) frames: Vec<Vec<u8>>,
}

/// The frames that a palette is made from: so many show every colour of a clip.
const SAMPLES: usize = 4;

impl Indexed {
    /// The clip in as many colours as the style allows.
    pub(crate) fn new(clip: &Clip, style: &GifStyle) -> Self {
        let transparency = usize::from(style.has_transparency());
        let step = clip.frames.len().div_ceil(SAMPLES);
        let samples = clip.frames.iter().step_by(step);
        let mut palette = Palette::of(samples, style.palette_size - transparency);
        let mut indexed = |canvas: &Canvas| numbers(canvas, &mut palette, style.dither);
        let ground = indexed(&clip.ground);
        let frames = clip.frames.iter().map(&mut indexed).collect();
        let mut colours = palette.colours().to_vec();
        let transparent = u8::try_from(colours.len()).ok().filter(|_| transparency > 0);
        // Black is what readers make of nothing when they drop the alpha channel of a cleared canvas; a reader that
        // looks the transparent colour up finds the same.
        colours.extend(transparent.map(|_| Colour::BLACK));
        Self {
            width: clip.ground.width(),
            height: clip.ground.height(),
            colours,
            transparent,
            ground,
            frames,
        }
    }
}

/// The pixels as numbers of the palette's colours.
fn numbers(canvas: &Canvas, palette: &mut Palette, dither: bool) -> Vec<u8> {
    /// Thresholds in an order that spreads them out. Source: B. Bayer, "An optimum method for two-level rendition
    /// of continuous-tone pictures", ICC 1973.
    const THRESHOLDS: [[i32; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];
    let rows = canvas.pixels().chunks_exact(canvas.width().max(1)).zip(THRESHOLDS.iter().cycle());
    let thresholds = rows.flat_map(|(row, thresholds)| row.iter().zip(thresholds.iter().cycle()));
    thresholds
        .map(|(&pixel, threshold)| {
            palette.number(if dither { pixel.raised(2 * threshold - 15) } else { pixel })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use gif::Repeat;

    use super::*;
    use crate::gif_style::Layout;

    const SIDE: usize = 64;

    /// A clip of one frame that goes from black to white.
    fn graded() -> Clip {
        let ground = Canvas::new(SIDE, SIDE, |point| Colour([(2.0 * (point.x + point.y)) as u8; 3]));
        Clip { frames: vec![ground.clone()], ground, steady: true }
    }

    fn indexed(layout: Layout, palette_size: usize, dither: bool) -> Indexed {
        let (local_palettes, delay, repeat) = (false, 5, Repeat::Infinite);
        Indexed::new(&graded(), &GifStyle { layout, palette_size, dither, local_palettes, delay, repeat })
    }

    /// The mean error of brightness, of single pixels or of squares of `side` pixels taken together.
    fn error(indexed: &Indexed, side: usize) -> f64 {
        let clip = graded();
        let pixels = indexed.frames[0].iter().zip(clip.frames[0].pixels());
        let squares = (SIDE / side) * (SIDE / side);
        let mut sums = vec![0; squares];
        for (place, (&number, drawn)) in pixels.enumerate() {
            let square = place / SIDE / side * (SIDE / side) + place % SIDE / side;
            sums[square] += indexed.colours[usize::from(number)].luma() - drawn.luma();
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
            let pixels = indexed.frames.iter().flatten().chain(&indexed.ground);
            assert_eq!(pixels.filter(|&&pixel| pixel == last).count() == 0, transparent);
        }
    }

    #[test]
    fn more_colours_are_closer_to_what_was_drawn() {
        let errors = [8, 32, 256].map(|size| error(&indexed(Layout::Sticker, size, false), 1));
        assert!(errors[0] > errors[1] && errors[1] > errors[2] && errors[2] < 3.0, "{errors:?}");
    }

    #[test]
    fn dots_are_right_on_average_where_bands_are_not() {
        let [banded, dotted] = [false, true].map(|dither| indexed(Layout::Sticker, 9, dither));
        let [alone, together] = [1, 8].map(|side| (error(&banded, side), error(&dotted, side)));
        assert!(alone.0 < alone.1 && together.1 < together.0, "{alone:?} {together:?}");
    }
}
