//! Logging to standard error, as text or JSON lines, without disturbing the progress bar; and to the web pages.

use std::fmt;

use clap::{Args, ValueEnum};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::terminal::{ColorChoice, has_colour, json_line, set_style};
use crate::gateway::{LogFields, LogStream};
use crate::job::log_writer;
use crate::runtime::{self, LogContext};

/// Environment variable with a filter in the syntax of `tracing_subscriber`; overrides `--verbose`.
const FILTER_VARIABLE: &str = "FLOWRUN_LOG";

/// Logging options, which every command accepts.
#[derive(Debug, Default, Args)]
pub(super) struct LogOptions {
    /// Log more: `-v` logs progress, `-vv` debug messages.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Log errors only, and print neither progress nor a summary.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// When to print colours. NO_COLOR and TERM=dumb turn them off unless this is `always`.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(super) color: ColorChoice,
    /// Format of standard error: log lines, errors, diagnostics and summaries.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) log_format: LogFormat,
}

impl LogOptions {
    /// Sets the style of messages for the rest of the process.
    pub(super) fn apply_style(&self) {
        set_style(self.color, self.log_format == LogFormat::Json, self.quiet);
    }
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging, and logs every panic: a panic in an executor fails its request and is not printed otherwise.
/// Returns the log for the web pages, which has the level of `-v` regardless of the options.
pub(super) fn start(options: &LogOptions) -> LogStream {
    let level = match options.verbose {
        _ if options.quiet => "error",
        0 => "warn",
        1 => "warn,flowrun=info",
        _ => "info,flowrun=debug",
    };
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
    let colour = has_colour(&std::io::stderr());
    let lines = tracing_subscriber::fmt::layer().with_ansi(colour).with_writer(log_writer);
    let lines = match options.log_format {
        LogFormat::Text => {
            lines.with_target(false).without_time().fmt_fields(ContextFields::default()).boxed()
        }
        LogFormat::Json => lines.event_format(JsonLines).boxed(),
    };
    let stream = LogStream::default();
    let pages = stream.clone().with_filter(EnvFilter::new("warn,flowrun=info"));
    // Fails only if logging has been started before, as in tests; the earlier subscriber stays.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).with(pages).try_init();
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map_or_else(String::new, ToString::to_string);
        let thread = std::thread::current();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(thread = thread.name().unwrap_or_default(), location, "panic: {message}");
    }));
    stream
}

/// Fields of a text line, followed by the request that the logging thread works for.
#[derive(Default)]
struct ContextFields(DefaultFields);

impl<'writer> FormatFields<'writer> for ContextFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        self.0.format_fields(writer.by_ref(), fields)?;
        let Some(LogContext { request, worker }) = runtime::log_context() else { return Ok(()) };
        write!(writer, " request={:?} endpoint={:?}", request.id, request.endpoint)?;
        worker.map_or(Ok(()), |worker| write!(writer, " worker={worker:?}"))
    }
}

/// JSON lines: one object per event, with the time in UTC.
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let LogFields { message, mut fields } = LogFields::from_event(event);
        let metadata = event.metadata();
        fields.insert("target".to_owned(), metadata.target().into());
        writeln!(writer, "{}", json_line(metadata.level().as_str(), &message, fields))
    }
}
