//! Writes a clip as a GIF in a given style. Compression and block structure are left to the `gif` crate.

use std::borrow::Cow;

use gif::{DisposalMethod, Encoder, EncodingError, Frame};

use crate::gif_style::{GifStyle, Layout};
use crate::indexed::Indexed;

/// A rectangle of a clip, as one frame of the file holds it.
struct Patch {
    left: usize,
    top: usize,
    width: usize,
    pixels: Vec<u8>,
    disposal: DisposalMethod,
}

/// The first `frames` frames of the clip as a GIF; all of them when there are fewer.
pub(crate) fn write(clip: &Indexed, style: &GifStyle, frames: usize) -> Result<Vec<u8>, EncodingError> {
    let colours: Vec<u8> = clip.colours.iter().flat_map(|colour| colour.0).collect();
    let global: &[u8] = if style.local_palettes { &[] } else { &colours };
    let mut encoder = Encoder::new(Vec::new(), side(clip.width), side(clip.height), global)?;
    encoder.set_repeat(style.repeat)?;
    for patch in patches(clip, style.layout).into_iter().take(frames) {
        encoder.write_frame(&frame(patch, clip, style))?;
    }
    encoder.into_inner()
}

/// What the frames of the file hold.
fn patches(clip: &Indexed, layout: Layout) -> Vec<Patch> {
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
            let figure =
                |pixels: &Vec<u8>| patch(clip, &clip.ground, pixels, transparent, DisposalMethod::Previous);
            let ground = whole(clip, &clip.ground, DisposalMethod::Keep);
            std::iter::once(ground).chain(clip.frames.iter().map(figure)).collect()
        }
        Layout::Sticker => {
            let figure =
                |pixels: &Vec<u8>| patch(clip, &clip.ground, pixels, transparent, DisposalMethod::Background);
            clip.frames.iter().map(figure).collect()
        }
    }
}

/// The whole picture.
fn whole(clip: &Indexed, pixels: &[u8], disposal: DisposalMethod) -> Patch {
    Patch { left: 0, top: 0, width: clip.width, pixels: pixels.to_vec(), disposal }
}

