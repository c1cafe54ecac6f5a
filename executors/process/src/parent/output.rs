//! Standard output and standard error of a child: forwards the lines to the log, and keeps the last lines for errors.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use flowrun_sdk::{Value, tracing};
use parking_lot::Mutex;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;

/// Maximum length of a line in bytes; the rest of a longer line is dropped.
const LINE_BYTES_MAX: usize = 8 << 10;

/// Number of last lines that are kept.
const TAIL_LINES_MAX: usize = 12;

/// Maximum number of characters of the last lines in an error message.
const TAIL_CHARACTERS_MAX: usize = 1_500;

/// The last lines of a child's output.
#[derive(Default)]
pub(crate) struct OutputTail(Mutex<VecDeque<String>>);

impl OutputTail {
    fn push(&self, line: &str) {
        let mut lines = self.0.lock();
        if lines.len() == TAIL_LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// Returns the lines as the end of an error message. Empty if the child wrote nothing.
    pub(crate) fn message_suffix(&self) -> String {
        let lines = self.0.lock();
        let text = lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        let omitted = text.chars().count().saturating_sub(TAIL_CHARACTERS_MAX);
        let text: String = text.chars().skip(omitted).collect();
        match (text.is_empty(), omitted) {
            (true, _) => String::new(),
            (_, 0) => format!("; last output:\n{text}"),
            _ => format!("; last output:\n…{text}"),
        }
    }
}

/// The stream that a line was written to, which determines its log level unless the line is a log record of flowrun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputStream {
    /// Standard output; logged at level INFO.
    Stdout,
    /// Standard error; logged at level WARN.
    Stderr,
}

/// Logs every line of a pipe until its end.
pub(crate) async fn forward_to_log(
    mut pipe: Receiver,
    worker: Arc<str>,
    stream: OutputStream,
    tail: Arc<OutputTail>,
) {
    let mut lines = LineSplitter::default();
    let mut buffer = vec![0; LINE_BYTES_MAX];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        lines.push(buffer.get(..count).unwrap_or_default(), |line| log(line, &worker, stream, &tail));
    }
    lines.finish(|line| log(line, &worker, stream, &tail));
}

/// Wraps the parent's end of a pipe for asynchronous reads.
///
/// # Errors
/// If the descriptor is not the read end of a pipe.
pub(crate) fn open_pipe(end: impl Into<std::os::fd::OwnedFd>) -> io::Result<Receiver> {
    Receiver::from_owned_fd(end.into())
}

fn log(line: &str, pod: &str, stream: OutputStream, tail: &OutputTail) {
    let (level, line) = match parse_log_record(line) {
        Some((level, message)) => (level, message),
        None if stream == OutputStream::Stdout => (tracing::Level::INFO, line.to_owned()),
        None => (tracing::Level::WARN, line.to_owned()),
    };
    if line.is_empty() {
        return;
    }
    tail.push(&line);
    match level {
        tracing::Level::ERROR => tracing::error!(pod, "{line}"),
        tracing::Level::WARN => tracing::warn!(pod, "{line}"),
        tracing::Level::INFO => tracing::info!(pod, "{line}"),
        tracing::Level::DEBUG => tracing::debug!(pod, "{line}"),
        tracing::Level::TRACE => tracing::trace!(pod, "{line}"),
    }
}

/// Parses a line of flowrun's JSON log, which isolated executors write. Returns its level and its message with the fields.
fn parse_log_record(line: &str) -> Option<(tracing::Level, String)> {
    let line = line.strip_prefix("{\"timestamp\":").and_then(|_| serde_json::from_str::<Value>(line).ok())?;
    let level = line.get("level")?.as_str()?.parse().ok()?;
    let message = line.get("message")?.as_str()?.to_owned();
    let standard = ["timestamp", "level", "message", "target"];
    let fields = line.as_object()?.iter().filter(|(name, _)| !standard.contains(&name.as_str()));
    Some((level, fields.fold(message, |message, (name, value)| format!("{message} {name}={value}"))))
}

/// Splits bytes into lines of bounded length, without terminal control sequences.
#[derive(Default)]
struct LineSplitter {
    line: Vec<u8>,
    /// True if the line exceeded [`LINE_BYTES_MAX`].
    truncated: bool,
}

impl LineSplitter {
    fn push(&mut self, bytes: &[u8], mut emit: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (piece, ends) = match piece.strip_suffix(b"\n") {
                Some(piece) => (piece, true),
                None => (piece, false),
            };
            let capacity = LINE_BYTES_MAX - self.line.len();
            self.truncated |= piece.len() > capacity;
            self.line.extend(piece.iter().take(capacity));
            if ends {
                self.finish(&mut emit);
            }
        }
    }

    /// Emits the current line, which may be empty.
    fn finish(&mut self, mut emit: impl FnMut(&str)) {
        let text = strip_controls(&String::from_utf8_lossy(&self.line));
        emit(if self.truncated { format!("{text}…") } else { text }.trim_end());
        (self.line, self.truncated) = (Vec::new(), false);
    }
}

/// Removes control characters except tabs, and ANSI escape sequences such as colours.
fn strip_controls(text: &str) -> String {
    let mut stripped = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' if letters.next_if_eq(&'[').is_some() => {
                // Parameters, and the final letter of the sequence.
                while letters.next_if(|letter| !('@'..='~').contains(letter)).is_some() {}
                letters.next();
            }
            '\t' => stripped.push(letter),
            letter if letter.is_control() => {}
            letter => stripped.push(letter),
        }
    }
    stripped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let (mut splitter, mut received) = (LineSplitter::default(), Vec::new());
        for piece in pieces {
            splitter.push(piece, |line| received.push(line.to_owned()));
        }
        splitter.finish(|line| received.push(line.to_owned()));
        received
    }

    #[test]
    fn lines_are_joined_from_pieces_and_stripped_of_controls() {
        assert_eq!(lines(&[b"a", b"b\nc", b"\n\n", b"d"]), ["ab", "c", "", "d"]);
        assert_eq!(lines(&[b"\x1b[1;31mred\x1b[0m\r\n\x07bell\xff"]), ["red", "bell\u{fffd}"]);
    }

    #[test]
    fn long_lines_are_truncated() {
        let long = lines(&[&[b'x'; 3 * LINE_BYTES_MAX], b"y\nz"]);
        assert_eq!((long[0].len(), long[1].as_str()), (LINE_BYTES_MAX + '…'.len_utf8(), "z"));
        assert!(long[0].ends_with("x…"));
    }

    #[test]
    fn the_tail_contains_the_last_lines() {
        let tail = OutputTail::default();
        assert_eq!(tail.message_suffix(), "");
        for number in 0..100 {
            tail.push(&format!("line {number}"));
        }
        assert!(
            tail.message_suffix().starts_with("; last output:\nline 88\n")
                && tail.message_suffix().ends_with("line 99")
        );
        tail.push(&"x".repeat(5_000));
        assert_eq!(
            tail.message_suffix().chars().filter(|letter| *letter == 'x').count(),
            TAIL_CHARACTERS_MAX
        );
    }

    #[test]
    fn log_records_of_flowrun_keep_their_level() {
        let line = r#"{"timestamp":"t","level":"INFO","message":"opened","target":"a","documents":3}"#;
        assert_eq!(parse_log_record(line), Some((tracing::Level::INFO, "opened documents=3".to_owned())));
        assert_eq!(parse_log_record("{\"level\": 1}"), None);
    }
}
