//! Selection of frames, their numbers, times and tags.

use flowrun_sdk::Document;
use serde_json::json;

use crate::drawing::{Transitions, draw, encode, levels};
use crate::support::{create_error, has_ffmpeg, segment, tags, try_segment};

/// Mean of the pixels of each chunk.
fn means(document: &Document) -> Vec<f64> {
    let mean = |chunk: &Document| {
        let pixels = chunk.tensor.as_ref().unwrap().as_u8().unwrap();
        pixels.iter().map(|pixel| f64::from(*pixel)).sum::<f64>() / pixels.len() as f64
    };
    document.chunks.iter().map(mean).collect()
}

#[test]
fn frames_have_their_number_time_and_pixels() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("levels.mp4");
    encode(&levels(100), &path, &["-qp", "0"]);
    for (with, expected) in [
        (json!({"frames": "every", "every_k_frame": 30}), vec![0.0, 30.0, 60.0, 90.0]),
        (json!({"frames": "rate", "fps": 1}), vec![0.0, 25.0, 50.0, 75.0]),
        (json!({"frames": "rate", "fps": 0.5}), vec![0.0, 50.0]),
        (json!({"frames": "rate", "fps": 100}), (0..100).map(f64::from).collect()),
    ] {
        let video = segment(&path, &with);
        assert_eq!(tags(&video, "frame"), expected, "{with}");
        let times: Vec<f64> = expected.iter().map(|frame| frame / 25.0).collect();
        assert_eq!(tags(&video, "timestamp"), times, "{with}");
        // The level of grey is the number of the frame.
        for (mean, frame) in means(&video).iter().zip(&expected) {
            assert!((mean - frame).abs() <= 2.0, "{with}: {mean} in frame {frame}");
        }
    }
}

#[test]
fn key_frames_are_decoded_alone() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("levels.mp4");
    encode(&levels(100), &path, &["-g", "40", "-keyint_min", "40", "-sc_threshold", "0"]);
    let video = segment(&path, &json!({"frames": "key"}));
    assert_eq!(tags(&video, "frame"), [0.0, 40.0, 80.0]);
    assert_eq!(tags(&video, "timestamp"), [0.0, 1.6, 3.2]);
}

#[test]
fn chunks_have_the_tags_of_their_scene_and_the_video_those_of_the_whole() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("scenes.mkv");
    let drawn = draw(1, 4, Transitions::Cuts);
    encode(&drawn.frames, &path, &[]);
    let video = segment(&path, &json!({"frames_per_scene": 2, "max_side": 80}));
    assert_eq!(
        (video.mime_type.as_str(), &video.tags["width"], &video.tags["height"]),
        ("video/x-matroska", &json!(160), &json!(90))
    );
    let length = drawn.frames.len() as f64 / 25.0;
    assert!((video.tags["duration"].as_f64().unwrap() - length).abs() < 0.01);
    assert_eq!(tags(&video, "scene_number"), [0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
    for chunk in &video.chunks {
        let tag = |name: &str| chunk.tags[name].as_f64().unwrap();
        assert_eq!((&chunk.tags["video_id"], &chunk.tags["siblings"]), (&json!("video"), &json!(8)));
        assert_eq!(
            (chunk.parent_id.as_str(), chunk.id.clone()),
            ("video", format!("video#{}", tag("frame")))
        );
        assert!(tag("scene_start") <= tag("timestamp") && tag("timestamp") < tag("scene_end"), "{chunk:?}");
        assert_eq!(chunk.tensor.as_ref().unwrap().shape(), [45, 80, 3]);
        assert_eq!(chunk.offset.map(f64::from), Some(tag("frame")));
    }
    let starts: Vec<f64> = tags(&video, "scene_start").into_iter().step_by(2).collect();
    let cuts = drawn.transitions.iter().map(|cut| cut.first as f64 / 25.0);
    assert_eq!(starts, std::iter::once(0.0).chain(cuts).collect::<Vec<_>>());
}

#[test]
fn a_video_with_more_frames_than_allowed_fails() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("levels.mp4");
    encode(&levels(100), &path, &[]);
    let document = Document::new("video").with_uri(path.to_str().unwrap());
    let error = try_segment(document, &json!({"frames": "every", "max_frames": 50})).unwrap_err();
    assert!(
        error.starts_with("the video has more than 50 frames to keep (`max_frames`) after 2 seconds"),
        "{error}"
    );
}

#[test]
fn parameters_out_of_range_are_rejected() {
    for (with, message) in [
        (json!({"frames_per_scene": 0}), "`frames_per_scene`: must be from 1 to 16"),
        (json!({"frames_per_scene": 17}), "`frames_per_scene`: must be from 1 to 16"),
        (json!({"fps": 0}), "`fps`: must be more than 0 and at most 1000"),
        (json!({"every_k_frame": 0}), "`every_k_frame`: must be at least 1"),
        (json!({"max_frames": 0}), "`max_frames`: must be at least 1"),
        (json!({"max_side": 0}), "`max_side`: must be from 1 to 16384, or null"),
        (json!({"cut_ratio": 0.5}), "`cut_ratio`: must be at least 1"),
    ] {
        assert_eq!(create_error(&with), message);
    }
}
