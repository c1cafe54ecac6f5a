//! Decodes a GIF frame by frame: the `gif` crate parses the file, [`Canvas`] composes the frames.
//!
//! The structure of the file and the pixels of its frames are decoded separately, so that a frame with damaged pixels
//! is skipped. An error in the structure ends the clip; frames before it are kept.

use std::io::{Chain, Cursor, Read as _};
use std::num::NonZeroU64;
use std::time::Duration;

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit};
use image::RgbImage;

use super::canvas::{Canvas, Colour, Disposal, IndexedFrame};
use super::error::DecodeError;
use super::format::Format;
use super::frame::{ClipBudget, Frame};
use super::limits::{FRAME_PIXELS_MAX, pixel_count};

/// The trailer byte, appended to every file. Many files lack it and would count as truncated; a file that ends inside a
/// frame still does.
const TRAILER: &[u8] = b";";

/// Palette of frames in a file without any palette: 256 levels of grey, as in Pillow.
const GREYS: &[u8; 768] = &{
    let mut greys = [0; 768];
    let mut rest: &mut [u8] = &mut greys;
    let mut grey = 0;
    while let [red, green, blue, others @ ..] = rest {
        (*red, *green, *blue) = (grey, grey, grey);
        grey = grey.saturating_add(1);
        rest = others;
    }
    greys
};

/// A decoder of a GIF.
pub(super) struct Gif<'a> {
    structure: Decoder<GifReader<'a>>,
    screen: Screen,
    picture: Picture,
    /// Time that the last frame is shown for.
    delay: Duration,
    ended: bool,
}

/// Header, grey palette (only if the file has no global palette), the rest of the file, trailer.
type GifReader<'a> = Chain<Chain<Chain<Cursor<Vec<u8>>, &'static [u8]>, &'a [u8]>, &'static [u8]>;

/// Reads a file, with a grey palette if it has no global palette: the `gif` crate rejects frames without a palette.
/// The flag is true if the palette is the file's own.
fn reader(bytes: &[u8]) -> (GifReader<'_>, bool) {
    const HEADER_BYTES: usize = 13;
    const FLAGS: usize = 10;
    const HAS_PALETTE: u8 = 0x80;
    const COLOURS_256: u8 = 7;
    let (header, rest) = bytes.split_at(HEADER_BYTES.min(bytes.len()));
    let mut header = header.to_vec();
    let own_palette = header.get(FLAGS).is_none_or(|flags| flags & HAS_PALETTE != 0);
    let mut palette: &'static [u8] = &[];
    if let Some(flags) = header.get_mut(FLAGS).filter(|_| !own_palette) {
        *flags |= HAS_PALETTE | COLOURS_256;
        palette = GREYS;
    }
    (Cursor::new(header).chain(palette).chain(rest).chain(TRAILER), own_palette)
}

/// The logical screen: size, global palette and background index of the file.
struct Screen {
    width: u32,
    height: u32,
    palette: Vec<Colour>,
    background: usize,
}

impl<'a> Gif<'a> {
    /// Reads the header and the global palette.
    ///
    /// # Errors
    /// When they are damaged, or the size in the header exceeds [`FRAME_PIXELS_MAX`].
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut options = options();
        options.skip_frame_decoding(true);
        options.allow_unknown_blocks(true);
        let (reader, own_palette) = reader(bytes);
        let structure = options.read_info(reader).map_err(decode_error)?;
        let own_colours = structure.global_palette().filter(|_| own_palette).unwrap_or_default();
        let screen = Screen {
            width: structure.width().into(),
            height: structure.height().into(),
            palette: colours(own_colours),
            background: structure.bg_color().unwrap_or_default(),
        };
        DecodeError::check_size(screen.width, screen.height, FRAME_PIXELS_MAX)?;
        Ok(Self { structure, screen, picture: Picture::default(), delay: Duration::ZERO, ended: false })
    }

    /// Time that the last frame is shown for, as stored.
    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    /// Decodes the next frame; `None` at the end. An error in the structure of the file ends the clip; damaged pixels or
    /// a wrong size damage one frame only.
    pub(super) fn next_frame(&mut self, budget: &mut ClipBudget) -> Result<Option<Frame<'_>>, DecodeError> {
        if self.ended {
            return Ok(None);
        }
        let frame = match self.structure.read_next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.ended = true;
                return Ok(Some(Frame::Damaged(decode_error(error))));
            }
        };
        self.delay = Duration::from_millis(10 * u64::from(frame.delay));
        let (width, height) = match self.picture.size_with(frame, &self.screen) {
            Ok(size) => size,
            Err(error) => {
                // A frame that is rejected by its size costs no decoding.
                budget.take_frame(0)?;
                return Ok(Some(Frame::Damaged(error)));
            }
        };
        // A frame may be larger than the picture and is decompressed whole.
        let frame_pixels = pixel_count(frame.width.into(), frame.height.into());
        budget.take_frame(pixel_count(width, height).max(frame_pixels))?;
        let drawn = self.picture.draw(frame, (width, height), &self.screen);
        Ok(Some(drawn.map_or_else(Frame::Damaged, Frame::Good)))
    }
}

/// The composed picture, and buffers that are reused from frame to frame.
#[derive(Default)]
struct Picture {
    canvas: Option<Canvas>,
    /// Colour indices of the frame.
    indices: Vec<u8>,
    /// The frame as a GIF file.
    file: Vec<u8>,
}

