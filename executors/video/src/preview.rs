//! Still pictures and short clips of videos, for web pages: a JPEG picture at a time, and an MP4 clip of a span of time.
//!
//! They are cut on demand by ffmpeg, with the bounds of [`ffmpeg`](crate::ffmpeg) and those of the caller. `ffprobe` runs only if that
//! fails, for the reason. Animated pictures are decoded elsewhere; their frames are encoded here ([`clip_of_frames`]).

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use flowrun_sdk::{CallBudget, Cancellation, ErrorKind, ExecutorError};

use crate::content::{VideoFile, temporary_file, write_error};
use crate::ffmpeg::{self, Programs, add_input, add_raw_input};
use crate::frame::VideoFrame;
use crate::frame_size::FrameSize;
use crate::limits::CLIP_RATE;
use crate::time_limit::TimeLimit;

/// Seconds by which the first frame may be earlier than wanted: tags have times in milliseconds.
const TOLERANCE: f64 = 0.002;

/// Seconds before the wanted time at which the search for the last frame begins, if no frame follows that time.
const REWIND: f64 = 3.0;

/// Threads of a decoder and of an encoder: several previews are cut at a time, while the flow runs.
const THREADS: &str = "2";

/// Bit rate of clips, and the largest for a second, in bits per second.
const BIT_RATES: [&str; 2] = ["800k", "1600k"];

/// Type of the boxes of an MP4 file that hold frames.
const FRAGMENT: &[u8] = b"moof";

const CUT_STILL: &str = "cutting the thumbnail";
const CUT_CLIP: &str = "cutting the preview";

/// Bounds of a still picture or clip.
#[derive(Clone, Debug)]
pub struct PreviewOptions {
    /// Longest side in pixels. Smaller videos are not enlarged.
    pub side: u32,
    /// Largest size in bytes.
    pub bytes_max: usize,
    /// Longest time of cutting it.
    pub timeout: Duration,
    /// Ends the process.
    pub cancellation: Cancellation,
}

