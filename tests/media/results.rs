//! Responses: pictures and clips, and the reasons why there is none.

use std::path::Path;
use std::process::Command;

use super::{Fixture, has_ffmpeg, red_and_blue};
use crate::serving::Serving;

/// Name of the colour of most of a picture.
fn colour(picture: &[u8]) -> &'static str {
    let [red, green, blue] = image::load_from_memory(picture).unwrap().to_rgb8().get_pixel(50, 50).0;
    match (red > 150, green > 150, blue > 150) {
        (true, false, false) => "red",
        (false, false, true) => "blue",
        _ => panic!("{red} {green} {blue}"),
    }
}

#[test]
fn thumbnails_and_previews_of_a_found_video_are_served() {
    if !has_ffmpeg() {
        return;
    }
    let served = Fixture::new(|videos| red_and_blue(&videos.join("a.mp4")), None);
    for (query, expected) in
        [("t=0", "red"), ("t=1.5", "red"), ("t=2", "blue"), ("t=3.999", "blue"), ("t=1e-9", "red")]
    {
        for path in ["/media/thumbnail", "/thumbnail"] {
            let response = served.get(&format!("{path}?id=a.mp4&{query}"), "");
            assert_eq!(response.header("content-type"), Some("image/jpeg"), "{}", response.text());
            assert_eq!(colour(&response.body), expected, "{query}");
        }
    }
    assert_eq!(colour(&served.get("/media/thumbnail?id=a.mp4", "").body), "red");

    let preview = "/media/preview?id=a.mp4&start=1&end=3";
    let whole = served.get(preview, "accept-encoding: gzip\r\n");
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("video/mp4")));
    assert_eq!((whole.header("accept-ranges"), whole.header("content-encoding")), (Some("bytes"), None));
    let path = served.directory.path().join("clip.mp4");
    std::fs::write(&path, &whole.body).unwrap();
    let entries = "stream=codec_name:format=duration";
    let arguments = ["-v", "error", "-show_entries", entries, "-of", "csv=p=0"];
    let described = Command::new("ffprobe").args(arguments).arg(&path).output().unwrap();
    // One track of two seconds: without the sound.
    assert_eq!(String::from_utf8_lossy(&described.stdout), "h264\n2.000000\n");

    let tag = whole.header("etag").unwrap().to_owned();
    let part = served.get(preview, &format!("range: bytes=100-199\r\nif-range: {tag}\r\n"));
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[100..200]));
    let expected = format!("bytes 100-199/{}", whole.body.len());
    assert_eq!(part.header("content-range"), Some(&*expected));
    assert_eq!(served.get(preview, "range: bytes=9999999-\r\n").status, 416);
}

#[test]
fn animated_pictures_have_thumbnails_and_previews_too() {
    if !has_ffmpeg() {
        return;
    }
    let gif = |videos: &Path| {
        let path = videos.join("a.mp4");
        red_and_blue(&path);
        let converted =
            Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(path).arg(videos.join("a.gif")).status();
        assert!(converted.unwrap().success());
    };
    let served = Fixture::new(gif, None);
    for (time, expected) in [("1.9", "red"), ("2.1", "blue"), ("100", "blue")] {
        let response = served.get(&format!("/media/thumbnail?id=a.gif&t={time}"), "");
        assert_eq!((response.status, colour(&response.body)), (200, expected), "{time}");
    }
    let preview = served.get("/media/preview?id=a.gif&start=1&end=3", "");
    assert_eq!((preview.status, preview.header("content-type")), (200, Some("video/mp4")));
    assert_eq!(&preview.body[4..8], b"ftyp");
    assert_eq!(served.get("/media/preview?id=a.gif&start=60&end=63", "").status, 422);
}

#[test]
fn only_found_files_in_served_directories_are_opened() {
    let served = Fixture::new(|_| {}, None);
    for id in ["unknown", "outside", "link", "missing", "url", "/etc/passwd", "", "%00", "..%2Fflow.yml"] {
        for query in [format!("thumbnail?id={id}&t=1"), format!("preview?id={id}&start=0&end=3")] {
            let response = served.get(&format!("/media/{query}"), "");
            assert_eq!(response.status, 404, "{query}: {}", response.text());
            let directory = served.directory.path().to_str().unwrap();
            assert!(!response.text().contains(directory), "{}", response.text());
        }
    }
}

