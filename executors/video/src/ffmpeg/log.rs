//! ffmpeg's log: times of the frames, and errors.
//!
//! Raw frames have no times, so that two `showinfo` filters print them: one for every decoded frame, named `decoded`, and one for
//! every frame that is sent, named `kept`.

use std::collections::VecDeque;

/// Decoded frames whose times are remembered. Few are between the two filters.
const REMEMBERED: usize = 64;

/// Position of a frame that is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FramePosition {
    /// Number among the decoded frames, from 0.
    pub(super) number: u64,
    /// Time in seconds; `None` if the video has none for the frame.
    pub(super) timestamp: Option<f64>,
}

/// Facts in the lines of a log that have been read.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// Times of the last decoded frames, as printed.
    times: VecDeque<String>,
    /// Number of decoded frames.
    pub(super) decoded: u64,
    /// Time of the last decoded frame, in seconds.
    pub(super) last_timestamp: Option<f64>,
    /// Number of errors.
    pub(super) errors: u64,
    /// The last error.
    pub(super) last_error: Option<String>,
}

impl Log {
    /// Reads a line; returns the position if it is that of a frame that is sent.
    pub(super) fn read(&mut self, line: &str) -> Option<FramePosition> {
        if let Some(time) = frame_time(line, "[showinfo@decoded ") {
            self.decoded += 1;
            self.last_timestamp = to_seconds(time).or(self.last_timestamp);
            self.times.push_back(time.to_owned());
            if self.times.len() > REMEMBERED {
                self.times.pop_front();
            }
            return None;
        }
        if let Some(time) = frame_time(line, "[showinfo@kept ") {
            let after = self.times.iter().rev().position(|decoded| decoded == time).unwrap_or(0);
            let number = self.decoded.saturating_sub(1 + after as u64);
            return Some(FramePosition { number, timestamp: to_seconds(time) });
        }
        if let Some(message) = error_message(line) {
            self.errors += 1;
            self.last_error = Some(message.to_owned());
        }
        None
    }
}

/// Time of the frame in microseconds, as printed, if the line is one of this filter about a frame. The time in seconds on the same
/// line has only six digits.
fn frame_time<'a>(line: &'a str, filter: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(filter)?;
    let (_, time) = rest.split_once(" pts:")?;
    time.split_whitespace().next()
}

/// Converts a printed time to seconds; `None` if the frame has no time.
fn to_seconds(microseconds: &str) -> Option<f64> {
    microseconds.parse::<i64>().ok().map(|time| time as f64 / 1e6)
}

/// Message of an error line, such as `[h264 @ 0x55d0] [error] no frame!`, without its source. The level follows the sources:
/// lines of other levels may contain any text of the video, such as its title.
pub(super) fn error_message(line: &str) -> Option<&str> {
    let mut rest = line;
    while let Some((source, after)) = rest.split_once("] ")
        && source.starts_with('[')
        && source.contains(" @ ")
    {
        rest = after;
    }
    let message = ["[error] ", "[fatal] "].iter().find_map(|level| rest.strip_prefix(level))?;
    // Tracks of sound are not decoded.
    rejected_decoder(line).is_none().then(|| message.trim_start_matches("/dev/fd/0: "))
}

/// The decoder in a line such as `[qtrle @ 0x55] [error] Codec (qtrle) not on whitelist 'h264'`.
pub(super) fn rejected_decoder(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("] Codec (")?;
    let (name, rest) = rest.split_once(')')?;
    rest.starts_with(" not on whitelist").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(time: &str) -> String {
        format!(
            "[showinfo@decoded @ 0x55] [info] n:   7 pts:{time:>7} pts_time:0.28    pos:    37259 fmt:yuv420p"
        )
    }

    fn kept(time: &str) -> String {
        decoded(time).replace("decoded", "kept")
    }

    #[test]
    fn kept_frames_are_numbered_among_the_decoded_ones() {
        let mut log = Log::default();
        let lines =
            [decoded("0"), kept("0"), decoded("40000"), decoded("80000"), decoded("120000"), kept("80000")];
        let positions: Vec<_> = lines.iter().filter_map(|line| log.read(line)).collect();
        let position = |number, timestamp| FramePosition { number, timestamp: Some(timestamp) };
        assert_eq!(positions, [position(0, 0.0), position(2, 0.08)]);
        assert_eq!((log.decoded, log.last_timestamp, log.errors), (4, Some(0.12), 0));
    }

    #[test]
    fn a_frame_without_a_time_has_a_number() {
        let mut log = Log::default();
        log.read(&decoded("NOPTS"));
        assert_eq!(log.read(&kept("NOPTS")), Some(FramePosition { number: 0, timestamp: None }));
    }

    #[test]
    fn errors_are_counted_without_those_about_sound() {
        let mut log = Log::default();
        for line in [
            "[mov,mp4 @ 0x55] [error] moov atom not found",
            "[aac @ 0x55] [error] Codec (aac) not on whitelist 'h264'",
            "[info] Input #0, mov, from '/dev/fd/0':",
            "[showinfo@kept @ 0x55] [info] color_range:pc",
            "[info]     title           : a [error] b",
            "                    : [error] c",
            "[fatal] /dev/fd/0: Invalid data found when processing input",
        ] {
            assert_eq!(log.read(line), None, "{line}");
        }
        assert_eq!(
            (log.errors, log.last_error.as_deref()),
            (2, Some("Invalid data found when processing input"))
        );
    }
}
