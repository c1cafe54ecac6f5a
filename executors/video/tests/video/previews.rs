//! Still pictures and clips of videos, for web pages.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use flowrun_sdk::guard::{OpenedUri, open_uri};
use flowrun_sdk::{Cancellation, ErrorKind, ExecutorError};
use flowrun_video::{PreviewOptions, VideoFile, VideoFrame, clip_of_frames};
use serde_json::Value;

use crate::drawing::{encode, levels};
use crate::support::has_ffmpeg;

/// Frames of the videos, at 25 per second.
const FRAMES: usize = 100;

fn options() -> PreviewOptions {
    let cancellation = Cancellation::default();
    PreviewOptions { side: 480, bytes_max: 4 << 20, timeout: Duration::from_secs(60), cancellation }
}

fn open(path: &Path) -> Result<VideoFile, ExecutorError> {
    let content = open_uri(path.to_str().unwrap(), u64::MAX).unwrap();
    VideoFile::open(&content, |_| false).map(Option::unwrap)
}

/// A directory with a video that is encoded with these options.
fn video(name: &str, options: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    encode(&levels(FRAMES), &path, options);
    (directory, path)
}

/// Fields that ffprobe prints about a file in memory.
fn describe(content: &[u8]) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    std::fs::write(&path, content).unwrap();
    let entries =
        "stream=codec_name,codec_type,width,height,nb_read_frames:format=duration:format_tags=title";
    let arguments = ["-v", "error", "-count_frames", "-show_entries", entries, "-of", "json"];
    let output = Command::new("ffprobe").args(arguments).arg(path).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Mean of the red values of a JPEG picture or of the first frame of a clip, from 0 to 255.
fn brightness(content: &[u8]) -> f64 {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    std::fs::write(&path, content).unwrap();
    let arguments = ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
    let output =
        Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(path).args(arguments).output().unwrap();
    let red: Vec<f64> = output.stdout.chunks(3).map(|pixel| f64::from(pixel[0])).collect();
    red.iter().sum::<f64>() / red.len() as f64
}

#[test]
fn a_still_is_the_frame_at_the_time_in_every_format() {
    if !has_ffmpeg() {
        return;
    }
    for name in ["a.mp4", "a.mkv", "a.webm", "a.mov", "a.avi", "a.ts"] {
        let (_directory, path) = video(name, &[]);
        let video = open(&path).unwrap();
        let at = |time: f64| brightness(&video.still(time, &options()).unwrap());
        // Frames become brighter; the tolerance is that of the encoding and of seeking in the format.
        let levels = [0.0, 1.0, 2.0, 3.0, 3.96, 3.999].map(at);
        assert!(levels.is_sorted() && levels[4] - levels[0] > 80.0, "{name}: {levels:?}");
        assert_eq!(levels[4], levels[5], "{name}: the last frame is shown until the end");
        let stream = &describe(&video.still(1.0, &options()).unwrap())["streams"][0];
        assert_eq!((&stream["codec_name"], &stream["width"]), (&"mjpeg".into(), &160.into()), "{name}");
    }
}

#[test]
fn a_clip_has_the_requested_length_and_size_and_no_metadata() {
    if !has_ffmpeg() {
        return;
    }
    let (_directory, path) = video("a.mp4", &["-metadata", "title=secret", "-vf", "scale=1280:720"]);
    let video = open(&path).unwrap();
    let clip = video.clip(1.0, 2.0, &options()).unwrap();
    let described = describe(&clip);
    let (streams, stream) = (described["streams"].as_array().unwrap(), &described["streams"][0]);
    assert_eq!(streams.len(), 1);
    assert_eq!((&stream["codec_name"], &stream["nb_read_frames"]), (&"h264".into(), &"30".into()));
    assert_eq!((&stream["width"], &stream["height"]), (&480.into(), &270.into()));
    assert_eq!(described["format"]["tags"]["title"], Value::Null);
    let at_one_second = brightness(&video.still(1.0, &options()).unwrap());
    assert!((brightness(&clip) - at_one_second).abs() < 4.0);
    // The end of the video ends the clip.
    let rest = describe(&video.clip(3.0, 1000.0, &options()).unwrap());
    assert_eq!(rest["streams"][0]["nb_read_frames"], "15");
}

