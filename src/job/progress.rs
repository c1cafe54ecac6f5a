//! Progress of a job on standard error: a bar on a terminal, otherwise a line or log event every five seconds.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use parking_lot::Mutex;

/// Interval between two lines or log events.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Display of the progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressDisplay {
    /// A bar or lines on standard error.
    Terminal,
    /// Log events of the level `info`.
    Log,
}

/// The bar, which is hidden while a log line is written.
static BAR: OnceLock<ProgressBar> = OnceLock::new();

/// Number of documents that a job has finished.
pub struct Progress {
    bar: Option<ProgressBar>,
    display: ProgressDisplay,
    total: Option<u64>,
    done: AtomicU64,
    started: Instant,
    last_line: Mutex<Instant>,
}

impl Progress {
    /// Starts the display at zero documents. `total` is the number of all documents, if it is known.
    #[must_use]
    pub fn new(total: Option<u64>, display: ProgressDisplay) -> Self {
        let has_bar = display == ProgressDisplay::Terminal && io::stderr().is_terminal();
        let bar = has_bar.then(|| bar(total));
        if let Some(bar) = &bar {
            // Only the first job of a process protects its bar from log lines; a process runs one job.
            let _ = BAR.set(bar.clone());
        }
        let started = Instant::now();
        Self { bar, display, total, done: AtomicU64::new(0), started, last_line: Mutex::new(started) }
    }

    /// Adds finished documents.
    pub(super) fn advance(&self, documents: usize) {
        let documents = documents as u64;
        let done = self.done.fetch_add(documents, Ordering::Relaxed) + documents;
        if let Some(bar) = &self.bar {
            bar.inc(documents);
            return;
        }
        let mut last_line = self.last_line.lock();
        if last_line.elapsed() >= LINE_INTERVAL {
            *last_line = Instant::now();
            self.print_line(done);
        }
    }

    fn print_line(&self, done: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = done as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        let total = self.total.map_or_else(String::new, |total| format!(" of {total}"));
        match self.display {
            ProgressDisplay::Terminal => {
                let _ = writeln!(io::stderr().lock(), "{done}{total} documents, {rate:.0} documents/s");
            }
            ProgressDisplay::Log => tracing::info!("{done}{total} documents, {rate:.0} documents/s"),
        }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{bar:30} {pos}/{len} documents  {rate}  {eta} left"),
        None => (ProgressBar::new_spinner(), "{spinner} {pos} documents  {rate}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        // Fails only if the text buffer cannot grow.
        let _ = write!(out, "{:.0} documents/s", state.per_sec());
    };
    bar.with_style(style.with_key("rate", rate))
}

/// Standard error for log lines; hides the bar while it writes.
#[must_use]
pub fn log_writer() -> impl Write {
    LogWriter
}

struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match BAR.get() {
            Some(bar) if !bar.is_finished() => bar.suspend(|| io::stderr().write(bytes)),
            _ => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
