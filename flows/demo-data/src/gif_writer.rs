//! Encodes a clip as a GIF in a given style. The `gif` crate does compression and block structure.

use std::borrow::Cow;

use gif::{DisposalMethod, Encoder, EncodingError, Frame};

use crate::gif_style::{GifStyle, Layout};
use crate::indexed_clip::IndexedClip;

/// The rectangle of a frame in the file.
struct Patch {
    left: usize,
    top: usize,
    width: usize,
    pixels: Vec<u8>,
    disposal: DisposalMethod,
}

/// Encodes at most `frames` frames of the clip as a GIF.
pub(crate) fn write(clip: &IndexedClip, style: &GifStyle, frames: usize) -> Result<Vec<u8>, EncodingError> {
    let colours: Vec<u8> = clip.colours.iter().flat_map(|colour| colour.0).collect();
    let global: &[u8] = if style.local_palettes { &[] } else { &colours };
    let mut encoder = Encoder::new(Vec::new(), side(clip.width), side(clip.height), global)?;
    encoder.set_repeat(style.repeat)?;
    for patch in patches(clip, style.layout).into_iter().take(frames) {
        encoder.write_frame(&frame(patch, clip, style))?;
    }
    encoder.into_inner()
}

/// The rectangles of all frames of the file.
fn patches(clip: &IndexedClip, layout: Layout) -> Vec<Patch> {
    let transparent = clip.transparent;
    match layout {
        Layout::Whole(disposal) => clip.frames.iter().map(|pixels| whole(clip, pixels, disposal)).collect(),
        Layout::Changes { sparse } => {
            let absent = transparent.filter(|_| sparse);
            let first = clip.frames.iter().take(1).map(|pixels| whole(clip, pixels, DisposalMethod::Keep));
            let changed = clip.frames.windows(2).filter_map(|pair| match pair {
                [before, after] => Some(patch(clip, before, after, absent, DisposalMethod::Keep)),
                _ => None,
            });
            first.chain(changed).collect()
        }
        Layout::Overlay => {
            let figure = |pixels: &Vec<u8>| {
                patch(clip, &clip.background, pixels, transparent, DisposalMethod::Previous)
            };
            let background = whole(clip, &clip.background, DisposalMethod::Keep);
            std::iter::once(background).chain(clip.frames.iter().map(figure)).collect()
        }
        Layout::Sticker => {
            let figure = |pixels: &Vec<u8>| {
                patch(clip, &clip.background, pixels, transparent, DisposalMethod::Background)
            };
            clip.frames.iter().map(figure).collect()
        }
    }
}

/// The whole picture as a rectangle.
fn whole(clip: &IndexedClip, pixels: &[u8], disposal: DisposalMethod) -> Patch {
    Patch { left: 0, top: 0, width: clip.width, pixels: pixels.to_vec(), disposal }
}

/// The smallest rectangle that contains all differences of `after` from `before`; one pixel if there are none. Equal
/// pixels in it become `absent`.
fn patch(
    clip: &IndexedClip,
    before: &[u8],
    after: &[u8],
    absent: Option<u8>,
    disposal: DisposalMethod,
) -> Patch {
    let differs = |(_, (before, after)): &(usize, (&u8, &u8))| before != after;
    let positions = || before.iter().zip(after).enumerate().filter(differs).map(|(position, _)| position);
    let columns = || positions().map(|position| position % clip.width);
    let (left, right) = (columns().min().unwrap_or(0), columns().max().unwrap_or(0));
    let (first, last) = (positions().next().unwrap_or(0), positions().next_back().unwrap_or(0));
    let (top, bottom) = (first / clip.width, last / clip.width);
    let width = right - left + 1;
    let lines = |pixels: &[u8]| {
        let lines = pixels.chunks_exact(clip.width).skip(top).take(bottom - top + 1);
        lines.flat_map(|line| line.iter().skip(left).take(width).copied()).collect::<Vec<u8>>()
    };
    let shown = |(before, after): (u8, u8)| if before == after { absent.unwrap_or(after) } else { after };
    let pixels = lines(before).into_iter().zip(lines(after)).map(shown).collect();
    Patch { left, top, width, pixels, disposal }
}

