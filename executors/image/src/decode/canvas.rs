//! The picture that the frames of a GIF build up: each is drawn over what the ones before it left (GIF89a, 23).

use image::RgbImage;

/// A colour: red, green, blue.
pub(super) type Colour = [u8; 3];

/// What happens to the area of a frame before the next one is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposal {
    /// It stays.
    Keep,
    /// It is painted over.
    Fill(Colour),
    /// It becomes again what it was before.
    Restore,
}

/// A frame to be drawn: an area, a colour number for each of its pixels and what the numbers mean.
pub(super) struct Drawing<'a> {
    pub(super) left: usize,
    pub(super) top: usize,
    /// Numbers in a row; not 0.
    pub(super) width: usize,
    /// Row by row, in the order of the file.
    pub(super) indices: &'a [u8],
    /// Whether the rows come in four passes, each finer than the one before.
    pub(super) interlaced: bool,
    /// Red, green, blue for each number. Numbers past its end are not painted.
    pub(super) palette: &'a [Colour],
    /// The number that lets through what is below.
    pub(super) transparent: Option<u8>,
    pub(super) disposal: Disposal,
}

/// The picture so far.
///
/// It has no alpha: a transparent pixel that nothing was ever painted on has the colour that
/// [`Canvas::new`] was given, as a viewer without a background shows it.
pub(super) struct Canvas {
    image: RgbImage,
    /// What has to be done to the area of the last frame, row by row, before the next one.
    pending: Disposal,
    /// The rows of the last frame in the order of the file, as ranges of bytes of the picture; empty where a row lies
    /// outside.
    rows: Vec<std::ops::Range<usize>>,
    /// What those rows held before, for [`Disposal::Restore`].
    saved: Vec<u8>,
}

impl Canvas {
    /// An empty picture of that size.
    pub(super) fn new(width: u32, height: u32, colour: Colour) -> Self {
        let image = RgbImage::from_pixel(width, height, image::Rgb(colour));
        Self { image, pending: Disposal::Keep, rows: Vec::new(), saved: Vec::new() }
    }

    /// The picture.
    pub(super) fn image(&self) -> &RgbImage {
        &self.image
    }

    /// Disposes of the last frame and draws this one; what lies outside of the picture is cut off.
    pub(super) fn draw(&mut self, drawing: &Drawing<'_>) {
        self.dispose();
        self.place(drawing);
        self.pending = drawing.disposal;
        self.saved.clear();
        let lines = drawing.indices.chunks_exact(drawing.width);
        for (range, indices) in self.rows.iter().zip(lines) {
            let Some(row) = self.image.get_mut(range.clone()) else { continue };
            if drawing.disposal == Disposal::Restore {
                self.saved.extend_from_slice(row);
            }
            paint(row, indices, drawing.palette, drawing.transparent);
        }
    }

    /// Does to the area of the last frame what it asked for.
    fn dispose(&mut self) {
        let mut saved = self.saved.as_slice();
        for range in &self.rows {
            let Some(row) = self.image.get_mut(range.clone()) else { continue };
            match self.pending {
                Disposal::Keep => {}
                Disposal::Fill(colour) => row.as_chunks_mut().0.fill(colour),
                Disposal::Restore => {
                    let (before, rest) = saved.split_at_checked(row.len()).unwrap_or_default();
                    row.copy_from_slice(before);
                    saved = rest;
                }
            }
        }
    }

    /// Finds where in the picture the rows of the frame are.
    fn place(&mut self, drawing: &Drawing<'_>) {
        let (width, height) = (self.image.width() as usize, self.image.height() as usize);
        let visible = drawing.width.min(width.saturating_sub(drawing.left));
        let lines = drawing.indices.len() / drawing.width;
        self.rows.clear();
        self.rows.extend(order(lines, drawing.interlaced).map(|line| {
            let start = ((drawing.top + line) * width + drawing.left) * 3;
            if drawing.top + line < height { start..start + visible * 3 } else { 0..0 }
        }));
    }
}

