//! Tests that the default set has the variety described in the README. Files are read back with independent decoders.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::sync::LazyLock;

use gif::{DecodeOptions, DisposalMethod};

use crate::arguments::Arguments;
use crate::clip_class::CLIP_CLASSES;
use crate::file_content;
use crate::file_plan::file_plan;
use crate::flower_class::FLOWER_CLASSES;
use crate::seeded_rng::Purpose;

/// Properties of a GIF.
struct GifProperties {
    sides: (u16, u16),
    frames: Vec<gif::Frame<'static>>,
    /// Number of entries of the global palette, a power of 2; 0 without a global palette.
    colours: usize,
}

fn gif_properties(bytes: &[u8]) -> GifProperties {
    let mut decoder = DecodeOptions::new().read_info(Cursor::new(bytes)).unwrap();
    let sides = (decoder.width(), decoder.height());
    let colours = decoder.global_palette().map_or(0, |palette| palette.len() / 3);
    let frames = std::iter::from_fn(|| decoder.read_next_frame().unwrap().cloned()).collect();
    GifProperties { sides, frames, colours }
}

/// The clips of the default set.
static CLIPS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let arguments = Arguments::new("unused");
    let files = file_plan(&CLIP_CLASSES, &arguments, Purpose::Clip);
    files.iter().map(|entry| file_content::clip(arguments.seed, entry).unwrap()).collect()
});

#[test]
fn clips_cover_the_features_of_gif() {
    let clips: Vec<GifProperties> = CLIPS.iter().map(|bytes| gif_properties(bytes)).collect();
    let share = |has: &dyn Fn(&GifProperties) -> bool| {
        clips.iter().filter(|clip| has(clip)).count() * 100 / clips.len()
    };
    let partial =
        |clip: &GifProperties| clip.frames.iter().any(|frame| (frame.width, frame.height) != clip.sides);
    let transparent = |clip: &GifProperties| clip.frames.iter().any(|frame| frame.transparent.is_some());
    let local = |clip: &GifProperties| clip.frames.iter().all(|frame| frame.palette.is_some());
    let shares = [
        ("not square", share(&|clip| clip.sides.0 != clip.sides.1)),
        ("partial", share(&partial)),
        ("transparent", share(&transparent)),
        ("whole and opaque", share(&|clip| !partial(clip) && !transparent(clip))),
        ("local palettes", share(&local)),
        ("few colours", share(&|clip| (1..=16).contains(&clip.colours))),
        ("many colours", share(&|clip| clip.colours > 64)),
    ];
    for (name, share) in shares {
        assert!((8..=80).contains(&share), "{name}: {share} %");
    }
    let all = |disposal| share(&|clip| clip.frames.iter().skip(1).all(|frame| frame.dispose == disposal));
    for disposal in
        [DisposalMethod::Any, DisposalMethod::Keep, DisposalMethod::Background, DisposalMethod::Previous]
    {
        assert!(all(disposal) >= 2, "{disposal:?}");
    }
    let delays: BTreeSet<u16> = clips.iter().map(|clip| clip.frames[0].delay).collect();
    assert!(delays.len() >= 6, "{delays:?}");
}

#[test]
fn sides_and_frame_counts_cover_their_ranges() {
    let clips: Vec<GifProperties> = CLIPS.iter().map(|bytes| gif_properties(bytes)).collect();
    let sides = || clips.iter().flat_map(|clip| [clip.sides.0, clip.sides.1]);
    assert!(sides().min().unwrap() == 48 && (180..=200).contains(&sides().max().unwrap()));
    // One of the layouts adds a frame of the background alone.
    let counts: BTreeSet<usize> = clips.iter().map(|clip| clip.frames.len()).collect();
    assert_eq!((counts.first(), counts.last()), (Some(&6), Some(&17)));
}

#[test]
fn the_default_set_fits_into_25_megabytes_and_has_every_format() {
    let arguments = Arguments::new("unused");
    let files = file_plan(&FLOWER_CLASSES, &arguments, Purpose::Picture);
    let pictures: Vec<_> =
        files.iter().map(|entry| file_content::picture(arguments.seed, entry).unwrap()).collect();
    let clips: usize = CLIPS.iter().map(Vec::len).sum();
    let bytes = clips + pictures.iter().map(|(bytes, _)| bytes.len()).sum::<usize>();
    assert!(bytes < 25_000_000, "{bytes}");
    for extension in ["jpg", "png", "webp", "bmp"] {
        let count = pictures.iter().filter(|(_, format)| format.extension() == extension).count();
        assert!(count >= 8, "{extension}: {count}");
    }
}
