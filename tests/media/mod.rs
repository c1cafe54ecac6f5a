//! `/media/thumbnail` and `/media/preview`: pictures and clips of the videos that a search has found, their bounds, and the end of
//! their processes.

mod processes;
mod results;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::serving::Serving;

/// A flow that returns the documents of its clients, and serves the files of one directory.
const FLOW: &str = "jtype: Flow\nwith: {port: 0, files: [videos]}\nexecutors: [{name: a, uses: Pass}]\n";

/// True if ffmpeg is installed; panics if it is required.
pub(crate) fn has_ffmpeg() -> bool {
    let is_installed = flowrun_video::installed();
    if let Err(reason) = &is_installed {
        assert!(std::env::var_os("FLOWRUN_CLIENTS").is_none(), "{reason}; run `make clients`");
        println!("skipped: {reason}");
    }
    is_installed.is_ok()
}

/// Encodes a video of two seconds of red and two of blue.
fn red_and_blue(path: &Path) {
    let source = |colour: &str| format!("color={colour}:size=320x180:duration=2:rate=25");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &source("red"), "-f", "lavfi", "-i", &source("blue")])
        .args([
            "-f",
            "lavfi",
            "-i",
            "sine=duration=4",
            "-filter_complex",
            "[0][1]concat",
            "-pix_fmt",
            "yuv420p",
        ])
        .arg(path)
        .status();
    assert!(status.unwrap().success());
}

/// A service whose search has found the files of its directory `videos`, by their names as ids.
struct Fixture {
    directory: tempfile::TempDir,
    serving: Serving,
}

/// A response: status, head in lower case, and body.
struct Response {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Response {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.trim()))
    }
}

impl Fixture {
    /// Serves a directory that `fill` fills, with programs that are found along `path` before those of the system.
    fn new(fill: impl FnOnce(&Path), programs: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let videos = directory.path().join("videos");
        std::fs::create_dir(&videos).unwrap();
        fill(&videos);
        std::fs::write(directory.path().join("flow.yml"), FLOW).unwrap();
        std::fs::write(directory.path().join("secret.mp4"), "outside").unwrap();
        let path = match programs {
            Some(script) => write_programs(directory.path(), script),
            None => PathBuf::from(std::env::var_os("PATH").unwrap()),
        };
        let serving = Serving::start_with(directory.path(), &["flow.yml"], &[("PATH", &path)]);
        let fixture = Self { directory, serving };
        fixture.show();
        fixture
    }

    /// Serves one video with a program in the position of ffmpeg.
    fn with_program(script: &str) -> Self {
        Self::new(|videos| red_and_blue(&videos.join("a.mp4")), Some(script))
    }

    /// Makes a search find every file, one that is outside, and one that does not exist.
    fn show(&self) {
        let videos = self.directory.path().join("videos");
        let found = std::fs::read_dir(&videos).unwrap().map(|entry| {
            let entry = entry.unwrap();
            json!({"id": entry.file_name().to_str().unwrap(), "uri": entry.path()})
        });
        let others = [
            json!({"id": "outside", "uri": self.directory.path().join("secret.mp4")}),
            json!({"id": "link", "uri": videos.join("../secret.mp4")}),
            json!({"id": "missing", "uri": videos.join("none.mp4")}),
            json!({"id": "url", "uri": "http://127.0.0.1:1/a.mp4"}),
        ];
        let matches: Vec<_> = found.chain(others).collect();
        let body = json!({"execEndpoint": "/x", "data": [{"id": "q", "matches": matches}]}).to_string();
        let response = self.exchange(&format!(
            "POST /post HTTP/1.1\r\nhost: 127.0.0.1\r\nx-flowrun-page: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        assert_eq!(response.status, 200, "{}", response.text());
    }

    fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.serving.addresses[0]).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn exchange(&self, request: &str) -> Response {
        read_response(self.send(request))
    }

    fn get(&self, path: &str, headers: &str) -> Response {
        self.exchange(&get_request(path, headers))
    }

    /// Ids of the processes of the program that were started.
    fn started(&self) -> Vec<u64> {
        let entries = std::fs::read_dir(self.directory.path().join("started")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
    }
}

fn get_request(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}connection: close\r\n\r\n")
}

fn read_response(mut stream: TcpStream) -> Response {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let body = bytes.split_off(end);
    let head = String::from_utf8(bytes).unwrap().to_ascii_lowercase();
    Response { status: head.split(' ').nth(1).unwrap().parse().unwrap(), head, body }
}

/// Writes a program `ffmpeg` that notes its process id and runs `script`, and returns a search path that begins with it.
fn write_programs(directory: &Path, script: &str) -> PathBuf {
    let (programs, started) = (directory.join("programs"), directory.join("started"));
    let system = std::env::var_os("PATH").unwrap().into_string().unwrap();
    for path in [&programs, &started] {
        std::fs::create_dir(path).unwrap();
    }
    let text = format!("#!/bin/sh\nmkdir {}/$$\nPATH='{system}'\n{script}\n", started.display());
    std::fs::write(programs.join("ffmpeg"), text).unwrap();
    std::fs::set_permissions(programs.join("ffmpeg"), std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{system}", programs.display()).into()
}

fn wait_for(condition: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < until, "the condition is not met");
        std::thread::yield_now();
    }
}
