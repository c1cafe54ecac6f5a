//! Decoding of a video track: a stream of scaled frames with their times.

use std::io::{BufReader, Read};
use std::process::ChildStderr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use flowrun_sdk::ExecutorError;

use super::child::{BoundedChild, Started, describe_end, start};
use super::lines::next_line;
use super::log::{FramePosition, Log};
use super::probe::VideoTrack;
use super::programs::{Programs, add_input};
use crate::content::VideoFile;
use crate::frame::VideoFrame;
use crate::frame_size::FrameSize;
use crate::limits::{DECODED_FRAMES_MAX, FRAMES_IN_FLIGHT, STALL_TIME_MAX};
use crate::selection::Selection;
use crate::time_limit::TimeLimit;

const WORK: &str = "decoding the video";

/// A video is truncated if ffmpeg reports errors and this share of its length is missing.
const MISSING_SHARE_MAX: f64 = 0.05;

/// Shortest time that counts as missing, in seconds.
const MISSING_SECONDS_MIN: f64 = 1.0;

/// Frames of a video, decoded by a process. Dropping it ends the process.
pub(crate) struct DecodedFrames<'a> {
    // Declared first: the threads end when the process has ended.
    child: BoundedChild,
    frames: Receiver<Vec<u8>>,
    positions: Receiver<FramePosition>,
    log: Receiver<Log>,
    /// Number of frames that were decoded so far, whether they are selected or not.
    decoded: Arc<AtomicU64>,
    size: FrameSize,
    track: &'a VideoTrack,
    numbers_from_times: bool,
    last_timestamp: Option<f64>,
    /// Smallest number of the next frame: no two frames have the same.
    next_number: u64,
    name: &'static str,
}

/// Facts about a video that has been decoded completely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ended {
    /// Time of the end of the last frame, in seconds.
    pub(crate) end: f64,
    /// Number of errors that were reported; frames may be missing or damaged.
    pub(crate) errors: u64,
}

/// Starts decoding the selected frames of a track, scaled to `size`, with `threads` threads.
///
/// # Errors
/// If the process cannot be started.
pub(crate) fn decode<'a>(
    programs: &Programs,
    video: &VideoFile,
    track: &'a VideoTrack,
    selection: &Selection,
    (size, threads): (FrameSize, usize),
    time_limit: &TimeLimit<'_>,
) -> Result<DecodedFrames<'a>, ExecutorError> {
    let mut command = programs.ffmpeg();
    let threads = threads.max(1).to_string();
    command.args(["-loglevel", "level+info", "-filter_threads", &threads, "-threads", &threads]);
    // One graph of filters for the whole video: a new one after a change of the size would number frames from 0 again.
    command.args(["-reinit_filter", "0"]);
    if selection.is_of_key_frames() {
        command.args(["-skip_frame", "nokey"]);
    }
    add_input(&mut command, video.container, "-codec_whitelist");
    command
        .args(["-map", &format!("0:{}", track.index), "-an", "-sn", "-dn"])
        .args(["-vf", &filters(selection, size)])
        // As the frames are numbered (`setpts`), this neither repeats nor drops frames.
        .args(["-r", "25", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]);
    let Started { child, stdout, stderr } = start(command, &video.file, time_limit)?;
    let (frame_sender, frames) = mpsc::sync_channel(FRAMES_IN_FLIGHT);
    let bytes = size.bytes();
    thread::spawn(move || send_frames(stdout, bytes, &frame_sender));
    let (position_sender, positions) = mpsc::channel();
    let (log_sender, log) = mpsc::channel();
    let decoded = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&decoded);
    thread::spawn(move || {
        let _ = log_sender.send(read_log(stderr, &position_sender, &counter));
    });
    Ok(DecodedFrames {
        child,
        frames,
        positions,
        log,
        decoded,
        size,
        track,
        numbers_from_times: selection.is_of_key_frames(),
        last_timestamp: None,
        next_number: 0,
        name: video.container.name(),
    })
}

/// The filters between the decoder and the pipe. Times are in microseconds, which no time base of a video loses.
fn filters(selection: &Selection, FrameSize { width, height }: FrameSize) -> String {
    let select = selection.filter().map_or_else(String::new, |filter| format!("{filter},"));
    format!(
        "settb=AVTB,showinfo@decoded=checksum=0,{select}scale={width}:{height}:flags=area,format=rgb24,\
         showinfo@kept=checksum=0,setpts=N/25/TB"
    )
}

