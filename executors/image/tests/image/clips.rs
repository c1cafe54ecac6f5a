//! Clips are composed as by Pillow, and damaged frames are skipped.

use flowrun_image::decode::{Clip, FRAMES_MAX, Frame};
use flowrun_image::visit_frames;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, RgbImage};

use crate::fixtures::{blank, blank_at, bytes, difference, image};

/// All frames of a clip; messages for damaged ones.
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

fn good_frames(name: &str) -> Vec<RgbImage> {
    frames(&bytes(name)).into_iter().map(Result::unwrap).collect()
}

#[test]
fn every_disposal_gives_the_pictures_of_pillow() {
    for name in ["keep.gif", "background.gif", "previous.gif", "local.gif", "partial.gif", "animated.webp"] {
        let pictures = good_frames(name);
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
fn damaged_frames_are_skipped_and_leave_no_trace() {
    let frames = frames(&bytes("damaged.gif"));
    let good: Vec<bool> = frames.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, true, false, true]);
    assert!(frames[1].as_ref().unwrap_err().starts_with("the GIF image is damaged: "), "{frames:?}");
}

#[test]
fn a_truncated_clip_keeps_its_complete_frames() {
    let whole = bytes("keep.gif");
    let pictures = good_frames("keep.gif");
    let truncated = frames(&whole[..whole.len() / 2]);
    let (last, before) = truncated.split_last().unwrap();
    assert_eq!(last.as_ref().unwrap_err(), "the GIF image is truncated");
    assert!(before.len() < pictures.len());
    assert!(before.iter().zip(&pictures).all(|(frame, picture)| frame.as_ref() == Ok(picture)));
}

#[test]
fn a_clip_without_a_trailer_is_complete() {
    let whole = bytes("keep.gif");
    assert_eq!(whole.last(), Some(&b';'));
    assert_eq!(
        frames(&whole[..whole.len() - 1]).into_iter().map(Result::unwrap).collect::<Vec<_>>(),
        good_frames("keep.gif")
    );
}

#[test]
fn a_still_image_is_a_clip_of_one_frame() {
    for name in ["rgb.png", "rgb.jpg", "lossy.webp", "still.gif", "rgb.bmp"] {
        assert_eq!(good_frames(name), [image(name)], "{name}");
    }
}

/// An animated WebP with one white pixel per frame (RFC 9649, 2.7).
fn blank_webp(frames: usize) -> Vec<u8> {
    fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        [name, &length[..], content, &[0_u8; 1][..content.len() % 2]].concat()
    }
    let mut still = Vec::new();
    WebPEncoder::new_lossless(&mut still).encode(&[255; 3], 1, 1, ExtendedColorType::Rgb8).unwrap();
    // Position, sides minus one and milliseconds, three bytes each; flags; then the chunks of a still image.
    let frame = chunk(b"ANMF", &[&[0; 12][..], &[10, 0, 0, 0], &still[12..]].concat());
    let head = [chunk(b"VP8X", &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0]), chunk(b"ANIM", &[0; 6])].concat();
    chunk(b"RIFF", &[b"WEBP", &head[..], &frame.repeat(frames)].concat())
}

/// Number of good frames, and the error that ends the clip.
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
fn a_clip_at_the_frame_bound_is_decoded_completely() {
    assert_eq!(play(&blank(1, 1, FRAMES_MAX)), (FRAMES_MAX, None));
    assert_eq!(play(&blank_webp(FRAMES_MAX)), (FRAMES_MAX, None));
}

#[test]
fn a_clip_over_a_bound_fails_when_it_reaches_the_bound() {
    let many = || Some("the clip has more than the 10000 frames allowed".to_owned());
    assert_eq!(play(&blank(1, 1, FRAMES_MAX + 1)), (FRAMES_MAX, many()));
    assert_eq!(play(&blank_webp(FRAMES_MAX + 1)), (FRAMES_MAX, many()));
    let long = || Some("the frames of the clip add up to more than the 2000000000 pixels allowed".to_owned());
    assert_eq!(play(&blank(5000, 5000, 81)), (80, long()));
}

#[test]
fn the_actual_picture_size_counts_against_the_bound_not_that_of_the_header() {
    // The first frame extends the picture to 5000 × 5000.
    let (good, end) = play(&blank_at(4999, 1, 1, 81));
    assert_eq!(good, 80, "{end:?}");
}

#[test]
fn oversized_frames_are_skipped() {
    let far = blank_at(9999, 1, 1, 1);
    let near = blank(1, 1, 1);
    let frame = near.len() - 15;
    let frames = frames(&[&far, &near[frame..]].concat());
    assert!(frames[0].as_ref().unwrap_err().starts_with("the image has 10000 × 10000 pixels"), "{frames:?}");
    assert_eq!(frames[1], Ok(RgbImage::from_pixel(1, 1, image::Rgb([255; 3]))));
}

#[test]
fn the_first_frame_extends_a_clip_that_is_too_small() {
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

#[test]
fn frames_are_visited_with_their_times_and_scaled() {
    let mut starts = Vec::new();
    let half = |width: u32, height: u32| (width / 2, height / 2);
    let duration = visit_frames(&bytes("keep.gif"), &half, &mut |frame| {
        assert_eq!((frame.width, frame.height, frame.pixels.len()), (12, 8, 12 * 8 * 3));
        starts.push((frame.number, frame.start.as_millis()));
        Ok(())
    });
    assert_eq!(duration.unwrap().as_millis(), 50 * starts.len() as u128);
    assert!(starts.iter().all(|(number, start)| *start == 50 * u128::from(*number)), "{starts:?}");
}

#[test]
fn frames_without_a_chosen_time_are_shown_for_a_tenth_of_a_second() {
    let length = |content: &[u8]| visit_frames(content, &|_, _| (1, 1), &mut |_| Ok(())).unwrap().as_millis();
    // They store 10 ms and 0 ms.
    assert_eq!(length(&blank_webp(3)), 300);
    assert_eq!(length(&bytes("animated.webp")), 400);
    assert_eq!(length(&bytes("rgb.png")), 0);
}