#[test]
fn times_after_the_end_are_errors_that_state_the_length() {
    if !has_ffmpeg() {
        return;
    }
    let (_directory, path) = video("a.mp4", &[]);
    let video = open(&path).unwrap();
    for result in [video.still(60.0, &options()), video.clip(1e6, 5.0, &options())] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.message().starts_with("the MP4 video has no frame at "), "{error}");
        assert!(error.message().ends_with("; it is 4.0 seconds long"), "{error}");
    }
}

#[test]
fn time_bytes_and_cancellation_end_the_work() {
    if !has_ffmpeg() {
        return;
    }
    let (_directory, path) = video("a.mp4", &[]);
    let video = open(&path).unwrap();
    let late = video.clip(0.0, 4.0, &PreviewOptions { timeout: Duration::ZERO, ..options() }).unwrap_err();
    let expected =
        "cutting the preview took more than the 0 seconds allowed; try again when the machine is less busy";
    assert_eq!((late.kind(), late.message()), (ErrorKind::Expired, expected));
    let large = video.still(0.0, &PreviewOptions { bytes_max: 100, ..options() }).unwrap_err();
    assert_eq!(large.message(), "cutting the thumbnail yields more than the 100 bytes allowed");
    let cancelled = options();
    cancelled.cancellation.cancel();
    assert_eq!(video.still(0.0, &cancelled).unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn damaged_videos_and_other_files_are_errors_with_their_cause() {
    if !has_ffmpeg() {
        return;
    }
    let (directory, path) = video("a.mp4", &[]);
    let write = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let whole = std::fs::read(&path).unwrap();
    let truncated = open(&write("b.mp4", &whole[..whole.len() / 2])).unwrap();
    for result in [truncated.still(0.0, &options()), truncated.clip(0.0, 1.0, &options())] {
        let error = result.unwrap_err();
        assert_eq!(error.message(), "the MP4 video cannot be read: moov atom not found");
    }
    let playlist = open(&write("c.mp4", b"#EXTM3U\nfile:///etc/passwd")).unwrap_err();
    assert!(playlist.message().contains("HLS playlist, which refers to other files"), "{playlist}");
    assert_eq!(open(&write("d.mp4", b"")).unwrap_err().message(), "the content is empty");
}

/// Frames of two levels, the second from `change` on.
fn animation(
    change: f64,
) -> impl FnOnce(&mut dyn FnMut(VideoFrame) -> Result<(), ExecutorError>) -> Result<f64, ExecutorError> {
    move |show| {
        for (number, timestamp, level) in [(0, 0.0, 10), (1, change, 200)] {
            let pixels = vec![level; 32 * 16 * 3];
            show(VideoFrame { number, timestamp, width: 32, height: 16, pixels })?;
        }
        Ok(2.0 * change)
    }
}

#[test]
fn a_clip_of_an_animation_shows_each_frame_for_its_time() {
    if !has_ffmpeg() {
        return;
    }
    let clip = |start: f64, length: f64| clip_of_frames((start, length), &options(), animation(1.0));
    let frames = |clip: &[u8]| describe(clip)["streams"][0]["nb_read_frames"].as_str().unwrap().to_owned();
    let whole = clip(0.0, 10.0).unwrap();
    assert_eq!(frames(&whole), "30");
    assert!(brightness(&whole) < 30.0);
    let end = clip(1.2, 0.4).unwrap();
    assert_eq!(frames(&end), "6");
    assert!(brightness(&end) > 180.0);
    assert_eq!(clip(2.5, 1.0).unwrap_err().message(), "the animation has no frame at 2.5 seconds");
}

#[test]
fn a_video_in_a_uri_is_written_to_an_unnamed_file() {
    if !has_ffmpeg() {
        return;
    }
    let (_directory, path) = video("a.mp4", &[]);
    let inline = OpenedUri::Inline(std::fs::read(path).unwrap().into());
    let video = VideoFile::open(&inline, |_| false).unwrap().unwrap();
    assert!(!video.still(1.0, &options()).unwrap().is_empty());
    assert!(VideoFile::open(&inline, |_| true).unwrap().is_none());
}
