//! A process that writes one small file to its standard output.

use std::io::{BufReader, Read};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use flowrun_sdk::ExecutorError;

use super::child::{Started, describe_end, start};
use super::lines::next_line;
use super::log::error_message;
use crate::time_limit::TimeLimit;

/// Runs `command` on a video and returns its output, which is empty if no frame was selected.
///
/// # Errors
/// If the process cannot be started, fails, exceeds the time, or writes more than `bytes_max` bytes. `work` describes the work, as in
/// “cutting the preview”.
pub(crate) fn output(
    command: Command,
    video: &std::fs::File,
    bytes_max: usize,
    work: &str,
    time_limit: &TimeLimit<'_>,
) -> Result<Vec<u8>, ExecutorError> {
    let Started { child, stdout, stderr } = start(command, video, time_limit)?;
    let (output, log) =
        (in_background(move || read(stdout, bytes_max)), in_background(|| last_error(stderr)));
    let output = time_limit.receive(&output, Duration::MAX, work)?.unwrap_or_default();
    if output.len() > bytes_max {
        return Err(ExecutorError::input(format_args!(
            "{work} yields more than the {bytes_max} bytes allowed"
        )));
    }
    let error = time_limit.receive(&log, Duration::MAX, work)?.flatten();
    let status = child.wait(time_limit, work)?;
    if status.success() {
        return Ok(output);
    }
    let cause = error.map_or_else(String::new, |error| format!(": {error}"));
    Err(ExecutorError::input(format_args!("{work} failed: {}{cause}", describe_end("ffmpeg", status))))
}

/// Reads to the end, at most one byte more than `bytes_max`.
fn read(output: impl Read, bytes_max: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Whatever was read before an error is used. The process ends when the pipe closes.
    let _ = output.take(bytes_max as u64 + 1).read_to_end(&mut bytes);
    bytes
}

/// The last error in the log of a process.
fn last_error(log: impl Read) -> Option<String> {
    let (mut log, mut last) = (BufReader::new(log), None);
    while let Ok(Some(line)) = next_line(&mut log) {
        last = error_message(&line).map(str::to_owned).or(last);
    }
    last
}

/// Runs `work` on a thread, which ends when the process has ended.
fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // Fails only if the output is not awaited any more.
        let _ = sender.send(work());
    });
    receiver
}
