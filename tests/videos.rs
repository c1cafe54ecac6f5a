//! `VideoSegmenter` in the program: animated pictures without ffmpeg, videos with it, their processes, and the report of
//! `doctor`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::isolation::is_alive;
use crate::support::program::{command, directory, json_lines, text};

/// Runs a flow of one `VideoSegmenter` over a file. Returns the document, or the standard error if it failed.
fn segment(with: &Value, input: &Path) -> Result<Value, String> {
    let flow = json!({
        "jtype": "Flow",
        "with": {"endpoint": "/index"},
        "executors": [{"name": "segmenter", "uses": "VideoSegmenter", "uses_with": with}],
    });
    let workspace = directory(&flow.to_string());
    let mut command = command(workspace.path(), &["run", "flow.yml", "--output", "out.jsonl", "--input"]);
    let output = command.arg(input).output().unwrap();
    let results = std::fs::read_to_string(workspace.path().join("out.jsonl")).unwrap_or_default();
    json_lines(&results).pop().ok_or_else(|| text(&output.stderr).to_owned())
}

fn tags(video: &Value, name: &str) -> Vec<f64> {
    let chunks = video["chunks"].as_array().unwrap();
    chunks.iter().map(|chunk| chunk["tags"][name].as_f64().unwrap_or_else(|| panic!("{chunk}"))).collect()
}

/// Path of a fixture of the image executors.
fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("executors/image/tests/fixtures").join(name)
}

#[test]
fn animated_pictures_need_no_ffmpeg() {
    let with = json!({"frames": "every", "every_k_frame": 2, "ffmpeg": "/no/such/ffmpeg"});
    let gif = segment(&with, &fixture("keep.gif")).unwrap();
    assert_eq!(gif["mime_type"], "image/gif");
    assert_eq!((tags(&gif, "frame"), tags(&gif, "timestamp")), (vec![0.0, 2.0], vec![0.0, 0.1]));
    assert_eq!(gif["tags"]["duration"], 0.2);
    let webp = segment(&with, &fixture("animated.webp")).unwrap();
    assert_eq!((tags(&webp, "frame"), tags(&webp, "timestamp")), (vec![0.0, 2.0], vec![0.0, 0.2]));
    let scenes = segment(&json!({"ffmpeg": "/no/such/ffmpeg"}), &fixture("keep.gif")).unwrap();
    assert_eq!((tags(&scenes, "scene_number"), tags(&scenes, "scene_end")), (vec![0.0], vec![0.2]));
}

#[test]
fn a_video_without_ffmpeg_fails_with_the_command_that_installs_it() {
    let workspace = tempfile::tempdir().unwrap();
    let path = workspace.path().join("a.mp4");
    std::fs::write(&path, b"\0\0\0\x20ftypisom").unwrap();
    let error = segment(&json!({"ffmpeg": "/no/such/ffmpeg"}), &path).unwrap_err();
    assert!(error.contains("apt-get install ffmpeg"), "{error}");
}

/// Command with the search path as its only environment variable.
fn command_with_path(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = command(directory, arguments);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// Encodes a video of ffmpeg's test pattern. Returns false without ffmpeg, which panics if it is required.
fn test_pattern(path: &Path, seconds: u32) -> bool {
    let source = format!("testsrc=size=64x48:duration={seconds}");
    let arguments = ["-v", "error", "-f", "lavfi", "-i", &source, "-pix_fmt", "yuv420p"];
    match Command::new("ffmpeg").args(arguments).arg(path).status() {
        Ok(status) => status.success(),
        Err(error) => {
            assert!(std::env::var_os("FLOWRUN_CLIENTS").is_none(), "ffmpeg: {error}; run `make clients`");
            println!("ffmpeg is not installed, so this test is skipped; run `make clients`");
            false
        }
    }
}

/// The first block of YAML in the guide.
fn flow_of_the_guide() -> String {
    let guide = std::fs::read_to_string("docs/video.md").unwrap();
    let (_, block) = guide.split_once("```yaml\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_flow_of_the_guide_stores_the_frames_of_a_video() {
    let workspace = directory(&flow_of_the_guide());
    if !test_pattern(&workspace.path().join("a.mp4"), 3) {
        return;
    }
    let arguments = ["run", "flow.yml", "--input", "a.mp4", "--output", "out.jsonl"];
    let output = command_with_path(workspace.path(), &arguments).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let results = json_lines(&std::fs::read_to_string(workspace.path().join("out.jsonl")).unwrap());
    assert_eq!(results[0]["tags"]["duration"], 3.0);
    assert_eq!(tags(&results[0], "scene_number"), [0.0; 3]);
}

#[test]
fn ffmpeg_ends_when_the_program_is_killed() {
    let workspace = directory("");
    let path = |name: &str| workspace.path().join(name);
    if !test_pattern(&path("a.mp4"), 1) {
        return;
    }
    std::fs::create_dir(path("started")).unwrap();
    // A video without an end.
    let endless = format!("mkdir {}/$$\nexec ffmpeg -stream_loop -1 \"$@\"", path("started").display());
    for (name, script) in [("ffmpeg", endless.as_str()), ("ffprobe", "exec ffprobe \"$@\"")] {
        std::fs::write(path(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let flow = format!(
        "jtype: Flow\nwith: {{endpoint: /index}}\nexecutors:\n- {{name: a, uses: VideoSegmenter, uses_with: {{ffmpeg: {}}}}}\n",
        path("ffmpeg").display()
    );
    std::fs::write(path("flow.yml"), flow).unwrap();
    let arguments = ["run", "flow.yml", "--input", "a.mp4"];
    let mut program = command_with_path(workspace.path(), &arguments).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    let wait_for = |condition: &dyn Fn() -> bool| {
        while !condition() {
            assert!(Instant::now() < until);
            std::thread::yield_now();
        }
    };
    let process = || {
        let name = std::fs::read_dir(path("started")).unwrap().next()?.unwrap().file_name();
        name.to_str().unwrap().parse::<u64>().ok()
    };
    // The shell has been replaced by ffmpeg.
    wait_for(&|| {
        let program = process().and_then(|id| std::fs::read_link(format!("/proc/{id}/exe")).ok());
        program.is_some_and(|program| program.ends_with("ffmpeg"))
    });
    program.kill().unwrap();
    program.wait().unwrap();
    let ffmpeg = process().unwrap();
    wait_for(&|| !is_alive(ffmpeg));
}

#[test]
fn doctor_reports_ffmpeg() {
    let workspace = tempfile::tempdir().unwrap();
    let output = command_with_path(workspace.path(), &["doctor"]).output().unwrap();
    let is_installed = Command::new("ffmpeg").arg("-version").output().is_ok();
    let expected = if is_installed { "ffmpeg " } else { "apt-get install ffmpeg" };
    let report = text(&output.stdout);
    assert!(report.contains("videos") && report.contains(expected), "{report}");
}
