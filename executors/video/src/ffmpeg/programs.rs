//! The programs `ffmpeg` and `ffprobe`, and the arguments that bound them.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flowrun_sdk::{ExecutorError, guard};

use crate::container::Container;
use crate::frame_size::FrameSize;
use crate::limits::{FRAME_PIXELS_MAX, TRACKS_MAX};

/// Commands that install ffmpeg, for messages.
const INSTALL_COMMANDS: &str = "`apt-get install ffmpeg` (Debian, Ubuntu), `dnf install ffmpeg-free` (Fedora) or `brew install ffmpeg` (macOS)";

/// Codecs that are decoded, each with its decoders. Rare codecs have had most of the defects of ffmpeg.
const CODECS: [(&str, &[&str]); 17] = [
    ("h264", &["h264"]),
    ("hevc", &["hevc"]),
    ("av1", &["av1", "libdav1d", "libaom-av1"]),
    ("vp8", &["vp8", "libvpx"]),
    ("vp9", &["vp9", "libvpx-vp9"]),
    ("mpeg1video", &["mpeg1video"]),
    ("mpeg2video", &["mpeg2video"]),
    ("mpeg4", &["mpeg4"]),
    ("msmpeg4v3", &["msmpeg4"]),
    ("h263", &["h263"]),
    ("theora", &["theora"]),
    ("mjpeg", &["mjpeg"]),
    ("prores", &["prores"]),
    ("dnxhd", &["dnxhd"]),
    ("dvvideo", &["dvvideo"]),
    ("ffv1", &["ffv1"]),
    // Also for covers.
    ("png", &["png"]),
];

/// Environment variables that the processes inherit: those that programs and their libraries are found by.
const VARIABLES: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// The programs of one installation.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
}

impl Programs {
    /// The program `ffmpeg`, by name or path, and `ffprobe` in the same directory.
    pub(crate) fn new(ffmpeg: &Path) -> Self {
        Self { ffmpeg: ffmpeg.to_owned(), ffprobe: ffmpeg.with_file_name("ffprobe") }
    }

    /// A command that decodes videos. Arguments for the input and the output have to follow.
    pub(crate) fn ffmpeg(&self) -> Command {
        let mut command = bare_command(&self.ffmpeg);
        command.args(["-hide_banner", "-nostats", "-nostdin"]);
        command
    }

    /// A command that describes videos. Arguments have to follow.
    pub(crate) fn ffprobe(&self) -> Command {
        let mut command = bare_command(&self.ffprobe);
        command.arg("-hide_banner");
        command
    }
}

/// Adds the video on standard input as the input of `command`, with the bounds of untrusted videos. `codec_whitelist` is the option
/// for the decoders of all tracks or of those of video.
pub(crate) fn add_input(command: &mut Command, container: Container, codec_whitelist: &str) {
    let decoders: Vec<&str> = CODECS.iter().flat_map(|(_, decoders)| *decoders).copied().collect();
    command
        .args(["-protocol_whitelist", "file,pipe"])
        // Also for subtitles within a container, whose format ffmpeg detects.
        .args(["-format_whitelist", container.demuxer()])
        .args([codec_whitelist, &decoders.join(",")])
        .args(["-max_streams", &TRACKS_MAX.to_string()])
        .args(["-max_pixels", &FRAME_PIXELS_MAX.to_string()])
        .args(["-f", container.demuxer()])
        // A path, unlike `pipe:0`, can be opened for seeking.
        .args(["-i", "/dev/fd/0"]);
}

/// Adds raw frames of three bytes per pixel on standard input as the input of `command`.
pub(crate) fn add_raw_input(command: &mut Command, FrameSize { width, height }: FrameSize, rate: u32) {
    command.args(["-protocol_whitelist", "file,pipe", "-f", "rawvideo", "-pix_fmt", "rgb24"]).args([
        "-s",
        &format!("{width}x{height}"),
        "-r",
        &rate.to_string(),
        "-i",
        "/dev/fd/0",
    ]);
}

/// True if videos of the codec are decoded.
pub(crate) fn is_decoded(codec: &str) -> bool {
    CODECS.iter().any(|(name, _)| *name == codec)
}

/// Codecs that are decoded, for messages.
pub(crate) fn codec_names() -> String {
    CODECS.map(|(name, _)| name).join(", ")
}

fn bare_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.envs(VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    guard::remove_hidden_variables(&mut command);
    command
}

/// The error of a program that cannot be started.
pub(crate) fn start_error(command: &Command, error: &io::Error) -> ExecutorError {
    let reason = start_failure(command, error);
    ExecutorError::resource(format_args!(
        "the video cannot be decoded: {reason}; animated GIF, WebP and PNG need no ffmpeg"
    ))
}

/// Reason why a program cannot be started; for a missing one with the commands that install it.
fn start_failure(command: &Command, error: &io::Error) -> String {
    let program = command.get_program().display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("the program `{program}` is not installed. Install ffmpeg with {INSTALL_COMMANDS}")
        }
        _ => format!("`{program}` cannot be started: {error}"),
    }
}

/// Version of the installed `ffmpeg`, such as `5.1.6-0+deb12u1`.
///
/// # Errors
/// The reason why videos cannot be decoded, with the commands that install ffmpeg.
pub fn installed() -> Result<String, String> {
    let programs = Programs::new(Path::new("ffmpeg"));
    version(programs.ffprobe())?;
    version(programs.ffmpeg())
}

/// Version that a program prints.
fn version(mut command: Command) -> Result<String, String> {
    command.arg("-version").stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().map_err(|error| start_failure(&command, &error))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let word = text.split_whitespace().skip_while(|word| *word != "version").nth(1);
    word.map(str::to_owned).ok_or_else(|| {
        format!("`{}` printed no version ({})", command.get_program().display(), output.status)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ffprobe_is_next_to_ffmpeg() {
        for (ffmpeg, ffprobe) in [("ffmpeg", "ffprobe"), ("/opt/a/ffmpeg-7", "/opt/a/ffprobe")] {
            assert_eq!(Programs::new(Path::new(ffmpeg)).ffprobe, Path::new(ffprobe));
        }
    }

    #[test]
    fn a_missing_program_is_an_error_that_names_the_command_to_install_it() {
        let command = Programs::new(Path::new("/no/such/ffmpeg")).ffmpeg();
        let error = start_error(&command, &io::ErrorKind::NotFound.into()).to_string();
        assert!(
            error.contains("`/no/such/ffmpeg` is not installed") && error.contains("apt-get install ffmpeg"),
            "{error}"
        );
    }

    #[test]
    fn processes_inherit_no_variables_but_those_they_are_found_by() {
        let command = Programs::new(Path::new("ffmpeg")).ffmpeg();
        let mut inherited = command.get_envs().filter(|(_, value)| value.is_some());
        assert!(inherited.all(|(name, _)| VARIABLES.iter().any(|own| name == *own)));
    }
}