/// Converts a rectangle to a frame of the `gif` crate.
fn frame(patch: Patch, clip: &IndexedClip, style: &GifStyle) -> Frame<'static> {
    let height = patch.pixels.len() / patch.width;
    let mut pixels = patch.pixels;
    let mut transparent = clip.transparent;
    let mut palette = None;
    if style.local_palettes {
        let (colours, local_indices) = local_palette(&pixels, clip);
        transparent = transparent.and_then(|index| local_indices.get(usize::from(index)).copied().flatten());
        for pixel in &mut pixels {
            *pixel = local_indices.get(usize::from(*pixel)).copied().flatten().unwrap_or(0);
        }
        palette = Some(colours);
    }
    Frame {
        delay: style.delay,
        dispose: patch.disposal,
        transparent,
        left: side(patch.left),
        top: side(patch.top),
        width: side(patch.width),
        height: side(height),
        palette,
        buffer: Cow::Owned(pixels),
        ..Frame::default()
    }
}

/// The palette of the colours that occur in `pixels`, as bytes, and the index in it for each index of the clip's
/// palette.
fn local_palette(pixels: &[u8], clip: &IndexedClip) -> (Vec<u8>, Vec<Option<u8>>) {
    let mut occurs = [false; 256];
    for &pixel in pixels {
        if let Some(occurs) = occurs.get_mut(usize::from(pixel)) {
            *occurs = true;
        }
    }
    let mut local_indices = vec![None; 256];
    let mut colours = Vec::new();
    let occurring = local_indices.iter_mut().zip(&clip.colours).zip(occurs).filter(|(_, occurs)| *occurs);
    for (next, ((local_index, colour), _)) in (0..=255).zip(occurring) {
        *local_index = Some(next);
        colours.extend(colour.0);
    }
    (colours, local_indices)
}