impl Picture {
    /// Width and height of the picture after `frame` is drawn. The first frame fixes them: it extends the size of the
    /// header, which is 0 or too small in some files.
    ///
    /// # Errors
    /// When the frame or the picture exceeds the bounds.
    fn size_with(&self, frame: &gif::Frame<'_>, screen: &Screen) -> Result<(u32, u32), DecodeError> {
        DecodeError::check_size(frame.width.into(), frame.height.into(), FRAME_PIXELS_MAX)?;
        if let Some(canvas) = &self.canvas {
            return Ok(canvas.image().dimensions());
        }
        let width = screen.width.max(u32::from(frame.left) + u32::from(frame.width));
        let height = screen.height.max(u32::from(frame.top) + u32::from(frame.height));
        DecodeError::check_size(width, height, FRAME_PIXELS_MAX)?;
        Ok((width, height))
    }

    /// Decompresses a frame and draws it into a picture of `width` × `height` pixels.
    fn draw(
        &mut self,
        frame: &gif::Frame<'_>,
        (width, height): (u32, u32),
        screen: &Screen,
    ) -> Result<&RgbImage, DecodeError> {
        if frame.width == 0 || frame.height == 0 {
            return Err(DecodeError::damaged(Format::Gif, "a frame has no pixels"));
        }
        self.decompress(frame).map_err(decode_error)?;
        let local_palette = frame.palette.as_deref().map(colours);
        let palette = match local_palette.as_deref() {
            Some(local) => local,
            None if screen.palette.is_empty() => GREYS.as_chunks().0,
            None => &screen.palette,
        };
        let background = background_colour(frame.transparent, palette, screen);
        let canvas = self.canvas.get_or_insert_with(|| Canvas::new(width, height, background));
        canvas.draw(&IndexedFrame {
            left: frame.left.into(),
            top: frame.top.into(),
            width: frame.width.into(),
            indices: &self.indices,
            interlaced: frame.interlaced,
            palette,
            transparent: frame.transparent,
            disposal: match frame.dispose {
                DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
                DisposalMethod::Background => Disposal::Fill(background),
                DisposalMethod::Previous => Disposal::Restore,
            },
        });
        Ok(canvas.image())
    }

    /// Decompresses the pixels of a frame by decoding it as a separate file that is not interlaced.
    ///
    /// The `gif` crate has no other way that works for damaged files: its decoder of single frames never returns if the
    /// end code comes too early; after a damaged frame it cannot continue with the file; and it reports some interlaced
    /// frames as truncated.
    fn decompress(&mut self, frame: &gif::Frame<'_>) -> Result<(), DecodingError> {
        const TWO_COLOURS: u8 = 0x80;
        const BLOCK_BYTES_MAX: usize = 255;
        let sides = [frame.width.to_le_bytes(), frame.height.to_le_bytes()].concat();
        let (&code_size, pixels) = frame.buffer.split_first().unwrap_or((&0, &[]));
        self.file.clear();
        self.file.extend_from_slice(b"GIF89a");
        self.file.extend_from_slice(&sides);
        self.file.extend_from_slice(&[TWO_COLOURS, 0, 0, 0, 0, 0, 0, 0, 0, b',', 0, 0, 0, 0]);
        self.file.extend_from_slice(&sides);
        self.file.extend_from_slice(&[0, code_size]);
        for block in pixels.chunks(BLOCK_BYTES_MAX) {
            self.file.push(block.len() as u8);
            self.file.extend_from_slice(block);
        }
        self.file.extend_from_slice(b"\0;");
        self.indices.resize(usize::from(frame.width) * usize::from(frame.height), 0);
        let mut decoder = options().read_info(self.file.as_slice())?;
        decoder.next_frame_info()?;
        decoder.read_into_buffer(&mut self.indices)
    }
}

fn options() -> DecodeOptions {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(
        NonZeroU64::new(FRAME_PIXELS_MAX).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes),
    );
    options
}

fn decode_error(error: DecodingError) -> DecodeError {
    DecodeError::from_gif(&error)
}

/// Splits the bytes of a palette into colours.
fn colours(palette: &[u8]) -> Vec<Colour> {
    palette.as_chunks().0.to_vec()
}

/// Colour of an empty picture and of the area of a disposed frame, chosen as in Pillow: the colour at the frame's
/// transparent index if it has one, else the background colour of the screen.
fn background_colour(transparent: Option<u8>, palette: &[Colour], screen: &Screen) -> Colour {
    let colour = match transparent {
        Some(index) => palette.get(usize::from(index)),
        None => screen.palette.get(screen.background).or_else(|| palette.get(screen.background)),
    };
    colour.copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_background_is_the_transparent_colour_or_else_that_of_the_screen() {
        let (global, local) = ([[1; 3], [2; 3]], [[3; 3], [4; 3], [5; 3]]);
        let screen = |palette: &[Colour], background| Screen {
            width: 1,
            height: 1,
            palette: palette.to_vec(),
            background,
        };
        assert_eq!(background_colour(Some(2), &local, &screen(&global, 1)), [5; 3]);
        assert_eq!(background_colour(None, &local, &screen(&global, 1)), [2; 3]);
        assert_eq!(background_colour(None, &local, &screen(&[], 1)), [4; 3]);
        assert_eq!(background_colour(Some(9), &local, &screen(&global, 0)), [0; 3]);
    }

    #[test]
    fn a_frame_with_an_early_end_code_is_an_error_and_does_not_hang() {
        // Codes of three bits: clear, one pixel, end; the frame has four pixels.
        let frame = gif::Frame {
            width: 2,
            height: 2,
            buffer: (&[2, 0b01_000_100, 0b1][..]).into(),
            ..Default::default()
        };
        let error = Picture::default().decompress(&frame).unwrap_err();
        assert_eq!(error.to_string(), "image truncated");
    }
}
