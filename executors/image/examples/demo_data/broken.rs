//! Files that a reader must survive, good ones among them.

use serde_json::{Value, json};

use crate::clip::Clip;
use crate::clip_class::CLIP_CLASSES;
use crate::dice::{Dice, Purpose};
use crate::error::DemoError;
use crate::flower;
use crate::flower_class::FLOWER_CLASSES;
use crate::gif_style::{GifStyle, Layout};
use crate::gif_writer;
use crate::indexed::Indexed;
use crate::picture_writer::{self, PictureFormat};

/// One file.
pub(crate) struct Broken {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    kind: &'static str,
    /// What is wrong with it.
    fault: &'static str,
    /// Whether nothing in it can be read.
    fails: bool,
}

impl Broken {
    /// The file's line among the labels; `path` starts at the set.
    pub(crate) fn label(&self, path: &str) -> Value {
        json!({"path": path, "kind": self.kind, "fault": self.fault, "fails": self.fails})
    }
}

/// The files.
pub(crate) fn draw(seed: u64) -> Result<Vec<Broken>, DemoError> {
    let clip = |name, bytes, fault, fails| Broken { name, bytes, kind: "clip", fault, fails };
    let picture = |name, bytes, fault, fails| Broken { name, bytes, kind: "picture", fault, fails };
    let gifs = Gifs::draw(seed)?;
    let flower = flower::draw(FLOWER_CLASSES[0], &mut Dice::new(seed, Purpose::Broken, 1));
    let jpeg = picture_writer::write(&flower, PictureFormat::Jpeg(85))?;
    let png = picture_writer::write(&flower, PictureFormat::Png)?;
    Ok(vec![
        clip("zero-byte.gif", Vec::new(), "no bytes at all", true),
        clip("cut-in-first-frame.gif", gifs.cut(0), "ends within its first frame", true),
        clip("cut-in-later-frame.gif", gifs.cut(3), "ends within its fourth frame", false),
        clip("text.gif", b"This is a text, whatever its name says.\n".to_vec(), "is a text", true),
        clip("huge.gif", gifs.huge(), "announces 65000 x 65000 pixels", true),
        clip("good.gif", gifs.good.clone(), "none", false),
        picture("cut.jpg", up_to_scan(&jpeg), "ends within its tables", true),
        picture("wrong-checksum.png", with_wrong_checksum(png), "a checksum is wrong", true),
        picture("good.jpg", jpeg, "none", false),
    ])
}

/// A good GIF, and where its frames end.
struct Gifs {
    good: Vec<u8>,
    /// The length of the file without any frame, with the first, with the first two, …
    ends: Vec<usize>,
}

impl Gifs {
    fn draw(seed: u64) -> Result<Self, DemoError> {
        let mut dice = Dice::new(seed, Purpose::Broken, 0);
        let [class, ..] = CLIP_CLASSES;
        let clip = Clip::draw(class, &mut dice);
        let layout = Layout::Whole(gif::DisposalMethod::Keep);
        let style = GifStyle { layout, local_palettes: false, ..GifStyle::draw(clip.steady, &mut dice) };
        let indexed = Indexed::new(&clip, &style);
        // Every file ends in a trailer of one byte.
        let end = |frames| gif_writer::write(&indexed, &style, frames).map(|bytes| bytes.len() - 1);
        let ends = (0..clip.frames.len()).map(end).collect::<Result<_, _>>()?;
        Ok(Self { good: gif_writer::write(&indexed, &style, usize::MAX)?, ends })
    }

    /// The GIF up to the middle of frame number `frame`.
    fn cut(&self, frame: usize) -> Vec<u8> {
        let ends = self.ends.iter().skip(frame).take(2);
        let middle = ends.sum::<usize>() / 2;
        self.good.iter().take(middle).copied().collect()
    }

    /// The GIF with other sides in its header and in its first frame: the bytes for so many pixels are not there.
    fn huge(&self) -> Vec<u8> {
        const SIDE: [u8; 2] = 65_000_u16.to_le_bytes();
        let mut bytes = self.good.clone();
        let header = 6;
        // A frame starts with a control extension of eight bytes, a separator, its left and its top.
        let frame = self.ends.first().map_or(0, |start| start + 8 + 1 + 4);
        for start in [header, header + 2, frame, frame + 2] {
            for (byte, new) in bytes.iter_mut().skip(start).zip(SIDE) {
                *byte = new;
            }
        }
        bytes
    }
}

/// The JPEG up to the marker before its pixels. Cut later, readers differ: some take the missing pixels for grey.
fn up_to_scan(jpeg: &[u8]) -> Vec<u8> {
    const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
    let scan = jpeg.windows(2).position(|marker| marker == START_OF_SCAN);
    jpeg.iter().take(scan.unwrap_or(0)).copied().collect()
}

/// The PNG with one bit of the checksum of its first chunk of pixels flipped.
fn with_wrong_checksum(mut png: Vec<u8>) -> Vec<u8> {
    let start = png.windows(4).position(|name| name == b"IDAT").unwrap_or(0);
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

    fn frames_read(bytes: &[u8]) -> usize {
        let mut options = gif::DecodeOptions::new();
        options.set_memory_limit(gif::MemoryLimit::Bytes(64_000_000.try_into().unwrap()));
        let Ok(mut decoder) = options.read_info(Cursor::new(bytes)) else { return 0 };
        std::iter::from_fn(|| decoder.read_next_frame().ok().flatten().map(|_| ())).count()
    }

    fn picture_reads(bytes: &[u8]) -> bool {
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().unwrap().decode().is_ok()
    }

    #[test]
    fn what_is_said_to_fail_has_nothing_to_read() {
        for seed in 0..5 {
            for broken in draw(seed).unwrap() {
                let reads = match broken.kind {
                    "clip" => frames_read(&broken.bytes) > 0,
                    _ => picture_reads(&broken.bytes),
                };
                assert_eq!(reads, !broken.fails, "{}", broken.name);
            }
        }
    }

    #[test]
    fn a_gif_cut_in_its_fourth_frame_has_three() {
        let gifs = Gifs::draw(1).unwrap();
        assert_eq!(frames_read(&gifs.cut(3)), 3);
        assert_eq!(frames_read(&gifs.good), gifs.ends.len());
        let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(gifs.cut(3))).unwrap();
        let frames: Vec<bool> = decoder.into_frames().map(|frame| frame.is_ok()).take(4).collect();
        assert_eq!(frames, [true, true, true, false]);
    }

    #[test]
    fn the_huge_one_announces_its_size_twice() {
        let bytes = Gifs::draw(1).unwrap().huge();
        let side = [0xe8, 0xfd];
        assert_eq!(bytes[6..10], [side, side].concat());
        let decoder = gif::DecodeOptions::new().read_info(Cursor::new(&bytes)).unwrap();
        assert_eq!((decoder.width(), decoder.height()), (65_000, 65_000));
        assert!(bytes.windows(4).filter(|window| *window == [side, side].concat()).count() >= 2);
    }

    #[test]
    fn only_the_checksum_is_wrong() {
        let flower = flower::draw(FLOWER_CLASSES[0], &mut Dice::new(1, Purpose::Broken, 1));
        let good = picture_writer::write(&flower, PictureFormat::Png).unwrap();
        let wrong = with_wrong_checksum(good.clone());
        assert_eq!(good.iter().zip(&wrong).filter(|(good, wrong)| good != wrong).count(), 1);
        assert!(picture_reads(&good) && !picture_reads(&wrong));
    }
}