/// Converts a side or position to the type of the format. Clips are far smaller than its bound.
fn side(pixels: usize) -> u16 {
    u16::try_from(pixels).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::AnimationDecoder as _;
    use image::codecs::gif::GifDecoder;

    use super::*;
    use crate::clip::Clip;
    use crate::clip_class::CLIP_CLASSES;
    use crate::seeded_rng::{Purpose, SeededRng};

    /// Expected colours of each frame; `None` for transparent pixels.
    fn expected(clip: &IndexedClip, layout: Layout) -> Vec<Vec<Option<[u8; 3]>>> {
        let shown = |pixels: &Vec<u8>, absent: bool| {
            let pairs = pixels.iter().zip(&clip.background);
            let colour = |(&pixel, &background): (&u8, &u8)| {
                (!absent || pixel != background).then(|| clip.colours[usize::from(pixel)].0)
            };
            pairs.map(colour).collect::<Vec<_>>()
        };
        let background = (layout == Layout::Overlay).then(|| shown(&clip.background, false));
        let frames = clip.frames.iter().map(|pixels| shown(pixels, layout == Layout::Sticker));
        background.into_iter().chain(frames).collect()
    }

    /// Colours of each frame by an independent decoder.
    fn read(bytes: &[u8]) -> Vec<Vec<Option<[u8; 3]>>> {
        let frames = GifDecoder::new(Cursor::new(bytes)).unwrap().into_frames().collect_frames().unwrap();
        let colours = |frame: image::Frame| {
            let pixels = frame
                .buffer()
                .pixels()
                .map(|&image::Rgba([red, green, blue, alpha])| (alpha > 0).then_some([red, green, blue]));
            pixels.collect()
        };
        frames.into_iter().map(colours).collect()
    }

    #[test]
    fn every_style_decodes_to_the_drawn_frames() {
        let layouts = [
            Layout::Whole(DisposalMethod::Any),
            Layout::Whole(DisposalMethod::Keep),
            Layout::Whole(DisposalMethod::Background),
            Layout::Whole(DisposalMethod::Previous),
            Layout::Changes { sparse: false },
            Layout::Changes { sparse: true },
            Layout::Overlay,
            Layout::Sticker,
        ];
        for index in 0..64 {
            let mut rng = SeededRng::new(0, Purpose::Clip, index);
            let clip = Clip::draw(rng.pick(CLIP_CLASSES), &mut rng);
            let style =
                GifStyle { layout: rng.pick(layouts), ..GifStyle::random(clip.static_background, &mut rng) };
            let indexed = IndexedClip::new(&clip, &style);
            assert!(indexed.colours.len() <= style.palette_size);
            let bytes = write(&indexed, &style, usize::MAX).unwrap();
            assert!(read(&bytes) == expected(&indexed, style.layout), "{index}: {style:?}");
        }
    }

    fn clip(background: Vec<u8>, frames: Vec<Vec<u8>>, width: usize) -> IndexedClip {
        let height = background.len() / width;
        let colours = (0..8).map(|level| crate::colour::Colour([level * 30; 3])).collect();
        IndexedClip { width, height, colours, transparent: Some(7), background, frames }
    }

    #[test]
    fn a_patch_is_the_smallest_rectangle_that_changed() {
        let mut after = vec![0; 20];
        (after[6], after[12]) = (3, 4);
        let clip = clip(vec![0; 20], vec![vec![0; 20], after], 5);
        let patches = patches(&clip, Layout::Changes { sparse: true });
        assert_eq!((patches[0].width, patches[0].pixels.len()), (5, 20));
        assert_eq!((patches[1].left, patches[1].top, patches[1].width), (1, 1, 2));
        assert_eq!(patches[1].pixels, [3, 7, 7, 4]);
    }

    #[test]
    fn a_frame_without_change_is_one_pixel() {
        let clip = clip(vec![0; 6], vec![vec![0; 6]; 2], 3);
        let patches = patches(&clip, Layout::Changes { sparse: false });
        assert_eq!((patches[1].width, patches[1].pixels.as_slice()), (1, &[0][..]));
    }

    /// The frames of a file before composition.
    fn frames(bytes: &[u8]) -> Vec<Frame<'static>> {
        let mut decoder = gif::DecodeOptions::new().read_info(Cursor::new(bytes)).unwrap();
        std::iter::from_fn(|| decoder.read_next_frame().unwrap().cloned()).collect()
    }

    fn style(layout: Layout, local_palettes: bool) -> GifStyle {
        let style = GifStyle::random(true, &mut SeededRng::new(0, Purpose::Clip, 0));
        GifStyle { layout, local_palettes, delay: 12, ..style }
    }

    #[test]
    fn a_local_palette_contains_only_the_colours_of_its_frame() {
        let clip = clip(vec![0; 4], vec![vec![0, 0, 1, 1], vec![2, 3, 2, 4]], 2);
        let written = write(&clip, &style(Layout::Whole(DisposalMethod::Keep), true), 9).unwrap();
        let frames = frames(&written);
        // The size of a palette is a power of 2; unused entries are black.
        assert_eq!(frames[0].palette.as_deref().unwrap(), [0, 0, 0, 30, 30, 30]);
        let padded = [60, 60, 60, 90, 90, 90, 120, 120, 120, 0, 0, 0];
        assert_eq!(frames[1].palette.as_deref().unwrap(), padded);
        assert_eq!(frames[1].buffer[..], [0, 1, 0, 2]);
        assert_eq!(frames[0].transparent, None);
    }

    #[test]
    fn frames_have_delay_position_and_disposal() {
        let clip = clip(vec![0; 12], vec![vec![0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0]], 4);
        let frames = frames(&write(&clip, &style(Layout::Overlay, false), 9).unwrap());
        let [background, figure] = frames.as_slice() else { panic!("{} frames", frames.len()) };
        assert_eq!((background.dispose, background.width, background.height), (DisposalMethod::Keep, 4, 3));
        assert_eq!((figure.dispose, figure.left, figure.top), (DisposalMethod::Previous, 3, 1));
        assert_eq!((figure.delay, figure.transparent, figure.width), (12, Some(7), 1));
    }

    #[test]
    fn the_number_of_frames_is_bounded() {
        let clip = clip(vec![0; 4], vec![vec![1; 4]; 5], 2);
        for bound in [0, 2, 5, 9] {
            let written = write(&clip, &style(Layout::Sticker, false), bound).unwrap();
            assert_eq!(frames(&written).len(), bound.min(5));
        }
    }
}
