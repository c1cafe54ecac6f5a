//! Container formats, codecs, rotation and the shape of pixels.

use std::path::Path;

use flowrun_sdk::Document;
use serde_json::{Value, json};

use crate::drawing::{encode, ffmpeg, levels};
use crate::support::{has_ffmpeg, segment, tags, try_segment};

fn every_tenth() -> Value {
    json!({"frames": "every", "every_k_frame": 10})
}

#[test]
fn every_container_gives_the_same_frames_and_times() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for (name, arguments, mime_type) in [
        ("a.mp4", &["-c:v", "libx264"][..], "video/mp4"),
        ("b.mov", &["-c:v", "libx264"][..], "video/quicktime"),
        ("c.mkv", &["-c:v", "libx264"][..], "video/x-matroska"),
        ("d.webm", &["-c:v", "libvpx", "-b:v", "1M"][..], "video/webm"),
        ("e.avi", &["-c:v", "mpeg4", "-q:v", "3"][..], "video/x-msvideo"),
        ("f.ts", &["-c:v", "mpeg2video", "-q:v", "3"][..], "video/mp2t"),
    ] {
        let path = directory.path().join(name);
        encode(&levels(50), &path, arguments);
        let video = segment(&path, &every_tenth());
        assert_eq!(video.mime_type, mime_type, "{name}");
        assert_eq!(tags(&video, "frame"), [0.0, 10.0, 20.0, 30.0, 40.0], "{name}");
        assert_eq!(tags(&video, "timestamp"), [0.0, 0.4, 0.8, 1.2, 1.6], "{name}");
        assert!(
            video.chunks.iter().all(|chunk| chunk.tensor.as_ref().unwrap().shape() == [90, 160, 3]),
            "{name}"
        );
    }
}

#[test]
fn tracks_of_sound_and_covers_are_left_out() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (silent, cover, whole) = (path("a.mp4"), path("cover.png"), path("b.mp4"));
    encode(&levels(50), Path::new(&silent), &[]);
    ffmpeg(&["-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", &cover]);
    let sound = ["-f", "lavfi", "-i", "sine=duration=2"];
    let tracks = ["-map", "1", "-map", "2", "-map", "0", "-c:v", "copy", "-disposition:v:0", "attached_pic"];
    let inputs = ["-i", silent.as_str(), "-i", cover.as_str()];
    ffmpeg(&[&inputs[..], &sound, &tracks, &["-disposition:v:1", "default", &whole]].concat());
    let video = segment(Path::new(&whole), &every_tenth());
    assert_eq!(tags(&video, "frame"), [0.0, 10.0, 20.0, 30.0, 40.0]);
    assert_eq!(video.chunks[0].tensor.as_ref().unwrap().shape(), [90, 160, 3]);
    assert_eq!(video.tags.get("decode_errors"), None);
}

#[test]
fn the_content_counts_and_not_the_name_of_a_file() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (video, renamed) = (directory.path().join("a.mkv"), directory.path().join("a.gif"));
    encode(&levels(20), &video, &[]);
    std::fs::rename(&video, &renamed).unwrap();
    assert_eq!(segment(&renamed, &every_tenth()).mime_type, "video/x-matroska");
}

#[test]
fn bytes_are_decoded_like_files_also_with_the_index_at_the_end() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mp4");
    encode(&levels(20), &path, &[]);
    let bytes = flowrun_sdk::guard::read_file(&path, 1 << 20).unwrap();
    let video = try_segment(Document::new("video").with_blob(bytes), &every_tenth()).unwrap();
    assert_eq!(video.chunks, segment(&path, &every_tenth()).chunks);
}

#[test]
fn rotated_videos_are_turned_upright() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    // The upper half is white.
    let frame = [vec![255; 160 * 45 * 3], vec![0; 160 * 45 * 3]].concat();
    let path = directory.path().join("a.mp4");
    encode(&vec![frame; 20], &path, &[]);
    let rotated = directory.path().join("b.mp4");
    copy_rotated(&path, &rotated);
    let video = segment(&rotated, &every_tenth());
    assert_eq!((&video.tags["width"], &video.tags["height"]), (&json!(90), &json!(160)));
    let tensor = video.chunks[0].tensor.clone().unwrap();
    assert_eq!(tensor.shape(), [160, 90, 3]);
    let pixels = tensor.as_u8().unwrap();
    let (left, right) = (pixels[80 * 90 * 3], pixels[80 * 90 * 3 + 89 * 3]);
    assert!(left.abs_diff(right) > 200, "{left} {right}");
}

/// Copies a video and marks it as rotated by a quarter.
fn copy_rotated(from: &Path, to: &Path) {
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    // From version 6 on, the rotation is an option of the input.
    let is_old =
        flowrun_video::installed().unwrap().chars().next().is_some_and(|first| ('1'..='5').contains(&first));
    match is_old {
        true => ffmpeg(&["-i", from, "-c", "copy", "-metadata:s:v", "rotate=90", to]),
        false => ffmpeg(&["-display_rotation", "90", "-i", from, "-c", "copy", to]),
    }
}

#[test]
fn pixels_that_are_not_square_are_stretched() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mp4");
    encode(&levels(20), &path, &["-vf", "setsar=2"]);
    let video = segment(&path, &every_tenth());
    assert_eq!(video.chunks[0].tensor.as_ref().unwrap().shape(), [90, 320, 3]);
}

#[test]
fn frames_of_a_video_with_a_variable_rate_have_their_own_times() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mkv");
    // The times of the frames are the squares of their numbers, in hundredths of a second.
    encode(
        &levels(10),
        &path,
        &["-vf", "settb=1/1000,setpts=N*N*10", "-vsync", "passthrough", "-enc_time_base", "1/1000"],
    );
    let video = segment(&path, &json!({"frames": "every"}));
    let expected: Vec<f64> = (0..10).map(|number| f64::from(number * number) / 100.0).collect();
    let times = tags(&video, "timestamp");
    assert_eq!(times.len(), expected.len());
    assert!(times.iter().zip(&expected).all(|(time, expected)| (time - expected).abs() < 0.03), "{times:?}");
}

#[test]
fn a_change_of_the_size_within_a_video_loses_no_frame() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let paths = ["a.ts", "b.ts"].map(|name| directory.path().join(name));
    encode(&levels(25), &paths[0], &["-c:v", "mpeg2video"]);
    encode(&levels(25), &paths[1], &["-c:v", "mpeg2video", "-s", "320x240", "-output_ts_offset", "1"]);
    let whole = paths.map(|path| flowrun_sdk::guard::read_file(&path, 1 << 20).unwrap()).concat();
    let video = try_segment(Document::new("video").with_blob(whole), &json!({"frames": "every"})).unwrap();
    let frames = tags(&video, "frame");
    // The decoder may lose a frame at the change.
    assert!(frames.len() >= 48, "{}", frames.len());
    assert_eq!(frames, (0..frames.len()).map(|number| number as f64).collect::<Vec<_>>());
    assert!(tags(&video, "timestamp").is_sorted());
    assert!(video.chunks.iter().all(|chunk| chunk.tensor.as_ref().unwrap().shape() == [90, 160, 3]));
}