/// The smallest rectangle in which `after` differs from `before`; one pixel when nothing does. Pixels in it that do
/// not differ become `absent`.
fn patch(clip: &Indexed, before: &[u8], after: &[u8], absent: Option<u8>, disposal: DisposalMethod) -> Patch {
    let differs = |(_, (before, after)): &(usize, (&u8, &u8))| before != after;
    let places = || before.iter().zip(after).enumerate().filter(differs).map(|(place, _)| place);
    let columns = || places().map(|place| place % clip.width);
    let (left, right) = (columns().min().unwrap_or(0), columns().max().unwrap_or(0));
    let (first, last) = (places().next().unwrap_or(0), places().next_back().unwrap_or(0));
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

/// The frame that the encoder takes.
fn frame(patch: Patch, clip: &Indexed, style: &GifStyle) -> Frame<'static> {
    let height = patch.pixels.len() / patch.width;
    let mut pixels = patch.pixels;
    let mut transparent = clip.transparent;
    let mut palette = None;
    if style.local_palettes {
        let (colours, numbers) = own_palette(&pixels, clip);
        transparent = transparent.and_then(|number| numbers.get(usize::from(number)).copied().flatten());
        for pixel in &mut pixels {
            *pixel = numbers.get(usize::from(*pixel)).copied().flatten().unwrap_or(0);
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

/// The colours that occur, as bytes, and for each number of the clip's palette its number among them.
fn own_palette(pixels: &[u8], clip: &Indexed) -> (Vec<u8>, Vec<Option<u8>>) {
    let mut occurs = [false; 256];
    for &pixel in pixels {
        if let Some(occurs) = occurs.get_mut(usize::from(pixel)) {
            *occurs = true;
        }
    }
    let mut numbers = vec![None; 256];
    let mut colours = Vec::new();
    let occurring = numbers.iter_mut().zip(&clip.colours).zip(occurs).filter(|(_, occurs)| *occurs);
    for (next, ((number, colour), _)) in (0..=255).zip(occurring) {
        *number = Some(next);
        colours.extend(colour.0);
    }
    (colours, numbers)
}

/// A side or place as the format holds it; clips are far smaller than its bound.
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
    use crate::dice::{Dice, Purpose};

    /// What a reader should see in each frame: colours, or `None` where there is nothing.
    fn expected(clip: &Indexed, layout: Layout) -> Vec<Vec<Option<[u8; 3]>>> {
        let shown = |pixels: &Vec<u8>, absent: bool| {
            let pairs = pixels.iter().zip(&clip.ground);
            let colour = |(&pixel, &ground): (&u8, &u8)| {
                (!absent || pixel != ground).then(|| clip.colours[usize::from(pixel)].0)
            };
            pairs.map(colour).collect::<Vec<_>>()
        };
        let ground = (layout == Layout::Overlay).then(|| shown(&clip.ground, false));
        let frames = clip.frames.iter().map(|pixels| shown(pixels, layout == Layout::Sticker));
        ground.into_iter().chain(frames).collect()
    }

    /// What an independent reader sees.
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
    fn a_reader_sees_what_was_drawn_in_every_style() {
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
            let mut dice = Dice::new(0, Purpose::Clip, index);
            let clip = Clip::draw(dice.pick(CLIP_CLASSES), &mut dice);
            let style = GifStyle { layout: dice.pick(layouts), ..GifStyle::draw(clip.steady, &mut dice) };
            let indexed = Indexed::new(&clip, &style);
            assert!(indexed.colours.len() <= style.palette_size);
            let bytes = write(&indexed, &style, usize::MAX).unwrap();
            assert!(read(&bytes) == expected(&indexed, style.layout), "{index}: {style:?}");
        }
    }

    fn clip(ground: Vec<u8>, frames: Vec<Vec<u8>>, width: usize) -> Indexed {
        let height = ground.len() / width;
        let colours = (0..8).map(|level| crate::colour::Colour([level * 30; 3])).collect();
        Indexed { width, height, colours, transparent: Some(7), ground, frames }
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

    /// The frames of a file as it holds them.
    fn frames(bytes: &[u8]) -> Vec<Frame<'static>> {
        let mut decoder = gif::DecodeOptions::new().read_info(Cursor::new(bytes)).unwrap();
        std::iter::from_fn(|| decoder.read_next_frame().unwrap().cloned()).collect()
    }

    fn style(layout: Layout, local_palettes: bool) -> GifStyle {
        let style = GifStyle::draw(true, &mut Dice::new(0, Purpose::Clip, 0));
        GifStyle { layout, local_palettes, delay: 12, ..style }
    }

    #[test]
    fn a_local_palette_holds_the_colours_of_its_frame_alone() {
        let clip = clip(vec![0; 4], vec![vec![0, 0, 1, 1], vec![2, 3, 2, 4]], 2);
        let written = write(&clip, &style(Layout::Whole(DisposalMethod::Keep), true), 9).unwrap();
        let frames = frames(&written);
        // A table has a power of two of entries, the rest of them black.
        assert_eq!(frames[0].palette.as_deref().unwrap(), [0, 0, 0, 30, 30, 30]);
        let padded = [60, 60, 60, 90, 90, 90, 120, 120, 120, 0, 0, 0];
        assert_eq!(frames[1].palette.as_deref().unwrap(), padded);
        assert_eq!(frames[1].buffer[..], [0, 1, 0, 2]);
        assert_eq!(frames[0].transparent, None);
    }

    #[test]
    fn a_frame_has_its_delay_its_place_and_its_disposal() {
        let clip = clip(vec![0; 12], vec![vec![0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0]], 4);
        let frames = frames(&write(&clip, &style(Layout::Overlay, false), 9).unwrap());
        let [ground, figure] = frames.as_slice() else { panic!("{} frames", frames.len()) };
        assert_eq!((ground.dispose, ground.width, ground.height), (DisposalMethod::Keep, 4, 3));
        assert_eq!((figure.dispose, figure.left, figure.top), (DisposalMethod::Previous, 3, 1));
        assert_eq!((figure.delay, figure.transparent, figure.width), (12, Some(7), 1));
    }

    #[test]
    fn as_many_frames_are_written_as_asked_for() {
        let clip = clip(vec![0; 4], vec![vec![1; 4]; 5], 2);
        for asked in [0, 2, 5, 9] {
            let written = write(&clip, &style(Layout::Sticker, false), asked).unwrap();
            assert_eq!(frames(&written).len(), asked.min(5));
        }
    }
}
