//! Composes the frames of a GIF: each is drawn over the result of the frames before it (GIF89a, 23).

use image::RgbImage;

/// Red, green, blue.
pub(super) type Colour = [u8; 3];

/// Disposal of a frame's area before the next frame is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposal {
    /// The area stays.
    Keep,
    /// The area is filled with a colour.
    Fill(Colour),
    /// The area is restored to its state before the frame.
    Restore,
}

/// A decompressed frame: its area, the colour indices of its pixels and its palette.
pub(super) struct IndexedFrame<'a> {
    pub(super) left: usize,
    pub(super) top: usize,
    /// Width in pixels; not 0.
    pub(super) width: usize,
    /// Colour indices row by row, in the order of the file.
    pub(super) indices: &'a [u8],
    /// True if the rows are stored in four passes, each finer than the one before.
    pub(super) interlaced: bool,
    /// Colours by index. Pixels with indices past the end are not painted.
    pub(super) palette: &'a [Colour],
    /// Index of transparent pixels, which are not painted.
    pub(super) transparent: Option<u8>,
    /// Treatment of the frame's area before the next frame is drawn.
    pub(super) disposal: Disposal,
}

/// The picture composed so far.
///
/// It has no alpha channel: pixels that were never painted have the colour given to [`Canvas::new`].
pub(super) struct Canvas {
    image: RgbImage,
    /// Disposal of the last frame, not yet done.
    pending: Disposal,
    /// Rows of the last frame in the order of the file, as ranges of bytes of the picture; empty for rows outside of
    /// it.
    rows: Vec<std::ops::Range<usize>>,
    /// Content of `rows` before the frame, for [`Disposal::Restore`].
    saved: Vec<u8>,
}

impl Canvas {
    /// An empty picture, filled with `colour`.
    pub(super) fn new(width: u32, height: u32, colour: Colour) -> Self {
        let image = RgbImage::from_pixel(width, height, image::Rgb(colour));
        Self { image, pending: Disposal::Keep, rows: Vec::new(), saved: Vec::new() }
    }

    /// The picture after the last call of [`draw`](Self::draw).
    pub(super) fn image(&self) -> &RgbImage {
        &self.image
    }

    /// Disposes of the last frame and draws the next, clipped to the picture.
    pub(super) fn draw(&mut self, frame: &IndexedFrame<'_>) {
        self.dispose();
        self.locate_rows(frame);
        self.pending = frame.disposal;
        self.saved.clear();
        let lines = frame.indices.chunks_exact(frame.width);
        for (range, indices) in self.rows.iter().zip(lines) {
            let Some(row) = self.image.get_mut(range.clone()) else { continue };
            if frame.disposal == Disposal::Restore {
                self.saved.extend_from_slice(row);
            }
            paint(row, indices, frame.palette, frame.transparent);
        }
    }

    /// Performs the pending disposal of the last frame.
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

    /// Sets `rows` to the positions of the frame's rows in the picture.
    fn locate_rows(&mut self, frame: &IndexedFrame<'_>) {
        let (width, height) = (self.image.width() as usize, self.image.height() as usize);
        let visible = frame.width.min(width.saturating_sub(frame.left));
        let lines = frame.indices.len() / frame.width;
        self.rows.clear();
        self.rows.extend(row_order(lines, frame.interlaced).map(|line| {
            let start = ((frame.top + line) * width + frame.left) * 3;
            if frame.top + line < height { start..start + visible * 3 } else { 0..0 }
        }));
    }
}

/// Row numbers of a frame in the order of the file (GIF89a, appendix E).
fn row_order(lines: usize, interlaced: bool) -> impl Iterator<Item = usize> {
    const PASSES: &[(usize, usize)] = &[(0, 8), (4, 8), (2, 4), (1, 2)];
    let passes = if interlaced { PASSES } else { &[(0, 1)] };
    passes.iter().flat_map(move |&(first, step)| (first..lines).step_by(step))
}

/// Paints a row; surplus indices are ignored.
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

    fn frame<'a>(left: usize, width: usize, indices: &'a [u8], disposal: Disposal) -> IndexedFrame<'a> {
        IndexedFrame {
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

    /// The red channel of a 3 × 1 picture after each frame.
    fn composed(frames: &[IndexedFrame<'_>]) -> Vec<[u8; 3]> {
        let mut canvas = Canvas::new(3, 1, [9; 3]);
        let red = |canvas: &Canvas| [0, 1, 2].map(|x| canvas.image().get_pixel(x, 0).0[0]);
        frames
            .iter()
            .map(|frame| {
                canvas.draw(frame);
                red(&canvas)
            })
            .collect()
    }

    #[test]
    fn transparent_and_unknown_indices_are_not_painted() {
        let frames = [frame(0, 3, &[1, 1, 1], Disposal::Keep), frame(0, 3, &[0, 2, 7], Disposal::Keep)];
        assert_eq!(composed(&frames), [[1, 1, 1], [1, 2, 1]]);
    }

    #[test]
    fn interlaced_rows_are_in_four_passes() {
        assert_eq!(row_order(9, true).collect::<Vec<_>>(), [0, 8, 4, 2, 6, 1, 3, 5, 7]);
        assert_eq!(row_order(3, false).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn disposal_fill_leaves_the_area_in_one_colour() {
        let frames = [
            frame(0, 3, &[1, 1, 1], Disposal::Keep),
            frame(1, 1, &[2], Disposal::Fill([5; 3])),
            frame(2, 1, &[2], Disposal::Keep),
        ];
        assert_eq!(composed(&frames), [[1, 1, 1], [1, 2, 1], [1, 5, 2]]);
    }

    #[test]
    fn disposal_restore_leaves_no_trace_of_the_frame() {
        let frames = [
            frame(0, 2, &[1, 0], Disposal::Keep),
            frame(0, 3, &[2, 2, 2], Disposal::Restore),
            frame(1, 1, &[2], Disposal::Restore),
            frame(0, 1, &[0], Disposal::Keep),
        ];
        assert_eq!(composed(&frames), [[1, 9, 9], [2, 2, 2], [1, 2, 9], [1, 9, 9]]);
    }

    #[test]
    fn frames_are_clipped_to_the_picture() {
        let frames = [
            frame(2, 3, &[1, 2, 2, 2, 2, 2], Disposal::Fill([4; 3])),
            frame(7, 2, &[1, 1], Disposal::Restore),
            frame(0, 1, &[2], Disposal::Keep),
        ];
        assert_eq!(composed(&frames), [[9, 9, 1], [9, 9, 4], [2, 9, 4]]);
    }
}