impl VideoFile {
    /// A JPEG picture of the first frame at `time` seconds or after it, or of the last frame of the video.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] for a video that cannot be decoded or ends before `time`, [`ErrorKind::Resource`] if ffmpeg cannot be
    /// started, and [`ErrorKind::Cancelled`].
    pub fn still(&self, time: f64, options: &PreviewOptions) -> Result<Vec<u8>, ExecutorError> {
        let cut = |from: f64, filters: &str, time_limit: &TimeLimit<'_>| {
            let mut command = command();
            command.args(["-ss", &seconds(from)]);
            add_input(&mut command, self.container, "-codec_whitelist");
            command
                .args([
                    "-map",
                    "0:V:0",
                    "-an",
                    "-sn",
                    "-dn",
                    "-vf",
                    &format!("{filters}{}", scale(options.side)),
                ])
                .args([
                    "-frames:v",
                    "1",
                    "-c:v",
                    "mjpeg",
                    "-pix_fmt",
                    "yuvj420p",
                    "-q:v",
                    "4",
                    "-f",
                    "image2pipe",
                    "pipe:1",
                ]);
            ffmpeg::output(command, &self.file, options.bytes_max, CUT_STILL, time_limit)
        };
        self.within(options, time, CUT_STILL, |time_limit| {
            let still = cut((time - TOLERANCE).max(0.0), "", time_limit)?;
            if !still.is_empty() {
                return Ok(still);
            }
            // The time is within the last frame: that frame is repeated until the wanted time.
            let from = (time - REWIND).max(0.0);
            let wanted = seconds(time - from - TOLERANCE);
            cut(
                from,
                &format!("tpad=stop_mode=clone:stop_duration={REWIND},select='gte(t,{wanted})',"),
                time_limit,
            )
        })
    }

    /// An MP4 clip (H.264) of the `length` seconds from `start`, or up to the end of the video. It has no sound and no metadata.
    ///
    /// # Errors
    /// Those of [`still`](Self::still).
    pub fn clip(&self, start: f64, length: f64, options: &PreviewOptions) -> Result<Vec<u8>, ExecutorError> {
        self.within(options, start, CUT_CLIP, |time_limit| {
            let mut command = command();
            command.args(["-ss", &seconds(start), "-t", &seconds(length)]);
            add_input(&mut command, self.container, "-codec_whitelist");
            command.args(["-map", "0:V:0", "-an", "-sn", "-dn"]);
            add_clip(&mut command, length, options.side);
            let clip = ffmpeg::output(command, &self.file, options.bytes_max, CUT_CLIP, time_limit)?;
            // Without a frame, ffmpeg writes the header of a clip.
            let has_frames = clip.windows(FRAGMENT.len()).any(|bytes| bytes == FRAGMENT);
            Ok(if has_frames { clip } else { Vec::new() })
        })
    }

    /// Runs `cut`. If it yields nothing or fails, the error is that of the description of the video, if it has one.
    fn within(
        &self,
        options: &PreviewOptions,
        time: f64,
        work: &str,
        cut: impl FnOnce(&TimeLimit<'_>) -> Result<Vec<u8>, ExecutorError>,
    ) -> Result<Vec<u8>, ExecutorError> {
        let budget = CallBudget::until_cancelled(options.cancellation.clone());
        let time_limit = TimeLimit::fixed(&budget, options.timeout);
        let error = match cut(&time_limit) {
            Ok(output) if !output.is_empty() => return Ok(output),
            Ok(_) => None,
            Err(error) if error.kind() != ErrorKind::Input => return Err(error),
            Err(error) => Some(error),
        };
        time_limit.check(work)?;
        let track = ffmpeg::probe(&programs(), self, &time_limit)?;
        let length =
            track.duration.map_or_else(String::new, |length| format!("; it is {length:.1} seconds long"));
        let no_frame = || {
            let name = self.container.name();
            ExecutorError::input(format_args!("the {name} video has no frame at {time:.1} seconds{length}"))
        };
        Err(error.unwrap_or_else(no_frame))
    }
}

/// An MP4 clip of the `length` seconds from `start` of an animation, which `decode` decodes: it calls its argument for every frame,
/// all of the same size, and returns the time in seconds at which the last one ends.
///
/// # Errors
/// Those of `decode` and of [`VideoFile::clip`].
pub fn clip_of_frames(
    (start, length): (f64, f64),
    options: &PreviewOptions,
    decode: impl FnOnce(&mut dyn FnMut(VideoFrame) -> Result<(), ExecutorError>) -> Result<f64, ExecutorError>,
) -> Result<Vec<u8>, ExecutorError> {
    let budget = CallBudget::until_cancelled(options.cancellation.clone());
    let time_limit = TimeLimit::fixed(&budget, options.timeout);
    let mut frames = RepeatedFrames::new(start, length)?;
    let decoded = decode(&mut |frame| {
        time_limit.check(CUT_CLIP)?;
        frames.push(frame)
    });
    match decoded {
        Ok(end) => frames.repeat_until(end)?,
        // Decoding was given up: the clip is complete.
        Err(_) if frames.is_complete() => {}
        Err(error) => return Err(error),
    }
    let (raw, size) = frames.finish()?;
    let mut command = command();
    add_raw_input(&mut command, size, CLIP_RATE);
    add_clip(&mut command, length, options.side);
    ffmpeg::output(command, &raw, options.bytes_max, CUT_CLIP, &time_limit)
}

/// Raw frames at a constant rate in an unnamed file, from frames that are shown for different times.
struct RepeatedFrames {
    file: BufWriter<File>,
    start: f64,
    /// Numbers of the next frame, and of that at which the clip is complete.
    next: u32,
    count: u32,
    current: Option<VideoFrame>,
    size: Option<FrameSize>,
}

