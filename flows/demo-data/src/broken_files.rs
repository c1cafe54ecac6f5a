//! Damaged files that a reader must survive, and good files for comparison.

use serde_json::{Value, json};

use crate::clip::Clip;
use crate::clip_class::CLIP_CLASSES;
use crate::error::DemoError;
use crate::flower;
use crate::flower_class::FLOWER_CLASSES;
use crate::gif_style::{GifStyle, Layout};
use crate::gif_writer;
use crate::indexed_clip::IndexedClip;
use crate::picture_writer::{self, PictureFormat};
use crate::seeded_rng::{Purpose, SeededRng};

/// A damaged or good file.
pub(crate) struct BrokenFile {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    kind: &'static str,
    /// Description of the damage.
    fault: &'static str,
    /// True if nothing in the file is readable.
    fails: bool,
}

impl BrokenFile {
    /// The file's line in `broken/labels.jsonl`; `path` is relative to the set.
    pub(crate) fn label(&self, path: &str) -> Value {
        json!({"path": path, "kind": self.kind, "fault": self.fault, "fails": self.fails})
    }
}

/// Generates the files.
pub(crate) fn draw(seed: u64) -> Result<Vec<BrokenFile>, DemoError> {
    let clip = |name, bytes, fault, fails| BrokenFile { name, bytes, kind: "clip", fault, fails };
    let picture = |name, bytes, fault, fails| BrokenFile { name, bytes, kind: "picture", fault, fails };
    let gifs = Gifs::draw(seed)?;
    let flower = flower::draw(FLOWER_CLASSES[0], &mut SeededRng::new(seed, Purpose::Broken, 1));
    let jpeg = picture_writer::write(&flower, PictureFormat::Jpeg(85))?;
    let png = picture_writer::write(&flower, PictureFormat::Png)?;
    Ok(vec![
        clip("zero-byte.gif", Vec::new(), "no bytes at all", true),
        clip("cut-in-first-frame.gif", gifs.truncated(0), "ends within its first frame", true),
        clip("cut-in-later-frame.gif", gifs.truncated(3), "ends within its fourth frame", false),
        clip("text.gif", b"This is a text, whatever its name says.\n".to_vec(), "is a text", true),
        clip("huge.gif", gifs.huge(), "announces 65000 x 65000 pixels", true),
        clip("good.gif", gifs.good.clone(), "none", false),
        picture("cut.jpg", up_to_scan(&jpeg), "ends within its tables", true),
        picture("wrong-checksum.png", with_wrong_checksum(png), "the checksum of its header is wrong", true),
        picture("good.jpg", jpeg, "none", false),
    ])
}

/// A good GIF, and the ends of its frames.
struct Gifs {
    good: Vec<u8>,
    /// Size of the file with no frames, with the first frame, with the first two, …
    ends: Vec<usize>,
}

impl Gifs {
    fn draw(seed: u64) -> Result<Self, DemoError> {
        let mut rng = SeededRng::new(seed, Purpose::Broken, 0);
        let [class, ..] = CLIP_CLASSES;
        let clip = Clip::draw(class, &mut rng);
        let layout = Layout::Whole(gif::DisposalMethod::Keep);
        let style =
            GifStyle { layout, local_palettes: false, ..GifStyle::random(clip.static_background, &mut rng) };
        let indexed = IndexedClip::new(&clip, &style);
        // Every file ends in a trailer of one byte.
        let end = |frames| gif_writer::write(&indexed, &style, frames).map(|bytes| bytes.len() - 1);
        let ends = (0..clip.frames.len()).map(end).collect::<Result<_, _>>()?;
        Ok(Self { good: gif_writer::write(&indexed, &style, usize::MAX)?, ends })
    }

    /// The GIF, truncated in the middle of frame `frame`, counted from 0.
    fn truncated(&self, frame: usize) -> Vec<u8> {
        let ends = self.ends.iter().skip(frame).take(2);
        let middle = ends.sum::<usize>() / 2;
        self.good.iter().take(middle).copied().collect()
    }

