//! Damaged and malicious videos fail alone, with their name and the cause.

use std::path::{Path, PathBuf};

use flowrun_sdk::{Document, Value};
use serde_json::json;

use crate::drawing::{encode, ffmpeg, levels};
use crate::support::{harness, has_ffmpeg, try_segment};

fn failure(path: &Path) -> String {
    try_segment(Document::new("video").with_uri(path.to_str().unwrap()), &json!({})).unwrap_err()
}

/// A file with this content.
fn file(directory: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn bytes(path: &Path) -> Vec<u8> {
    flowrun_sdk::guard::read_file(path, 16 << 20).unwrap()
}

#[test]
fn content_that_is_no_video_fails_with_its_kind() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let garbage = [b"\0\0\0\x20ftypisom".to_vec(), vec![7; 5000]].concat();
    for (name, content, expected) in [
        ("empty.mp4", &b""[..], "the content is empty"),
        ("zeros.mp4", &[0; 4096][..], "the content is not a video: it begins with `\\x00\\x00"),
        ("text.avi", &b"hello"[..], "the content is not a video: it begins with `hello`; MP4, QuickTime"),
        ("garbage.mp4", &garbage[..], "the MP4 video cannot be read: "),
        ("a.mkv", &b"\x1a\x45\xdf\xa3\x80"[..], "the Matroska video cannot be read: "),
    ] {
        let error = failure(&file(directory, name, content));
        assert!(error.starts_with(expected), "{name}: {error}");
    }
}

#[test]
fn playlists_that_name_other_files_and_hosts_are_not_followed() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let secret = directory.join("secret.mp4");
    encode(&levels(30), &secret, &[]);
    let secret = secret.to_str().unwrap();
    for (name, content) in [
        ("a.m3u8", format!("#EXTM3U\n#EXTINF:9,\nfile://{secret}\n#EXTINF:9,\nhttp://127.0.0.1:1/a.ts\n")),
        ("a.mp4", format!("ffconcat version 1.0\nfile '{secret}'\n")),
        ("a.mpd", format!("<?xml version=\"1.0\"?><MPD><BaseURL>{secret}</BaseURL></MPD>")),
        ("a.sdp", "v=0\nc=IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 96\n".to_owned()),
        ("a.pls", format!("[playlist]\nFile1={secret}\n")),
        ("a.jpg", secret.to_owned()),
    ] {
        let error = failure(&file(directory, name, content.as_bytes()));
        assert!(error.starts_with("the content is "), "{name}: {error}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn files_that_a_video_names_are_not_opened() {
    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
    use rustix::io::{Errno, read};

    if !has_ffmpeg() {
        return;
    }
    let (directory, secrets) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (own, secret) = (directory.path().join("own.mov"), secrets.path().join("secret.mov"));
    encode(&levels(30), &own, &[]);
    encode(&levels(30), &secret, &[]);
    let watch = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
    add_watch(&watch, secrets.path(), WatchFlags::OPEN).unwrap();
    let opened = || read(&watch, &mut [0; 4096]) != Err(Errno::AGAIN);

    let secret = secret.to_str().unwrap();
    let movie = reference_movie(&bytes(&own), secret);
    let error = failure(&file(directory.path(), "reference.mov", &movie));
    assert!(error.starts_with("the QuickTime video "), "{error}");
    // A playlist with the first bytes of an MPEG-TS packet, and one after those of a Matroska video.
    let playlist =
        format!("\n#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n");
    for (name, head) in
        [("a.ts", &[b"G".to_vec(), vec![0; 187]].concat().repeat(3)[..]), ("a.mkv", b"\x1a\x45\xdf\xa3\x80")]
    {
        failure(&file(directory.path(), name, &[head, playlist.as_bytes()].concat()));
    }
    assert!(!opened());
    // The watch sees what is opened.
    bytes(Path::new(secret));
    assert!(opened());
}

/// A QuickTime movie whose frames are in the file at `path`: the data reference of `movie` is replaced by an alias.
fn reference_movie(movie: &[u8], path: &str) -> Vec<u8> {
    let mut alias = vec![0; 10];
    // Length and name of the volume, dates, length and name of the file, type, levels, flags.
    alias.extend([0; 28 + 12 + 64 + 16 + 4 + 16]);
    // The absolute path, and the end of the list.
    let path = [path.as_bytes(), &[0][..path.len() % 2]].concat();
    alias.extend([&[0, 2][..], &(path.len() as u16).to_be_bytes(), &path, &[0xff, 0xff, 0, 0]].concat());
    let entry = [&(alias.len() as u32 + 12).to_be_bytes()[..], b"alis\0\0\0\0", &alias].concat();

    let find =
        |name: &[u8], from: usize| from + movie[from..].windows(4).position(|four| four == name).unwrap();
    let moov = find(b"moov", 0);
    // Version, flags and number of entries follow the name.
    let (start, end) = (find(b"dref", moov) + 12, find(b"dref", moov) + 24);
    let mut changed = [&movie[..start], &entry, &movie[end..]].concat();
    for name in [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"] {
        let size = find(name, moov) - 4;
        let old = u32::from_be_bytes(movie[size..size + 4].try_into().unwrap());
        changed[size..size + 4].copy_from_slice(&(old + entry.len() as u32 - 12).to_be_bytes());
    }
    changed
}

#[test]
fn truncated_videos_fail_with_the_part_that_is_left() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for (name, arguments, expected) in [
        ("index-at-end.mp4", &[][..], "the MP4 video cannot be read: moov atom not found"),
        ("index-at-start.mp4", &["-movflags", "faststart"][..], "the MP4 video is truncated: it ends after "),
        ("a.mkv", &[][..], "the Matroska video is truncated: it ends after "),
    ] {
        let path = directory.join(name);
        let drawn = crate::drawing::draw(3, 4, crate::drawing::Transitions::Cuts);
        encode(&drawn.frames, &path, arguments);
        let whole = bytes(&path);
        let error = failure(&file(directory, name, &whole[..whole.len() / 2]));
        assert!(error.starts_with(expected), "{name}: {error}");
    }
}

