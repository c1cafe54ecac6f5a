//! The frames of a GIF, one by one: the `gif` crate reads the file, [`Canvas`] puts the frames together.
//!
//! The structure of the file and the pixels of its frames are read apart, so that a frame whose pixels are damaged
//! is stepped over. When the structure breaks, what came before stands.

use std::io::{Chain, Read as _};
use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit};
use image::RgbImage;

use super::canvas::{Canvas, Colour, Disposal, Drawing};
use super::frame::{Budget, Frame};
use super::{DecodeError, FRAME_PIXELS_MAX, Format, check_size, pixels};

/// Many files lack the last byte, the trailer. With one more byte behind every file, a file without it ends well,
/// and one that breaks off inside a frame still does not.
const TRAILER: &[u8] = b";";

/// A GIF being read.
pub(super) struct Gif<'a> {
    structure: Decoder<Chain<&'a [u8], &'static [u8]>>,
    screen: Screen,
    picture: Picture,
    ended: bool,
}

/// What the head of the file says about all frames.
struct Screen {
    width: u32,
    height: u32,
    palette: Vec<Colour>,
    background: usize,
}

impl<'a> Gif<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut options = options();
        options.skip_frame_decoding(true);
        options.allow_unknown_blocks(true);
        let structure = options.read_info(bytes.chain(TRAILER)).map_err(failed)?;
        let screen = Screen {
            width: structure.width().into(),
            height: structure.height().into(),
            palette: colours(structure.global_palette().unwrap_or_default()),
            background: structure.bg_color().unwrap_or_default(),
        };
        check_size(screen.width, screen.height, FRAME_PIXELS_MAX)?;
        Ok(Self { structure, screen, picture: Picture::default(), ended: false })
    }

    /// The next frame; `None` behind the last. An error ends the clip.
    pub(super) fn next_frame(&mut self, budget: &mut Budget) -> Result<Option<Frame<'_>>, DecodeError> {
        if self.ended {
            return Ok(None);
        }
        let frame = match self.structure.read_next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.ended = true;
                return Ok(Some(Frame::Damaged(failed(error))));
            }
        };
        let (width, height) = match self.picture.size_with(frame, &self.screen) {
            Ok(size) => size,
            Err(error) => {
                // What is refused by its size alone costs nothing but its turn.
                budget.take(0)?;
                return Ok(Some(Frame::Damaged(error)));
            }
        };
        // A frame may be larger than the picture that it is drawn into, and is decompressed whole.
        budget.take(pixels(width, height).max(pixels(frame.width.into(), frame.height.into())))?;
        let drawn = self.picture.draw(frame, (width, height), &self.screen);
        Ok(Some(drawn.map_or_else(Frame::Damaged, Frame::Good)))
    }
}

/// The picture that the frames build up, and buffers that are kept from frame to frame.
#[derive(Default)]
struct Picture {
    canvas: Option<Canvas>,
    /// The colour number of every pixel of the frame.
    indices: Vec<u8>,
    /// The frame as a file of its own.
    file: Vec<u8>,
}

impl Picture {
    /// Width and height of the picture once this frame is drawn: what it is already, else what the head of the file
    /// and the frame make it. Some files say nothing or too little about their size; the first frame does.
    ///
    /// # Errors
    /// When the frame or the picture is larger than is decoded.
    fn size_with(&self, frame: &gif::Frame<'_>, screen: &Screen) -> Result<(u32, u32), DecodeError> {
        check_size(frame.width.into(), frame.height.into(), FRAME_PIXELS_MAX)?;
        if let Some(canvas) = &self.canvas {
            return Ok(canvas.image().dimensions());
        }
        let width = screen.width.max(u32::from(frame.left) + u32::from(frame.width));
        let height = screen.height.max(u32::from(frame.top) + u32::from(frame.height));
        check_size(width, height, FRAME_PIXELS_MAX)?;
        Ok((width, height))
    }

    /// Draws a frame whose buffer holds its compressed pixels into a picture of that size.
    fn draw(
        &mut self,
        frame: &gif::Frame<'_>,
        (width, height): (u32, u32),
        screen: &Screen,
    ) -> Result<&RgbImage, DecodeError> {
        if frame.width == 0 || frame.height == 0 {
            return Err(DecodeError::damaged(Format::Gif, "a frame has no pixels"));
        }
        self.unpack(frame).map_err(failed)?;
        let own = frame.palette.as_deref().map(colours);
        let palette = own.as_deref().unwrap_or(&screen.palette);
        let cleared = cleared(frame.transparent, palette, screen);
        let canvas = self.canvas.get_or_insert_with(|| Canvas::new(width, height, cleared));
        canvas.draw(&Drawing {
            left: frame.left.into(),
            top: frame.top.into(),
            width: frame.width.into(),
            indices: &self.indices,
            interlaced: frame.interlaced,
            palette,
            transparent: frame.transparent,
            disposal: match frame.dispose {
                DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
                DisposalMethod::Background => Disposal::Fill(cleared),
                DisposalMethod::Previous => Disposal::Restore,
            },
        });
        Ok(canvas.image())
    }

    /// Decompresses the pixels, by reading the frame as a file of its own that is not interlaced.
    ///
    /// The crate's decoder of single frames never returns from one whose end mark comes too early; a file that was
    /// read into a damaged frame cannot be read on; and of some interlaced frames it says that they were truncated.
    fn unpack(&mut self, frame: &gif::Frame<'_>) -> Result<(), DecodingError> {
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

fn failed(error: DecodingError) -> DecodeError {
    DecodeError::from_gif(&error)
}

/// Red, green, blue of each colour number.
fn colours(palette: &[u8]) -> Vec<Colour> {
    palette.as_chunks().0.to_vec()
}

/// The colour of a picture, or the area of a frame, with nothing on it. Pillow's choice: the one that stands for
/// transparency when the frame has one, else the background colour.
fn cleared(transparent: Option<u8>, palette: &[Colour], screen: &Screen) -> Colour {
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
    fn nothing_looks_like_transparency_or_else_like_the_background() {
        let (global, local) = ([[1; 3], [2; 3]], [[3; 3], [4; 3], [5; 3]]);
        let screen = |palette: &[Colour], background| Screen {
            width: 1,
            height: 1,
            palette: palette.to_vec(),
            background,
        };
        assert_eq!(cleared(Some(2), &local, &screen(&global, 1)), [5; 3]);
        assert_eq!(cleared(None, &local, &screen(&global, 1)), [2; 3]);
        assert_eq!(cleared(None, &local, &screen(&[], 1)), [4; 3]);
        assert_eq!(cleared(Some(9), &local, &screen(&global, 0)), [0; 3]);
    }

    #[test]
    fn a_frame_that_ends_too_early_is_damaged_and_does_not_hang() {
        // Colour codes of three bits: clear, one pixel, end; the frame has four.
        let frame = gif::Frame {
            width: 2,
            height: 2,
            buffer: (&[2, 0b01_000_100, 0b1][..]).into(),
            ..Default::default()
        };
        let error = Picture::default().unpack(&frame).unwrap_err();
        assert_eq!(error.to_string(), "image truncated");
    }
}
