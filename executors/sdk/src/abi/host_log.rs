//! Log lines of a plugin, forwarded to the host. A library has its own copy of `tracing`, and so its own subscriber.

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

/// Forwards log lines and panics to the host from now on. Only the first call has an effect.
pub(super) fn install(host: &'static FlowrunHost) {
    if HOST.set(host).is_err() {
        return;
    }
    // Fails if the library has set a subscriber of its own, which then stays.
    let _ = tracing::subscriber::set_global_default(Forwarder { max_level: level_filter(host.log_level) });
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map_or_else(String::new, ToString::to_string);
        forward(
            FLOWRUN_LOG_ERROR,
            "panic",
            &format!("panic: {} ({location})", panic.payload_as_str().unwrap_or("no message")),
        );
    }));
}

fn forward(level: u32, target: &str, message: &str) {
    if let Some(host) = HOST.get() {
        // SAFETY: the host's table is valid until the process ends, and the texts outlive the call.
        unsafe {
            (host.log)(level, FlowrunBytes::of(target.as_bytes()), FlowrunBytes::of(message.as_bytes()))
        };
    }
}

fn level_filter(level: u32) -> LevelFilter {
    match level {
        FLOWRUN_LOG_OFF => LevelFilter::OFF,
        FLOWRUN_LOG_ERROR => LevelFilter::ERROR,
        FLOWRUN_LOG_WARN => LevelFilter::WARN,
        FLOWRUN_LOG_INFO => LevelFilter::INFO,
        FLOWRUN_LOG_DEBUG => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

fn level_number(level: Level) -> u32 {
    match level {
        Level::ERROR => FLOWRUN_LOG_ERROR,
        Level::WARN => FLOWRUN_LOG_WARN,
        Level::INFO => FLOWRUN_LOG_INFO,
        Level::DEBUG => FLOWRUN_LOG_DEBUG,
        Level::TRACE => FLOWRUN_LOG_TRACE,
    }
}

/// Forwards events. Spans are ignored: the host adds the request of the call.
struct Forwarder {
    max_level: LevelFilter,
}

impl Subscriber for Forwarder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.max_level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.max_level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let metadata = event.metadata();
        forward(
            level_number(*metadata.level()),
            metadata.target(),
            &format!("{}{}", line.message, line.fields),
        );
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
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
