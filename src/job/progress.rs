//! How far a job has come: a bar on a terminal, plain lines otherwise.

use std::io::{self, IsTerminal as _, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

/// Between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The bar that log lines must not be written across.
static BAR: OnceLock<ProgressBar> = OnceLock::new();

/// How far a job has come.
pub struct Progress {
    bar: Option<ProgressBar>,
    total: Option<u64>,
    done: AtomicU64,
    started: Instant,
    last_line: Mutex<Instant>,
}

impl Progress {
    /// Of a job of so many documents, if that is known.
    #[must_use]
    pub fn new(total: Option<u64>) -> Self {
        let bar = io::stderr().is_terminal().then(|| bar(total));
        if let Some(bar) = &bar {
            // A second job in the same process keeps the first one's bar for its log; nothing is lost by it.
            let _ = BAR.set(bar.clone());
        }
        let started = Instant::now();
        Self { bar, total, done: AtomicU64::new(0), started, last_line: Mutex::new(started) }
    }

    /// So many documents more are done.
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
            self.line(done);
        }
    }

    fn line(&self, done: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = done as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        let total = self.total.map_or_else(String::new, |total| format!(" of {total}"));
        let _ = writeln!(io::stderr().lock(), "{done}{total} documents, {rate:.0} documents/s");
    }

    /// The job is over.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{bar:30} {pos}/{len} documents  {per_sec}  {eta} left"),
        None => (ProgressBar::new_spinner(), "{spinner} {pos} documents  {per_sec}"),
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Standard error for log lines: the bar steps aside for each.
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