#[test]
fn a_video_without_a_video_track_fails_with_its_tracks() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sound.mp4");
    ffmpeg(&["-f", "lavfi", "-i", "sine=duration=1", path.to_str().unwrap()]);
    assert_eq!(failure(&path), "the MP4 video has no video track; its tracks are: audio");
}

#[test]
fn codecs_that_are_not_decoded_are_named() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mov");
    encode(&levels(5), &path, &["-c:v", "qtrle", "-pix_fmt", "rgb24"]);
    let error = failure(&path);
    assert!(error.starts_with("the QuickTime video uses the codec `qtrle`; h264, hevc"), "{error}");
}

#[test]
fn huge_frames_are_rejected_before_they_are_decoded() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.avi");
    encode(&levels(5), &path, &["-c:v", "mjpeg"]);
    let mut content = bytes(&path);
    // Height and width in the header of each frame: 90 and 160 become 65,500.
    let (small, huge) = (b"\x08\x00\x5a\x00\xa0\x03", b"\x08\xff\xdc\xff\xdc\x03");
    let positions: Vec<usize> =
        (0..content.len() - 6).filter(|at| content[*at..*at + 6] == small[..]).collect();
    assert_eq!(positions.len(), 5);
    positions.iter().for_each(|at| content[*at..*at + 6].copy_from_slice(huge));
    let error = failure(&file(directory.path(), "huge.avi", &content));
    assert!(error.starts_with("the AVI video "), "{error}");
}

#[test]
fn a_video_with_too_many_tracks_is_rejected() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mkv");
    encode(&levels(2), &path, &[]);
    let tracks: Vec<&str> = ["-map", "0"].repeat(127);
    let many = directory.path().join("many.mkv");
    let arguments =
        [&["-i", path.to_str().unwrap(), "-c", "copy"][..], &tracks, &[many.to_str().unwrap()]].concat();
    ffmpeg(&arguments);
    let error = failure(&many);
    assert!(error.starts_with("the Matroska video "), "{error}");
}

#[test]
fn damaged_videos_fail_alone() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let good = directory.path().join("good.mp4");
    encode(&levels(30), &good, &[]);
    let bad = file(directory.path(), "bad.mp4", b"\0\0\0\x20ftypisom");
    let documents = [&good, &bad, &good].map(|path| {
        Document::new(path.file_name().unwrap().to_str().unwrap()).with_uri(path.to_str().unwrap())
    });
    let answer = harness(&json!({})).call("/index", documents.to_vec(), &Value::Null).unwrap();
    assert_eq!((answer.documents.len(), answer.failures.len()), (2, 1));
    assert_eq!(
        (answer.failures[0].id.as_str(), answer.failures[0].label.as_str()),
        ("bad.mp4", bad.to_str().unwrap())
    );
}

#[test]
fn frames_beyond_the_memory_of_the_request_fail_alone() {
    if !has_ffmpeg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mp4");
    encode(&levels(60), &path, &[]);
    let document = || Document::new("video").with_uri(path.to_str().unwrap());
    let frame_bytes = 160 * 90 * 3;
    let mut harness = harness(&json!({"frames": "every"})).with_bytes_max(30 * frame_bytes);
    let answer = harness.call("/index", vec![document()], &Value::Null).unwrap();
    let error = answer.failures[0].error.to_string();
    assert!(
        error.ends_with(
            "or keep fewer frames (`frames`, `fps`, `frames_per_scene`) or smaller ones (`max_side`)"
        ),
        "{error}"
    );
}
