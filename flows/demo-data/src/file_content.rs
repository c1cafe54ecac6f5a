//! Generates the bytes of a file from the seed and its entry in the file plan.

use crate::clip::Clip;
use crate::clip_class::ClipClass;
use crate::error::DemoError;
use crate::file_plan::FileEntry;
use crate::flower;
use crate::flower_class::FlowerClass;
use crate::gif_style::GifStyle;
use crate::gif_writer;
use crate::indexed_clip::IndexedClip;
use crate::picture_writer::{self, PictureFormat};
use crate::seeded_rng::{Purpose, SeededRng};

/// Generates the GIF of an entry.
pub(crate) fn clip(seed: u64, entry: &FileEntry<ClipClass>) -> Result<Vec<u8>, DemoError> {
    let mut rng = SeededRng::new(seed, Purpose::Clip, entry.index);
    let clip = Clip::draw(entry.class, &mut rng);
    let style = GifStyle::random(clip.static_background, &mut rng);
    Ok(gif_writer::write(&IndexedClip::new(&clip, &style), &style, usize::MAX)?)
}

/// Generates the picture of an entry. Returns its bytes and its random format.
pub(crate) fn picture(
    seed: u64,
    entry: &FileEntry<FlowerClass>,
) -> Result<(Vec<u8>, PictureFormat), DemoError> {
    let mut rng = SeededRng::new(seed, Purpose::Picture, entry.index);
    let picture = flower::draw(entry.class, &mut rng);
    let format = PictureFormat::draw(&mut rng);
    Ok((picture_writer::write(&picture, format)?, format))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip_class::CLIP_CLASSES;
    use crate::file_plan::Split;
    use crate::flower_class::FLOWER_CLASSES;

    #[test]
    fn a_file_depends_only_on_its_entry_and_the_seed() {
        let clip = |seed, index| {
            clip(seed, &FileEntry { class: CLIP_CLASSES[2], split: Split::Index, index }).unwrap()
        };
        assert_eq!(clip(1, 5), clip(1, 5));
        assert_ne!(clip(1, 5), clip(1, 6));
        assert_ne!(clip(1, 5), clip(2, 5));
    }

    #[test]
    fn the_bytes_have_the_returned_format() {
        for index in 0..12 {
            let entry = FileEntry { class: FLOWER_CLASSES[3], split: Split::Query, index };
            let (bytes, format) = picture(1, &entry).unwrap();
            let guessed = image::guess_format(&bytes).unwrap();
            assert!(guessed.extensions_str().contains(&format.extension()), "{format:?} {guessed:?}");
        }
    }
}
