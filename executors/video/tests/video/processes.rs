//! Processes end with the video, its deadline or their own failure, and none is left behind.
//!
//! A program in the position of ffmpeg creates a directory that is named by its process id, as it cannot write files, and
//! misbehaves; the `ffprobe` next to it is the installed one.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flowrun_sdk::{Cancellation, Document, ErrorKind, Value};
use serde_json::json;

use crate::drawing::{encode, levels};
use crate::support::{harness, has_ffmpeg, try_segment};

/// A directory with a video and a program `ffmpeg` that runs `script`.
struct Fixture {
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new(script: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let fixture = Self { directory };
        encode(&levels(100), &fixture.path("video.mp4"), &[]);
        let mut text = "#!/bin/sh\n".to_owned();
        write!(text, "mkdir {}/$$\n{script}\n", fixture.path("started").display()).unwrap();
        std::fs::create_dir(fixture.path("started")).unwrap();
        for (name, text) in [("ffmpeg", text.as_str()), ("ffprobe", "#!/bin/sh\nexec ffprobe \"$@\"\n")] {
            std::fs::write(fixture.path(name), text).unwrap();
            std::fs::set_permissions(fixture.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn document(&self) -> Document {
        Document::new("video").with_uri(self.path("video.mp4").to_str().unwrap())
    }

    fn with(&self, parameters: Value) -> Value {
        let mut with = parameters;
        with["ffmpeg"] = json!(self.path("ffmpeg"));
        with
    }

    /// True if the program is still there. It has to have been started.
    fn is_running(&self) -> bool {
        Path::new("/proc").join(process(&self.path("started")).unwrap()).exists()
    }
}

/// Process id of the program, once it has started.
fn process(started: &Path) -> Option<OsString> {
    Some(std::fs::read_dir(started).unwrap().next()?.unwrap().file_name())
}

#[test]
fn a_process_that_hangs_is_ended_at_the_timeout() {
    if !has_ffmpeg() {
        return;
    }
    let fixture = Fixture::new("exec sleep 1000");
    let error = try_segment(fixture.document(), &fixture.with(json!({"timeout": 1}))).unwrap_err();
    let expected = "decoding the video took more than the 1 seconds allowed (`timeout`); set a longer one, or split the video";
    assert_eq!(error, expected);
    assert!(!fixture.is_running());
}

#[test]
fn an_endless_stream_of_frames_is_ended_at_the_timeout_or_at_the_number_of_frames() {
    if !has_ffmpeg() {
        return;
    }
    let fixture = Fixture::new("exec cat /dev/zero");
    let error = try_segment(fixture.document(), &fixture.with(json!({"timeout": 1}))).unwrap_err();
    assert!(error.starts_with("decoding the video took more than"), "{error}");
    assert!(!fixture.is_running());
}

#[test]
fn a_process_ends_with_the_deadline_of_its_request() {
    if !has_ffmpeg() {
        return;
    }
    let fixture = Fixture::new("exec sleep 1000");
    let soon = Instant::now() + Duration::from_secs(1);
    let mut harness = harness(&fixture.with(json!({}))).with_deadline(Some(soon), Cancellation::default());
    let error = harness.call("/index", vec![fixture.document()], &Value::Null).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
    assert!(!fixture.is_running());
}

#[test]
fn a_process_ends_when_its_request_is_cancelled() {
    if !has_ffmpeg() {
        return;
    }
    let fixture = Fixture::new("exec sleep 1000");
    let cancellation = Cancellation::default();
    let mut harness = harness(&fixture.with(json!({}))).with_deadline(None, cancellation.clone());
    let started = fixture.path("started");
    let canceller = std::thread::spawn(move || {
        while process(&started).is_none() {
            std::thread::yield_now();
        }
        cancellation.cancel();
    });
    let error = harness.call("/index", vec![fixture.document()], &Value::Null).unwrap_err();
    canceller.join().unwrap();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(!fixture.is_running());
}

/// True if the process exists and has not exited. Only the reaper of orphans removes zombies.
fn is_alive(process: &str) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(process).join("stat")).unwrap_or_default();
    status.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

#[test]
fn processes_that_the_program_has_started_end_with_it() {
    if !has_ffmpeg() {
        return;
    }
    let fixture = Fixture::new("sleep 1000 & mkdir \"$0-$!\"; wait");
    try_segment(fixture.document(), &fixture.with(json!({"timeout": 1}))).unwrap_err();
    let mut names = std::fs::read_dir(fixture.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let sleeping = names.find_map(|name| Some(name.strip_prefix("ffmpeg-")?.to_owned())).unwrap();
    // The kernel kills it at once, and not before `kill` returns.
    while is_alive(&sleeping) {
        std::thread::yield_now();
    }
}

#[test]
fn the_memory_does_not_grow_with_the_length_of_a_video() {
    if !has_ffmpeg() || !cfg!(target_os = "linux") {
        return;
    }
    let loops = 60;
    let fixture = Fixture::new(&format!("exec ffmpeg -stream_loop {} \"$@\"", loops - 1));
    let before = peak_memory();
    let video = try_segment(fixture.document(), &fixture.with(json!({}))).unwrap();
    let grown = peak_memory() - before;
    // Each repetition begins with a cut.
    assert_eq!(video.chunks.len(), loops);
    let raw = loops * 100 * 160 * 90 * 3;
    assert!(grown < raw / 4, "{grown} of {raw} bytes");
}

/// Largest memory of this process so far, in bytes.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    1024 * line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
}

#[test]
fn a_process_that_is_killed_in_the_middle_fails_the_video() {
    if !has_ffmpeg() {
        return;
    }
    // One frame of 160 × 90 pixels, and half of another.
    let fixture = Fixture::new("head -c 64800 /dev/zero; kill -9 $$");
    let error = try_segment(fixture.document(), &fixture.with(json!({}))).unwrap_err();
    assert_eq!(error, "the MP4 video cannot be decoded: `ffmpeg` was ended by signal 9");
}

#[test]
fn a_process_that_fails_reports_its_last_error() {
    if !has_ffmpeg() {
        return;
    }
    let fixture = Fixture::new("echo '[fatal] out of order' >&2; exit 3");
    let error = try_segment(fixture.document(), &fixture.with(json!({}))).unwrap_err();
    assert_eq!(error, "the MP4 video cannot be decoded: `ffmpeg` ended with exit status 3: out of order");
}

#[test]
fn without_ffmpeg_the_error_has_the_command_that_installs_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("video.mp4");
    std::fs::write(&path, b"\0\0\0\x20ftypisom").unwrap();
    let document = Document::new("video").with_uri(path.to_str().unwrap());
    let error = try_segment(document, &json!({"ffmpeg": directory.path().join("ffmpeg")})).unwrap_err();
    assert!(error.contains("is not installed. Install ffmpeg with `apt-get install ffmpeg`"), "{error}");
}