/// Where the rows of a frame belong, in the order of the file (GIF89a, appendix E).
fn order(lines: usize, interlaced: bool) -> impl Iterator<Item = usize> {
    const PASSES: &[(usize, usize)] = &[(0, 8), (4, 8), (2, 4), (1, 2)];
    let passes = if interlaced { PASSES } else { &[(0, 1)] };
    passes.iter().flat_map(move |&(first, step)| (first..lines).step_by(step))
}

/// Paints a row; the colour numbers may be more than it has room for.
fn paint(row: &mut [u8], indices: &[u8], palette: &[Colour], transparent: Option<u8>) {
    let pixels = row.as_chunks_mut::<3>().0.iter_mut();
    for (pixel, &index) in pixels.zip(indices) {
        match palette.get(usize::from(index)) {
            Some(&colour) if transparent != Some(index) => *pixel = colour,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PALETTE: &[Colour] = &[[0; 3], [1; 3], [2; 3]];

    fn drawing<'a>(left: usize, width: usize, indices: &'a [u8], disposal: Disposal) -> Drawing<'a> {
        Drawing {
            left,
            top: 0,
            width,
            indices,
            interlaced: false,
            palette: PALETTE,
            transparent: Some(0),
            disposal,
        }
    }

    /// The red of every pixel of a 3 × 1 picture after each of the drawings.
    fn shown(drawings: &[Drawing<'_>]) -> Vec<[u8; 3]> {
        let mut canvas = Canvas::new(3, 1, [9; 3]);
        let red = |canvas: &Canvas| [0, 1, 2].map(|x| canvas.image().get_pixel(x, 0).0[0]);
        drawings
            .iter()
            .map(|drawing| {
                canvas.draw(drawing);
                red(&canvas)
            })
            .collect()
    }

    #[test]
    fn transparent_and_unknown_colours_let_through_what_is_below() {
        let frames = [drawing(0, 3, &[1, 1, 1], Disposal::Keep), drawing(0, 3, &[0, 2, 7], Disposal::Keep)];
        assert_eq!(shown(&frames), [[1, 1, 1], [1, 2, 1]]);
    }

    #[test]
    fn interlaced_rows_come_every_eighth_then_between() {
        assert_eq!(order(9, true).collect::<Vec<_>>(), [0, 8, 4, 2, 6, 1, 3, 5, 7]);
        assert_eq!(order(3, false).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn a_filled_frame_leaves_its_area_in_one_colour() {
        let frames = [
            drawing(0, 3, &[1, 1, 1], Disposal::Keep),
            drawing(1, 1, &[2], Disposal::Fill([5; 3])),
            drawing(2, 1, &[2], Disposal::Keep),
        ];
        assert_eq!(shown(&frames), [[1, 1, 1], [1, 2, 1], [1, 5, 2]]);
    }

    #[test]
    fn a_restored_frame_leaves_no_trace() {
        let frames = [
            drawing(0, 2, &[1, 0], Disposal::Keep),
            drawing(0, 3, &[2, 2, 2], Disposal::Restore),
            drawing(1, 1, &[2], Disposal::Restore),
            drawing(0, 1, &[0], Disposal::Keep),
        ];
        assert_eq!(shown(&frames), [[1, 9, 9], [2, 2, 2], [1, 2, 9], [1, 9, 9]]);
    }

    #[test]
    fn what_lies_outside_of_the_picture_is_cut_off() {
        let frames = [
            drawing(2, 3, &[1, 2, 2, 2, 2, 2], Disposal::Fill([4; 3])),
            drawing(7, 2, &[1, 1], Disposal::Restore),
            drawing(0, 1, &[2], Disposal::Keep),
        ];
        assert_eq!(shown(&frames), [[9, 9, 1], [9, 9, 4], [2, 9, 4]]);
    }
}
