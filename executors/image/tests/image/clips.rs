//! Frames are put together as Pillow puts them together, and damaged ones are stepped over.

use flowrun_image::decode::{Clip, Frame};
use image::RgbImage;

use crate::fixtures::{bytes, difference, image};

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

/// A clip of one white pixel a frame, of that size, over and over.
fn blank(width: u16, height: u16, frames: usize) -> Vec<u8> {
    let sides = [width.to_le_bytes(), height.to_le_bytes()].concat();
    let head = [b"GIF89a", &sides[..], b"\x80\0\0\xff\xff\xff\0\0\0"].concat();
    let frame = b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    [head, frame.repeat(frames)].concat()
}

#[test]
fn a_clip_over_the_bounds_is_refused_when_it_reaches_them() {
    let end = |content: &[u8]| {
        let mut clip = Clip::open(content).unwrap();
        loop {
            match clip.next_frame() {
                Ok(Some(Frame::Good(_))) => {}
                Ok(other) => panic!("{other:?}"),
                Err(error) => return error.to_string(),
            }
        }
    };
    assert_eq!(end(&blank(1, 1, 10_001)), "the clip has more than the 10000 frames allowed");
    let long = end(&blank(5000, 5000, 81));
    assert_eq!(long, "the frames of the clip add up to more than the 2000000000 pixels allowed");
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
