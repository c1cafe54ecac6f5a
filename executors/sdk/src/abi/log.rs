//! The plugin's side of the log: a library has a `tracing` of its own, whose lines go to the host.

use std::fmt::{self, Write as _};
use std::sync::OnceLock;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::table::{
    FLOWRUN_LOG_DEBUG, FLOWRUN_LOG_ERROR, FLOWRUN_LOG_INFO, FLOWRUN_LOG_OFF, FLOWRUN_LOG_TRACE,
    FLOWRUN_LOG_WARN, FlowrunBytes, FlowrunHost,
};

static HOST: OnceLock<&'static FlowrunHost> = OnceLock::new();

/// From now on lines and panics go to the host.
pub(super) fn install(host: &'static FlowrunHost) {
    if HOST.set(host).is_err() {
        return;
    }
    // Fails when the library chose another place for its lines, which is its right.
    let _ = tracing::subscriber::set_global_default(Lines { finest: finest(host.log_level) });
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        say(
            FLOWRUN_LOG_ERROR,
            "panic",
            &format!("panic: {} ({place})", panic.payload_as_str().unwrap_or("no message")),
        );
    }));
}

fn say(level: u32, target: &str, message: &str) {
    if let Some(host) = HOST.get() {
        // SAFETY: the host's table is valid until the process ends, and the texts outlive the call.
        unsafe {
            (host.log)(level, FlowrunBytes::of(target.as_bytes()), FlowrunBytes::of(message.as_bytes()))
        };
    }
}

fn finest(level: u32) -> LevelFilter {
    match level {
        FLOWRUN_LOG_OFF => LevelFilter::OFF,
        FLOWRUN_LOG_ERROR => LevelFilter::ERROR,
        FLOWRUN_LOG_WARN => LevelFilter::WARN,
        FLOWRUN_LOG_INFO => LevelFilter::INFO,
        FLOWRUN_LOG_DEBUG => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

fn number(level: Level) -> u32 {
    match level {
        Level::ERROR => FLOWRUN_LOG_ERROR,
        Level::WARN => FLOWRUN_LOG_WARN,
        Level::INFO => FLOWRUN_LOG_INFO,
        Level::DEBUG => FLOWRUN_LOG_DEBUG,
        Level::TRACE => FLOWRUN_LOG_TRACE,
    }
}

/// Hands lines on. Spans are nothing here: the host knows which request a call is for.
struct Lines {
    finest: LevelFilter,
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.finest
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.finest)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let metadata = event.metadata();
        say(number(*metadata.level()), metadata.target(), &format!("{}{}", line.message, line.others));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line {
    message: String,
    others: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.others, " {name}={value:?}"),
        };
    }
}
