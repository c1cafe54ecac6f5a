//! Frames are put together as Pillow puts them together, and damaged ones are stepped over.

use flowrun_image::decode::{Clip, FRAMES_MAX, Frame};
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, RgbImage};

use crate::fixtures::{blank, blank_at, bytes, difference, image};

/// Every frame, or why it could not be read.
fn frames(content: &[u8]) -> Vec<Result<RgbImage, String>> {
    let mut clip = Clip::open(content).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = clip.next_frame().unwrap() {
        frames.push(match frame {
            Frame::Good(picture) => Ok(picture.clone()),
            Frame::Damaged(error) => Err(error.to_string()),
        });
    }
    frames
}

fn good(name: &str) -> Vec<RgbImage> {
    frames(&bytes(name)).into_iter().map(Result::unwrap).collect()
}

#[test]
fn every_disposal_leaves_what_pillow_leaves() {
    for name in ["keep.gif", "background.gif", "previous.gif", "local.gif", "partial.gif", "animated.webp"] {
        let pictures = good(name);
        let expected = image(&format!("{name}.expected.png"));
        assert_eq!(expected.height(), pictures.iter().map(RgbImage::height).sum::<u32>(), "{name}");
        for (number, (picture, expected)) in
            pictures.iter().zip(expected.chunks_exact(pictures[0].len())).enumerate()
        {
            let difference = difference(picture, expected);
            assert!(difference <= u8::from(name.ends_with(".webp")), "{name}, frame {number}: {difference}");
        }
    }
}

#[test]
fn damaged_frames_are_stepped_over_and_leave_no_trace() {
    let frames = frames(&bytes("damaged.gif"));
    let good: Vec<bool> = frames.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, true, false, true]);
    assert!(frames[1].as_ref().unwrap_err().starts_with("the GIF image is damaged: "), "{frames:?}");
}

#[test]
fn a_truncated_clip_keeps_the_frames_that_are_whole() {
    let whole = bytes("keep.gif");
    let pictures = good("keep.gif");
    let truncated = frames(&whole[..whole.len() / 2]);
    let (last, before) = truncated.split_last().unwrap();
    assert_eq!(last.as_ref().unwrap_err(), "the GIF image is truncated");
    assert!(before.len() < pictures.len());
    assert!(before.iter().zip(&pictures).all(|(frame, picture)| frame.as_ref() == Ok(picture)));
}

#[test]
fn a_clip_without_its_last_byte_is_whole() {
    let whole = bytes("keep.gif");
    assert_eq!(whole.last(), Some(&b';'));
    assert_eq!(
        frames(&whole[..whole.len() - 1]).into_iter().map(Result::unwrap).collect::<Vec<_>>(),
        good("keep.gif")
    );
}

#[test]
fn a_still_image_is_a_clip_of_one_frame() {
    for name in ["rgb.png", "rgb.jpg", "lossy.webp", "still.gif", "rgb.bmp"] {
        assert_eq!(good(name), [image(name)], "{name}");
    }
}

/// An animated WebP of one white pixel a frame (RFC 9649, 2.7).
fn blank_webp(frames: usize) -> Vec<u8> {
    fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        [name, &length[..], content, &[0_u8; 1][..content.len() % 2]].concat()
    }
    let mut still = Vec::new();
    WebPEncoder::new_lossless(&mut still).encode(&[255; 3], 1, 1, ExtendedColorType::Rgb8).unwrap();
    // Place, sides less one and milliseconds, three bytes each; how it is blended; then what a still image holds.
    let frame = chunk(b"ANMF", &[&[0; 12][..], &[10, 0, 0, 0], &still[12..]].concat());
    let head = [chunk(b"VP8X", &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0]), chunk(b"ANIM", &[0; 6])].concat();
    chunk(b"RIFF", &[b"WEBP", &head[..], &frame.repeat(frames)].concat())
}

/// How many frames are good before the clip ends, and how it does.
fn play(content: &[u8]) -> (usize, Option<String>) {
    let mut clip = Clip::open(content).unwrap();
    let mut good = 0;
    loop {
        match clip.next_frame() {
            Ok(Some(Frame::Good(_))) => good += 1,
            Ok(Some(Frame::Damaged(error))) => panic!("{error}"),
            Ok(None) => return (good, None),
            Err(error) => return (good, Some(error.to_string())),
        }
    }
}

#[test]
fn a_clip_at_the_bound_is_read_to_its_end() {
    assert_eq!(play(&blank(1, 1, FRAMES_MAX)), (FRAMES_MAX, None));
    assert_eq!(play(&blank_webp(FRAMES_MAX)), (FRAMES_MAX, None));
}

#[test]
fn a_clip_over_the_bounds_is_refused_when_it_reaches_them() {
    let many = || Some("the clip has more than the 10000 frames allowed".to_owned());
    assert_eq!(play(&blank(1, 1, FRAMES_MAX + 1)), (FRAMES_MAX, many()));
    assert_eq!(play(&blank_webp(FRAMES_MAX + 1)), (FRAMES_MAX, many()));
    let long = || Some("the frames of the clip add up to more than the 2000000000 pixels allowed".to_owned());
    assert_eq!(play(&blank(5000, 5000, 81)), (80, long()));
}

#[test]
fn the_picture_counts_against_the_bound_and_not_what_the_file_says_of_its_size() {
    // The first frame makes the picture 5000 × 5000.
    let (good, end) = play(&blank_at(4999, 1, 1, 81));
    assert_eq!(good, 80, "{end:?}");
}

#[test]
fn frames_too_large_to_be_decoded_are_stepped_over() {
    let far = blank_at(9999, 1, 1, 1);
    let near = blank(1, 1, 1);
    let frame = near.len() - 15;
    let frames = frames(&[&far, &near[frame..]].concat());
    assert!(frames[0].as_ref().unwrap_err().starts_with("the image has 10000 × 10000 pixels"), "{frames:?}");
    assert_eq!(frames[1], Ok(RgbImage::from_pixel(1, 1, image::Rgb([255; 3]))));
}

#[test]
fn a_frame_larger_than_the_clip_is_shown_whole_when_it_is_the_first() {
    let clip = blank(0, 0, 2);
    let frames = frames(&clip);
    assert_eq!(
        frames,
        [
            Ok(RgbImage::from_pixel(1, 1, image::Rgb([255; 3]))),
            Ok(RgbImage::from_pixel(1, 1, image::Rgb([255; 3])))
        ]
    );
}
