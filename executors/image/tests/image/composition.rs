//! GIF frames are composed as specified (GIF89a): compared with a slow reference, pixel by pixel, in this file.

use flowrun_image::decode::{Clip, Frame};
use gif::{DisposalMethod, Encoder};
use proptest::prelude::*;

const WIDTH: u16 = 7;
const HEIGHT: u16 = 5;

/// Global palette of all clips here; index 0 is the background.
const PALETTE: [u8; 12] = [10, 11, 12, 200, 0, 0, 0, 200, 0, 0, 0, 200];

/// A frame with arbitrary area, pixels, palette and disposal.
fn frame() -> impl Strategy<Value = gif::Frame<'static>> {
    let area = (0..WIDTH, 0..HEIGHT, 1..=WIDTH, 1..=HEIGHT);
    let disposal = prop::sample::select(vec![
        DisposalMethod::Any,
        DisposalMethod::Keep,
        DisposalMethod::Background,
        DisposalMethod::Previous,
    ]);
    let pixels = proptest::collection::vec(0_u8..4, usize::from(WIDTH) * usize::from(HEIGHT));
    (area, disposal, pixels, prop::option::of(0_u8..4), any::<bool>()).prop_map(
        |((left, top, width, height), dispose, mut pixels, transparent, local)| {
            pixels.truncate(usize::from(width) * usize::from(height));
            let palette = local.then(|| PALETTE.iter().rev().copied().collect());
            gif::Frame {
                left,
                top,
                width,
                height,
                dispose,
                transparent,
                palette,
                buffer: pixels.into(),
                ..gif::Frame::default()
            }
        },
    )
}

fn encoded(frames: &[gif::Frame<'_>]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, WIDTH, HEIGHT, &PALETTE).unwrap();
    for frame in frames {
        encoder.write_frame(frame).unwrap();
    }
    drop(encoder);
    file
}

/// A picture, or an area of one, as rows of colours.
type Rows = Vec<Vec<[u8; 3]>>;

/// Colours of a frame by index.
fn colours(frame: &gif::Frame<'_>) -> Vec<[u8; 3]> {
    frame.palette.as_deref().unwrap_or(&PALETTE).as_chunks().0.to_vec()
}

/// Colour of pixels that were never painted or were disposed.
fn background(frame: &gif::Frame<'_>) -> [u8; 3] {
    frame.transparent.map_or([10, 11, 12], |index| colours(frame)[usize::from(index)])
}

/// The picture after every frame, by the reference.
fn expected(frames: &[gif::Frame<'_>]) -> Vec<Rows> {
    let mut picture: Rows = vec![vec![background(&frames[0]); usize::from(WIDTH)]; usize::from(HEIGHT)];
    let mut shown = Vec::new();
    for frame in frames {
        let before = picture.clone();
        let positions = (0..frame.height).flat_map(|y| (0..frame.width).map(move |x| (x, y)));
        let pixels: Vec<(usize, usize, u8)> = positions
            .zip(&*frame.buffer)
            .map(|((x, y), &index)| (usize::from(frame.left + x), usize::from(frame.top + y), index))
            .filter(|&(x, y, _)| x < usize::from(WIDTH) && y < usize::from(HEIGHT))
            .collect();
        for &(x, y, index) in &pixels {
            if frame.transparent != Some(index) {
                picture[y][x] = colours(frame)[usize::from(index)];
            }
        }
        shown.push(picture.clone());
        for &(x, y, _) in &pixels {
            match frame.dispose {
                DisposalMethod::Background => picture[y][x] = background(frame),
                DisposalMethod::Previous => picture[y][x] = before[y][x],
                DisposalMethod::Any | DisposalMethod::Keep => {}
            }
        }
    }
    shown
}

/// The picture after every frame, by the decoder.
fn decoded(file: &[u8]) -> Vec<Rows> {
    let mut clip = Clip::open(file).unwrap();
    let mut shown = Vec::new();
    while let Some(frame) = clip.next_frame().unwrap() {
        let Frame::Good(picture) = frame else { panic!("{frame:?}") };
        // The first frame may have extended the picture; only the screen is compared.
        let rows = picture.rows().take(usize::from(HEIGHT));
        shown.push(rows.map(|row| row.take(usize::from(WIDTH)).map(|pixel| pixel.0).collect()).collect());
    }
    shown
}

proptest! {
    #[test]
    fn any_frames_are_composed_as_the_specification_says(frames in proptest::collection::vec(frame(), 1..8)) {
        prop_assert_eq!(decoded(&encoded(&frames)), expected(&frames));
    }

    #[test]
    fn interlacing_only_changes_the_order_of_rows(first in frame()) {
        const PASSES: [(usize, usize); 4] = [(0, 8), (4, 8), (2, 4), (1, 2)];
        let (width, height) = (usize::from(first.width), usize::from(first.height));
        let order = PASSES.iter().flat_map(|&(start, step)| (start..height).step_by(step));
        let rows: Vec<&[u8]> = order.map(|row| &first.buffer[row * width..][..width]).collect();
        let interlaced = gif::Frame { interlaced: true, buffer: rows.concat().into(), ..first.clone() };
        prop_assert_eq!(decoded(&encoded(&[interlaced])), expected(&[first]));
    }

    #[test]
    fn a_clip_truncated_anywhere_keeps_the_frames_before(
        frames in proptest::collection::vec(frame(), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let file = encoded(&frames);
        let head = &file[..cut.index(file.len())];
        let Ok(mut clip) = Clip::open(head) else { return Ok(()) };
        let whole = expected(&frames);
        let mut good = 0;
        while let Some(frame) = clip.next_frame().unwrap() {
            match frame {
                Frame::Good(picture) => {
                    prop_assert_eq!(picture.get_pixel(0, 0).0, whole[good][0][0]);
                    good += 1;
                }
                Frame::Damaged(error) => {
                    prop_assert_eq!(error.to_string(), "the GIF image is truncated");
                }
            }
        }
        prop_assert!(good <= frames.len());
    }
}