#[test]
fn hostile_queries_start_no_process() {
    if !has_ffmpeg() {
        return;
    }
    let served = Fixture::with_program("exec ffmpeg \"$@\"");
    for query in [
        "thumbnail",
        "thumbnail?t=1",
        "thumbnail?id=a.mp4&t=-1",
        "thumbnail?id=a.mp4&t=NaN",
        "thumbnail?id=a.mp4&t=inf",
        "thumbnail?id=a.mp4&t=1e300",
        "thumbnail?id=a.mp4&t=",
        "thumbnail?id=a.mp4&t=1%3B-i%20x",
        "thumbnail?id=a.mp4&t=1&t=2",
        "preview?id=a.mp4",
        "preview?id=a.mp4&end=3",
        "preview?id=a.mp4&start=-1&end=3",
        "preview?id=a.mp4&start=NaN&end=NaN",
        "preview?id=a.mp4&start=3&end=3",
        "preview?id=a.mp4&start=3&end=2",
        "preview?id=a.mp4&start=0&end=-inf",
        "preview?id=a.mp4&start=0&end=18446744073709551616",
        "preview?id=a.mp4&start=00:01&end=00:02",
    ] {
        let response = served.get(&format!("/media/{query}"), "");
        assert_eq!(response.status, 422, "{query}: {}", response.text());
    }
    assert!(served.started().is_empty());
    // A long span is cut, and one after the end of the video is an error.
    assert_eq!(served.get("/media/preview?id=a.mp4&start=0&end=1000000", "").status, 200);
    let late = served.get("/media/preview?id=a.mp4&start=999999&end=1000000", "");
    assert_eq!(
        (late.status, late.text().as_str()),
        (422, "the MP4 video has no frame at 999999.0 seconds; it is 4.0 seconds long")
    );
}

#[test]
fn unreadable_videos_are_refused_with_the_cause() {
    if !has_ffmpeg() {
        return;
    }
    let fill = |videos: &Path| {
        red_and_blue(&videos.join("a.mp4"));
        let whole = std::fs::read(videos.join("a.mp4")).unwrap();
        let write = |name: &str, content: &[u8]| std::fs::write(videos.join(name), content).unwrap();
        write("truncated.mp4", &whole[..whole.len() / 2]);
        write("empty.mp4", b"");
        write("text.mp4", b"a text");
        write("playlist.mp4", b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n");
        write("concat.mp4", b"ffconcat version 1.0\nfile 'a.mp4'\n");
        std::fs::File::create(videos.join("huge.mp4")).unwrap().set_len((64 << 30) + 1).unwrap();
    };
    let served = Fixture::new(fill, None);
    for (id, status, cause) in [
        ("truncated.mp4", 422, "moov atom not found"),
        ("empty.mp4", 422, "the content is empty"),
        ("text.mp4", 422, "not a video: it begins with `a text`"),
        ("playlist.mp4", 422, "an HLS playlist"),
        ("concat.mp4", 422, "a playlist of ffmpeg"),
        ("huge.mp4", 413, "more than the 68719476736 allowed"),
    ] {
        for query in [format!("thumbnail?id={id}&t=0"), format!("preview?id={id}&start=0")] {
            let response = served.get(&format!("/media/{query}"), "");
            assert_eq!(response.status, status, "{query}: {}", response.text());
            assert!(response.text().contains(cause), "{query}: {}", response.text());
        }
    }
}

#[test]
fn without_ffmpeg_the_response_names_the_command_that_installs_it() {
    let served =
        Fixture::new(|videos| std::fs::write(videos.join("a.mp4"), b"\0\0\0\x20ftypisom").unwrap(), None);
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path();
    let serving = Serving::start_with(served.directory.path(), &["flow.yml"], &[("PATH", path)]);
    let served = Fixture { serving, ..served };
    served.show();
    for query in ["thumbnail?id=a.mp4&t=0", "preview?id=a.mp4&start=0"] {
        let response = served.get(&format!("/media/{query}"), "");
        assert_eq!(response.status, 501);
        assert!(response.text().contains("apt-get install ffmpeg"), "{}", response.text());
    }
}

#[test]
fn media_need_the_token_and_are_refused_to_pages_of_other_origins() {
    let served = Fixture::new(|_| {}, None);
    let paths = ["/media/thumbnail?id=a", "/media/preview?id=a&start=0", "/thumbnail?id=a"];
    for path in paths {
        assert_eq!(served.get(path, "sec-fetch-site: cross-site\r\n").status, 403, "{path}");
        assert_eq!(served.get(path, "sec-fetch-site: same-origin\r\n").status, 404, "{path}");
    }
    std::fs::write(served.directory.path().join("token"), "sesame\n").unwrap();
    let arguments = ["serve", "flow.yml", "--token-file", "token"];
    let served = Fixture { serving: Serving::start(served.directory.path(), &arguments), ..served };
    for path in paths {
        assert_eq!(served.get(path, "").status, 401, "{path}");
        assert_eq!(served.get(path, "authorization: Bearer wrong\r\n").status, 401, "{path}");
        assert_eq!(served.get(path, "authorization: Bearer sesame\r\n").status, 404, "{path}");
    }
}
