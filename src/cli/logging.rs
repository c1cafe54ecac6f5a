//! Log lines: to standard error, as text or JSON, out of the progress bar's way.

use std::io::IsTerminal as _;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::arguments::{Common, LogFormat};
use crate::gateway::LogStream;
use crate::job::log_writer;

/// The variable that chooses log lines more finely than `--verbose`.
const FILTER_VARIABLE: &str = "FLOWRUN_LOG";

/// Starts logging, and logs panics: those of executors cost their request and are no news to whoever reads the report.
/// Returns the log as pages show it, in which there is always what `--verbose` says.
pub(super) fn start(common: &Common) -> LogStream {
    let level = match common.verbose {
        0 => "warn",
        1 => "warn,flowrun=info",
        _ => "info,flowrun=debug",
    };
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
    let colour = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_ansi(colour).with_writer(log_writer);
    let lines = match common.log_format {
        LogFormat::Text => lines.with_target(false).without_time().boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let stream = LogStream::default();
    let shown = stream.clone().with_filter(EnvFilter::new("warn,flowrun=info"));
    // Fails only when logging was started before, as in tests, and then it goes on as it is.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).with(shown).try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        let thread = std::thread::current();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(thread = thread.name().unwrap_or_default(), place, "panic: {message}");
    }));
    stream
}
