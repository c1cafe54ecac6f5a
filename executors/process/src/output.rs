//! What a child writes to its standard output and error: lines of our log, and the last words of one that died.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use flowrun_sdk::{Value, tracing};
use parking_lot::Mutex;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;

/// Bytes of one line; the rest of a longer one is left out.
const LINE_BYTES_MAX: usize = 8 << 10;

/// Lines that are kept as last words, and how many characters of them are told.
const TAIL_LINES_MAX: usize = 12;
const TAIL_CHARACTERS_MAX: usize = 1_500;

/// The last lines that a child wrote.
#[derive(Default)]
pub(crate) struct Tail(Mutex<VecDeque<String>>);

impl Tail {
    fn push(&self, line: &str) {
        let mut lines = self.0.lock();
        if lines.len() == TAIL_LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// Them, as the end of a sentence; nothing when there are none.
    pub(crate) fn told(&self) -> String {
        let lines = self.0.lock();
        let text = lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        let left_out = text.chars().count().saturating_sub(TAIL_CHARACTERS_MAX);
        let text: String = text.chars().skip(left_out).collect();
        match (text.is_empty(), left_out) {
            (true, _) => String::new(),
            (_, 0) => format!("; it said last:\n{text}"),
            _ => format!("; it said last:\n…{text}"),
        }
    }
}

/// Where lines come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// Writes every line of a pipe to the log, until its end.
pub(crate) async fn forward(mut pipe: Receiver, pod: Arc<str>, stream: Stream, tail: Arc<Tail>) {
    let mut lines = Lines::default();
    let mut buffer = vec![0; LINE_BYTES_MAX];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        lines.take(buffer.get(..count).unwrap_or_default(), |line| log(line, &pod, stream, &tail));
    }
    lines.finish(|line| log(line, &pod, stream, &tail));
}

/// A pipe that can be read from here.
pub(crate) fn pipe(end: impl Into<std::os::fd::OwnedFd>) -> io::Result<Receiver> {
    Receiver::from_owned_fd(end.into())
}

fn log(line: &str, pod: &str, stream: Stream, tail: &Tail) {
    let (level, line) = match record(line) {
        Some((level, message)) => (level, message),
        None if stream == Stream::Output => (tracing::Level::INFO, line.to_owned()),
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

/// A line of flowrun's own log, as a child of our making writes it: its level and what it says.
fn record(line: &str) -> Option<(tracing::Level, String)> {
    let line = line.strip_prefix("{\"timestamp\":").and_then(|_| serde_json::from_str::<Value>(line).ok())?;
    let level = line.get("level")?.as_str()?.parse().ok()?;
    let message = line.get("message")?.as_str()?.to_owned();
    let known = ["timestamp", "level", "message", "target"];
    let more = line.as_object()?.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    Some((level, more.fold(message, |message, (name, value)| format!("{message} {name}={value}"))))
}

/// Cuts bytes into lines of bounded length, without what would move the cursor of a terminal.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    /// Whether the line was longer than what is kept of it.
    cut: bool,
}

impl Lines {
    fn take(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (piece, ends) = match piece.strip_suffix(b"\n") {
                Some(piece) => (piece, true),
                None => (piece, false),
            };
            let room = LINE_BYTES_MAX - self.line.len();
            self.cut |= piece.len() > room;
            self.line.extend(piece.iter().take(room));
            if ends {
                self.finish(&mut line);
            }
        }
    }

    fn finish(&mut self, mut line: impl FnMut(&str)) {
        let text = plain(&String::from_utf8_lossy(&self.line));
        line(if self.cut { format!("{text}…") } else { text }.trim_end());
        (self.line, self.cut) = (Vec::new(), false);
    }
}

/// The text without control characters, and without the sequences that colour a terminal.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' if letters.next_if_eq(&'[').is_some() => {
                // Parameters, and one letter that says what for.
                while letters.next_if(|letter| !('@'..='~').contains(letter)).is_some() {}
                letters.next();
            }
            '\t' => plain.push(letter),
            letter if letter.is_control() => {}
            letter => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut came) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.take(piece, |line| came.push(line.to_owned()));
        }
        lines.finish(|line| came.push(line.to_owned()));
        came
    }

    #[test]
    fn lines_are_whole_however_they_are_written() {
        assert_eq!(lines(&[b"a", b"b\nc", b"\n\n", b"d"]), ["ab", "c", "", "d"]);
        assert_eq!(lines(&[b"\x1b[1;31mred\x1b[0m\r\n\x07bell\xff"]), ["red", "bell\u{fffd}"]);
    }

    #[test]
    fn a_line_has_an_end() {
        let long = lines(&[&[b'x'; 3 * LINE_BYTES_MAX], b"y\nz"]);
        assert_eq!((long[0].len(), long[1].as_str()), (LINE_BYTES_MAX + '…'.len_utf8(), "z"));
        assert!(long[0].ends_with("x…"));
    }

    #[test]
    fn the_last_words_are_the_last_lines() {
        let tail = Tail::default();
        assert_eq!(tail.told(), "");
        for number in 0..100 {
            tail.push(&format!("line {number}"));
        }
        assert!(tail.told().starts_with("; it said last:\nline 88\n") && tail.told().ends_with("line 99"));
        tail.push(&"x".repeat(5_000));
        assert_eq!(tail.told().chars().filter(|letter| *letter == 'x').count(), TAIL_CHARACTERS_MAX);
    }

    #[test]
    fn lines_of_our_own_log_keep_their_level() {
        let line = r#"{"timestamp":"t","level":"INFO","message":"opened","target":"a","documents":3}"#;
        assert_eq!(record(line), Some((tracing::Level::INFO, "opened documents=3".to_owned())));
        assert_eq!(record("{\"level\": 1}"), None);
    }
}
