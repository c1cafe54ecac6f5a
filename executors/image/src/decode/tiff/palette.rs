//! TIFF images of eight bits whose pixels are indices into a palette: decoded as grey, then replaced by the colours.

use image::{Rgb, RgbImage};

use super::directory::Directory;
use super::tag;

/// Colours of a palette of eight bits.
const COLOURS: usize = 256;

/// Photometric interpretations.
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u32 = 3;

/// The file as a grey image, and its palette.
pub(super) struct Indexed {
    pub(super) grey: Vec<u8>,
    palette: Vec<[u8; 3]>,
}

impl Indexed {
    /// `None` for a file that is not of this kind.
    pub(super) fn read(directory: &Directory<'_>) -> Option<Self> {
        let is_indexed = directory.value(tag::PHOTOMETRIC) == Some(PALETTE)
            && directory.value(tag::BITS_PER_SAMPLE) == Some(8);
        if !is_indexed {
            return None;
        }
        let values = directory.shorts(tag::COLOUR_MAP, 3 * COLOURS).filter(|map| map.len() == 3 * COLOURS)?;
        // All red values come first, then green and blue. As in Pillow, the upper byte counts.
        let [red, green, blue] = [0, 1, 2].map(|channel| values.iter().skip(channel * COLOURS).take(COLOURS));
        let palette = red.zip(green).zip(blue).map(|((red, green), blue)| {
            [red, green, blue].map(|value| {
                let [upper, _] = value.to_be_bytes();
                upper
            })
        });
        let palette = palette.collect();
        Some(Self { grey: directory.with_short(tag::PHOTOMETRIC, BLACK_IS_ZERO)?, palette })
    }

    /// Replaces the grey values of the decoded image by colours.
    pub(super) fn colour(&self, image: &mut RgbImage) {
        for Rgb(pixel) in image.pixels_mut() {
            let [index, ..] = *pixel;
            *pixel = self.palette.get(usize::from(index)).copied().unwrap_or_default();
        }
    }
}
