//! The bytes of one file: from the seed and its entry in the roster alone.

use crate::clip::Clip;
use crate::clip_class::ClipClass;
use crate::dice::{Dice, Purpose};
use crate::error::DemoError;
use crate::flower;
use crate::flower_class::FlowerClass;
use crate::gif_style::GifStyle;
use crate::gif_writer;
use crate::indexed::Indexed;
use crate::picture_writer::{self, PictureFormat};
use crate::roster::Entry;

/// A GIF of the entry's class.
pub(crate) fn clip(seed: u64, entry: &Entry<ClipClass>) -> Result<Vec<u8>, DemoError> {
    let mut dice = Dice::new(seed, Purpose::Clip, entry.index);
    let clip = Clip::draw(entry.class, &mut dice);
    let style = GifStyle::draw(clip.steady, &mut dice);
    Ok(gif_writer::write(&Indexed::new(&clip, &style), &style, usize::MAX)?)
}

/// A picture of the entry's class, and the format that was chosen for it.
pub(crate) fn picture(seed: u64, entry: &Entry<FlowerClass>) -> Result<(Vec<u8>, PictureFormat), DemoError> {
    let mut dice = Dice::new(seed, Purpose::Picture, entry.index);
    let picture = flower::draw(entry.class, &mut dice);
    let format = PictureFormat::draw(&mut dice);
    Ok((picture_writer::write(&picture, format)?, format))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip_class::CLIP_CLASSES;
    use crate::flower_class::FLOWER_CLASSES;
    use crate::roster::Split;

    #[test]
    fn a_file_depends_on_its_entry_and_the_seed_alone() {
        let clip =
            |seed, index| clip(seed, &Entry { class: CLIP_CLASSES[2], split: Split::Index, index }).unwrap();
        assert_eq!(clip(1, 5), clip(1, 5));
        assert_ne!(clip(1, 5), clip(1, 6));
        assert_ne!(clip(1, 5), clip(2, 5));
    }

    #[test]
    fn the_format_is_the_one_of_the_bytes() {
        for index in 0..12 {
            let entry = Entry { class: FLOWER_CLASSES[3], split: Split::Query, index };
            let (bytes, format) = picture(1, &entry).unwrap();
            let guessed = image::guess_format(&bytes).unwrap();
            assert!(guessed.extensions_str().contains(&format.extension()), "{format:?} {guessed:?}");
        }
    }
}
