//! Log lines: to standard error, as text or JSON, out of the progress bar's way.

use std::fmt;
use std::io::IsTerminal as _;
use std::time::SystemTime;

use serde_json::json;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::arguments::{Common, LogFormat};
use crate::gateway::{LogFields, LogStream};
use crate::job::log_writer;
use crate::runtime::{self, LogContext};

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
        LogFormat::Text => lines.with_target(false).without_time().fmt_fields(WithConcern::default()).boxed(),
        LogFormat::Json => lines.event_format(JsonLines).boxed(),
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

/// The fields of a line for people, and behind them the request that it concerns.
#[derive(Default)]
struct WithConcern(DefaultFields);

impl<'writer> FormatFields<'writer> for WithConcern {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        self.0.format_fields(writer.by_ref(), fields)?;
        let Some(LogContext { request, worker }) = runtime::log_context() else { return Ok(()) };
        write!(writer, " request={:?} endpoint={:?}", request.id, request.endpoint)?;
        worker.map_or(Ok(()), |worker| write!(writer, " worker={worker:?}"))
    }
}

/// Lines for programs: one object each.
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
        let LogFields { message, fields } = LogFields::from_event(event);
        let (time, metadata) = (prost_types::Timestamp::from(SystemTime::now()), event.metadata());
        let mut line = json!({
            "timestamp": time.to_string(),
            "level": metadata.level().as_str(),
            "message": message,
            "target": metadata.target(),
        });
        if let Some(line) = line.as_object_mut() {
            line.extend(fields);
        }
        writeln!(writer, "{line}")
    }
}