    /// The GIF with huge sides in its header and its first frame, but without the pixel data for them.
    fn huge(&self) -> Vec<u8> {
        const SIDE: [u8; 2] = 65_000_u16.to_le_bytes();
        let mut bytes = self.good.clone();
        let header = 6;
        // The sides of a frame follow a control extension of eight bytes, a separator, the left and the top.
        let frame = self.ends.first().map_or(0, |start| start + 8 + 1 + 4);
        for start in [header, header + 2, frame, frame + 2] {
            for (byte, new) in bytes.iter_mut().skip(start).zip(SIDE) {
                *byte = new;
            }
        }
        bytes
    }
}

/// The JPEG up to the marker before its pixels. For later truncation readers differ: some fill missing pixels with
/// grey.
fn up_to_scan(jpeg: &[u8]) -> Vec<u8> {
    const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
    let scan = jpeg.windows(2).position(|marker| marker == START_OF_SCAN);
    jpeg.iter().take(scan.unwrap_or(0)).copied().collect()
}

/// The PNG with one flipped bit in the checksum of its header. Readers ignore the checksums of pixel data.
fn with_wrong_checksum(mut png: Vec<u8>) -> Vec<u8> {
    let start = png.windows(4).position(|name| name == b"IHDR").unwrap_or(0);
    let length =
        png.iter().take(start).rev().take(4).rev().fold(0, |length, &byte| length << 8 | usize::from(byte));
    if let Some(byte) = png.get_mut(start + 4 + length) {
        *byte ^= 1;
    }
    png
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{AnimationDecoder, ImageReader};

    use super::*;

    fn readable_frames(bytes: &[u8]) -> usize {
        let mut options = gif::DecodeOptions::new();
        options.set_memory_limit(gif::MemoryLimit::Bytes(64_000_000.try_into().unwrap()));
        let Ok(mut decoder) = options.read_info(Cursor::new(bytes)) else { return 0 };
        std::iter::from_fn(|| decoder.read_next_frame().ok().flatten().map(|_| ())).count()
    }

    fn picture_is_readable(bytes: &[u8]) -> bool {
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().unwrap().decode().is_ok()
    }

    #[test]
    fn files_labelled_as_failing_are_unreadable() {
        for seed in 0..5 {
            for broken in draw(seed).unwrap() {
                let reads = match broken.kind {
                    "clip" => readable_frames(&broken.bytes) > 0,
                    _ => picture_is_readable(&broken.bytes),
                };
                assert_eq!(reads, !broken.fails, "{}", broken.name);
            }
        }
    }

    #[test]
    fn a_gif_truncated_in_its_fourth_frame_has_three() {
        let gifs = Gifs::draw(1).unwrap();
        assert_eq!(readable_frames(&gifs.truncated(3)), 3);
        assert_eq!(readable_frames(&gifs.good), gifs.ends.len());
        let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(gifs.truncated(3))).unwrap();
        let frames: Vec<bool> = decoder.into_frames().map(|frame| frame.is_ok()).take(4).collect();
        assert_eq!(frames, [true, true, true, false]);
    }

    #[test]
    fn the_huge_gif_claims_its_size_in_header_and_frame() {
        let bytes = Gifs::draw(1).unwrap().huge();
        let side = [0xe8, 0xfd];
        assert_eq!(bytes[6..10], [side, side].concat());
        let decoder = gif::DecodeOptions::new().read_info(Cursor::new(&bytes)).unwrap();
        assert_eq!((decoder.width(), decoder.height()), (65_000, 65_000));
        assert!(bytes.windows(4).filter(|window| *window == [side, side].concat()).count() >= 2);
    }

    #[test]
    fn only_one_byte_of_the_checksum_is_wrong() {
        let flower = flower::draw(FLOWER_CLASSES[0], &mut SeededRng::new(1, Purpose::Broken, 1));
        let good = picture_writer::write(&flower, PictureFormat::Png).unwrap();
        let wrong = with_wrong_checksum(good.clone());
        assert_eq!(good.iter().zip(&wrong).filter(|(good, wrong)| good != wrong).count(), 1);
        assert!(picture_is_readable(&good) && !picture_is_readable(&wrong));
    }
}