impl RepeatedFrames {
    fn new(start: f64, length: f64) -> Result<Self, ExecutorError> {
        let file = BufWriter::new(temporary_file()?);
        let count = (length * f64::from(CLIP_RATE)).ceil() as u32;
        Ok(Self { file, start, next: 0, count, current: None, size: None })
    }

    fn is_complete(&self) -> bool {
        self.next >= self.count
    }

    /// Shows `frame` from its time on.
    ///
    /// # Errors
    /// If the clip is complete, a frame has another size than the first, or the file cannot be written.
    fn push(&mut self, frame: VideoFrame) -> Result<(), ExecutorError> {
        self.repeat_until(frame.timestamp)?;
        if self.is_complete() {
            return Err(ExecutorError::input("the clip is complete"));
        }
        let size = FrameSize { width: frame.width, height: frame.height };
        if *self.size.get_or_insert(size) != size {
            return Err(ExecutorError::input("the frames of the animation have different sizes"));
        }
        self.current = Some(frame);
        Ok(())
    }

    /// Repeats the current frame until `time`.
    ///
    /// # Errors
    /// If the file cannot be written.
    fn repeat_until(&mut self, time: f64) -> Result<(), ExecutorError> {
        let Some(current) = &self.current else { return Ok(()) };
        while self.next < self.count && self.start + f64::from(self.next) / f64::from(CLIP_RATE) < time {
            self.file.write_all(&current.pixels).map_err(write_error)?;
            self.next += 1;
        }
        Ok(())
    }

    /// The file, at its beginning, and the size of its frames.
    ///
    /// # Errors
    /// If the animation ends before the clip, or the file cannot be written.
    fn finish(self) -> Result<(File, FrameSize), ExecutorError> {
        let size = self.size.filter(|_| self.next > 0).ok_or_else(|| {
            ExecutorError::input(format_args!("the animation has no frame at {:.1} seconds", self.start))
        })?;
        let file = self.file.into_inner().map_err(|error| write_error(error.into_error()))?;
        Ok((file, size))
    }
}

/// The programs of the system.
fn programs() -> Programs {
    Programs::new(Path::new("ffmpeg"))
}

/// A command that logs errors only. Input and output have to follow.
fn command() -> Command {
    let mut command = programs().ffmpeg();
    command.args(["-loglevel", "level+error", "-filter_threads", "1", "-threads", THREADS]);
    command
}

/// Adds the output of a clip: without metadata, in fragments, since a pipe cannot be written at an earlier position.
fn add_clip(command: &mut Command, length: f64, side: u32) {
    let frames = (length * f64::from(CLIP_RATE)).ceil().max(1.0);
    let [rate, largest] = BIT_RATES;
    command
        .args(["-vf", &format!("fps={CLIP_RATE},{},format=yuv420p", scale(side))])
        .args(["-frames:v", &format!("{frames:.0}"), "-map_metadata", "-1", "-map_chapters", "-1"])
        .args(["-c:v", "h264", "-threads", THREADS, "-g", &CLIP_RATE.to_string()])
        .args(["-b:v", rate, "-maxrate", largest, "-bufsize", largest])
        .args(["-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "pipe:1"]);
}

/// The filter that scales down to square pixels and even sides of at most `side` pixels, as H.264 needs them. Implausible ratios of
/// pixels, of damaged headers, are limited.
fn scale(side: u32) -> String {
    const WIDTH: &str = "(iw*clip(sar,0.1,10))";
    let factor = format!("min(1,{side}/max({WIDTH},ih))");
    let even = |length: &str| format!("max(2,2*trunc({length}*{factor}/2))");
    format!("scale=w='{}':h='{}':flags=area,setsar=1", even(WIDTH), even("ih"))
}

/// A time for ffmpeg, in seconds.
fn seconds(time: f64) -> String {
    format!("{:.3}", Duration::from_secs_f64(time.max(0.0)).as_secs_f64())
}
