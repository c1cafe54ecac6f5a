//! Decodes animated WebP frame by frame (RFC 9649): every frame is decoded as a still file with the `image` crate, and
//! [`RgbaCanvas`] composes the frames.
//!
//! The animation decoder of the crate is not used, because it does not dispose of frames over transparency.

use std::io::Cursor;
use std::time::Duration;

use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder as _, ImageError, RgbImage};

use super::error::DecodeError;
use super::format::Format;
use super::frame::{ClipBudget, Frame};
use super::limits::{FRAME_PIXELS_MAX, pixel_count};
use super::rgba_canvas::{PlacedFrame, RgbaCanvas};

/// Name and length of a chunk.
const CHUNK_HEADER_BYTES: usize = 8;

/// Name and length of the file, and its type.
const FILE_HEADER_BYTES: usize = 12;

/// A decoder of an animated WebP.
pub(super) struct WebP<'a> {
    /// The encoded file, for error messages.
    bytes: &'a [u8],
    /// Chunks not yet read.
    rest: &'a [u8],
    canvas: RgbaCanvas,
    /// The frame that was returned last, without its alpha channel.
    picture: RgbImage,
    /// Time that the last frame is shown for.
    delay: Duration,
    /// True after a truncated chunk.
    ended: bool,
}

impl<'a> WebP<'a> {
    /// Reads the header; `None` for a still image.
    ///
    /// # Errors
    /// When the header is damaged, or the frames have more than [`FRAME_PIXELS_MAX`] pixels.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|error| decode_error(bytes, &error))?;
        if !decoder.has_animation() {
            return Ok(None);
        }
        let (width, height) = decoder.dimensions();
        DecodeError::check_size(width, height, FRAME_PIXELS_MAX)?;
        Ok(Some(Self {
            bytes,
            rest: bytes.get(FILE_HEADER_BYTES..).unwrap_or_default(),
            canvas: RgbaCanvas::new(width, height),
            picture: RgbImage::new(width, height),
            delay: Duration::ZERO,
            ended: false,
        }))
    }

    /// Time that the last frame is shown for, as stored.
    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    /// Decodes the next frame; `None` at the end. A truncated chunk is a damaged frame and ends the clip.
    ///
    /// # Errors
    /// Those of [`ClipBudget::take_frame`].
    pub(super) fn next_frame(&mut self, budget: &mut ClipBudget) -> Result<Option<Frame<'_>>, DecodeError> {
        if self.ended {
            return Ok(None);
        }
        let content = loop {
            match next_chunk(&mut self.rest) {
                None => return Ok(None),
                Some(Chunk { content: None, .. }) => {
                    self.ended = true;
                    return Ok(Some(Frame::Damaged(DecodeError::Truncated(Format::WebP))));
                }
                Some(Chunk { name, content: Some(content) }) if name == *b"ANMF" => break content,
                Some(_) => {}
            }
        };
        budget.take_frame(pixel_count(self.picture.width(), self.picture.height()))?;
        self.delay = delay(content);
        Ok(Some(match self.decode_frame(content) {
            Ok(frame) => {
                self.canvas.draw(&frame);
                self.canvas.write_rgb(&mut self.picture);
                Frame::Good(&self.picture)
            }
            Err(error) => Frame::Damaged(error),
        }))
    }

    /// Decodes the content of a chunk `ANMF`: position, sides minus one and duration in three bytes each, flags, and
    /// the chunks of a still image.
    fn decode_frame(&self, content: &[u8]) -> Result<PlacedFrame, DecodeError> {
        const NO_BLENDING: u8 = 2;
        const DISPOSES: u8 = 1;
        let damaged = |reason: &str| DecodeError::damaged(Format::WebP, reason);
        let (header, chunks) =
            content.split_first_chunk::<16>().ok_or_else(|| damaged("the header of a frame is truncated"))?;
        let &[a, b, c, d, e, f, g, h, i, j, k, l, _, _, _, flags] = header;
        let [left, top, width, height] = [[a, b, c], [d, e, f], [g, h, i], [j, k, l]]
            .map(|[low, middle, high]| u32::from_le_bytes([low, middle, high, 0]));
        let (left, top, width, height) = (left * 2, top * 2, width + 1, height + 1);
        if left + width > self.picture.width() || top + height > self.picture.height() {
            return Err(damaged("a frame does not fit into the picture"));
        }
        let file = still_file(chunks, width, height);
        let decoder = WebPDecoder::new(Cursor::new(file.as_slice()))
            .map_err(|error| decode_error(self.bytes, &error))?;
        if decoder.dimensions() != (width, height) {
            return Err(damaged("the size of a frame differs from its header"));
        }
        let has_alpha = decoder.color_type().has_alpha();
        let image = DynamicImage::from_decoder(decoder).map_err(|error| decode_error(self.bytes, &error))?;
        Ok(PlacedFrame {
            left,
            top,
            image: image.into_rgba8(),
            has_alpha,
            blends: flags & NO_BLENDING == 0,
            disposes: flags & DISPOSES != 0,
        })
    }
}

/// Duration of a frame, in milliseconds in its header; zero if the header is truncated.
fn delay(content: &[u8]) -> Duration {
    const OFFSET: usize = 12;
    let milliseconds = match content.get(OFFSET..) {
        Some(&[low, middle, high, ..]) => u32::from_le_bytes([low, middle, high, 0]),
        _ => 0,
    };
    Duration::from_millis(milliseconds.into())
}

/// A WebP file of the chunks of a frame. Chunks other than pixels and alpha are left out.
fn still_file(mut chunks: &[u8], width: u32, height: u32) -> Vec<u8> {
    const ALPHA: u8 = 0x10;
    let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
    while let Some(Chunk { name, content: Some(content) }) = next_chunk(&mut chunks) {
        if name == *b"ALPH" {
            let [width, height] = [width, height].map(|side| (side - 1).to_le_bytes());
            let sides = [&width[..3], &height[..3]].concat();
            push_chunk(&mut file, *b"VP8X", &[&[ALPHA, 0, 0, 0][..], &sides].concat());
        }
        if matches!(&name, b"ALPH" | b"VP8 " | b"VP8L") {
            push_chunk(&mut file, name, content);
        }
    }
    let length = (file.len().saturating_sub(CHUNK_HEADER_BYTES) as u32).to_le_bytes();
    if let Some(field) = file.get_mut(4..CHUNK_HEADER_BYTES) {
        field.copy_from_slice(&length);
    }
    file
}

fn push_chunk(file: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    file.extend_from_slice(&name);
    file.extend_from_slice(&(content.len() as u32).to_le_bytes());
    file.extend_from_slice(content);
    // Chunks have an even length.
    file.resize(file.len().next_multiple_of(2), 0);
}

struct Chunk<'a> {
    name: [u8; 4],
    /// `None` if the file ends inside the chunk.
    content: Option<&'a [u8]>,
}

/// Takes the next chunk from `rest`; `None` at the end.
fn next_chunk<'a>(rest: &mut &'a [u8]) -> Option<Chunk<'a>> {
    let (&[a, b, c, d, e, f, g, h], after) = rest.split_first_chunk()?;
    let length = u32::from_le_bytes([e, f, g, h]) as usize;
    let content = after.get(..length);
    *rest = after.get(length.saturating_add(length % 2)..).unwrap_or_default();
    Some(Chunk { name: [a, b, c, d], content })
}

fn decode_error(bytes: &[u8], error: &ImageError) -> DecodeError {
    DecodeError::from_image(bytes, Format::WebP, error)
}