impl DecodedFrames<'_> {
    /// Receives the next frame; `None` at the end.
    ///
    /// # Errors
    /// If no frame arrives in time, or a bound is exceeded.
    pub(crate) fn next(&mut self, time_limit: &TimeLimit<'_>) -> Result<Option<VideoFrame>, ExecutorError> {
        let decoded = || check_frames(self.decoded.load(Ordering::Relaxed), self.name);
        let pixels = time_limit.receive_with_progress(&self.frames, STALL_TIME_MAX, WORK, &decoded)?;
        let Some(pixels) = pixels else { return Ok(None) };
        let position = time_limit.receive(&self.positions, STALL_TIME_MAX, WORK)?;
        let frame_time = 1.0 / self.track.rate;
        let following = self.last_timestamp.map_or(0.0, |last| last + frame_time);
        // Times of damaged videos go back.
        let earliest = self.last_timestamp.unwrap_or(0.0);
        let timestamp = position.and_then(|position| position.timestamp).unwrap_or(following).max(earliest);
        self.last_timestamp = Some(timestamp);
        let number = match position {
            Some(position) if !self.numbers_from_times => position.number,
            _ => (timestamp * self.track.rate).round() as u64,
        };
        let number = number.max(self.next_number);
        self.next_number = number.saturating_add(1);
        check_frames(self.next_number, self.name)?;
        let FrameSize { width, height } = self.size;
        Ok(Some(VideoFrame { number, timestamp, width, height, pixels }))
    }

    /// Checks that the video was decoded to its end, after the last frame.
    ///
    /// # Errors
    /// If it has no frame, ended with an error, or is truncated.
    pub(crate) fn finish(self, time_limit: &TimeLimit<'_>) -> Result<Ended, ExecutorError> {
        let name = self.name;
        // Frames after the last selected one are decoded too.
        let decoded = || check_frames(self.decoded.load(Ordering::Relaxed), name);
        let log = time_limit.receive_with_progress(&self.log, STALL_TIME_MAX, WORK, &decoded)?;
        let log = log.unwrap_or_default();
        check_frames(log.decoded, name)?;
        let status = self.child.wait(time_limit, WORK)?;
        if !status.success() {
            let end = describe_end("ffmpeg", status);
            let cause = log.last_error.map_or_else(String::new, |error| format!(": {error}"));
            return Err(ExecutorError::input(format_args!(
                "the {name} video cannot be decoded: {end}{cause}"
            )));
        }
        let Some(last) = log.last_timestamp.into_iter().chain(self.last_timestamp).reduce(f64::max) else {
            let cause = log.last_error.map_or_else(String::new, |error| format!(": {error}"));
            return Err(ExecutorError::input(format_args!(
                "the {name} video has no frame that can be decoded{cause}"
            )));
        };
        let end = last.max(0.0) + 1.0 / self.track.rate;
        match self.track.duration {
            Some(duration) if log.errors > 0 && !self.numbers_from_times => {
                let missing = duration - end;
                if missing > MISSING_SECONDS_MIN.max(duration * MISSING_SHARE_MAX) {
                    let cause = log.last_error.unwrap_or_default();
                    return Err(ExecutorError::input(format_args!(
                        "the {name} video is truncated: it ends after {end:.1} of {duration:.1} seconds ({cause})"
                    )));
                }
            }
            _ => {}
        }
        Ok(Ended { end, errors: log.errors })
    }
}

/// Returns a number of decoded frames if it is allowed.
fn check_frames(decoded: u64, name: &str) -> Result<u64, ExecutorError> {
    if decoded <= DECODED_FRAMES_MAX {
        return Ok(decoded);
    }
    Err(ExecutorError::input(format_args!(
        "the {name} video has more than the {DECODED_FRAMES_MAX} frames allowed; split it into shorter files"
    )))
}

/// Reads frames of `bytes` bytes until the pipe or the channel closes. An incomplete frame is discarded.
fn send_frames(mut pipe: impl Read, bytes: usize, frames: &SyncSender<Vec<u8>>) {
    loop {
        let mut frame = vec![0; bytes];
        if pipe.read_exact(&mut frame).is_err() || frames.send(frame).is_err() {
            return;
        }
    }
}

/// Reads the log to its end, and sends the positions of the frames.
fn read_log(stderr: ChildStderr, positions: &mpsc::Sender<FramePosition>, decoded: &AtomicU64) -> Log {
    let mut log = Log::default();
    let mut lines = BufReader::new(stderr);
    while let Ok(Some(line)) = next_line(&mut lines) {
        if let Some(position) = log.read(&line) {
            // Fails only if decoding was given up.
            let _ = positions.send(position);
        }
        decoded.store(log.decoded, Ordering::Relaxed);
    }
    log
}
