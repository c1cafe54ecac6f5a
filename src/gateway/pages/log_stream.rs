//! A layer of `tracing` that keeps recent lines of the log and broadcasts new ones, for the dashboard.
//!
//! The lines are sent to browsers in [`log_events`](super::log_events).

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::gateway::error_text::shorten;
use crate::runtime::{LogContext, log_context};

/// Number of recent lines that a new reader gets, and least number of new lines that are buffered for a slow reader,
/// who loses the oldest beyond it.
const LINES: usize = 200;

/// The layer. Clones share their lines. A line is a JSON object with time (milliseconds since 1970), level, message and
/// fields.
#[derive(Clone)]
pub struct LogStream {
    recent: Arc<Mutex<VecDeque<Arc<str>>>>,
    lines: broadcast::Sender<Arc<str>>,
}

impl Default for LogStream {
    fn default() -> Self {
        Self { recent: Arc::default(), lines: broadcast::channel(LINES).0 }
    }
}

impl<S: Subscriber> Layer<S> for LogStream {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let LogFields { message, mut fields } = LogFields::from_event(event);
        // They may quote what clients and executors send, of any length.
        for field in fields.values_mut() {
            if let Value::String(text) = field {
                *text = shorten(text).into_owned();
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = json!({
            "time": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            "level": event.metadata().level().as_str(),
            "message": shorten(&message),
            "fields": fields,
        });
        let line: Arc<str> = line.to_string().into();
        let mut recent = self.recent.lock();
        if recent.len() == LINES {
            recent.pop_front();
        }
        recent.push_back(Arc::clone(&line));
        // Under the lock, so that a new reader neither misses a line nor gets one twice. Fails if there is no reader.
        let _ = self.lines.send(line);
    }
}

impl LogStream {
    /// Returns the recent lines, the oldest first, and a receiver of the lines after them.
    pub(super) fn subscribe(&self) -> (VecDeque<Arc<str>>, broadcast::Receiver<Arc<str>>) {
        let recent = self.recent.lock();
        (recent.clone(), self.lines.subscribe())
    }
}

/// Message and fields of a log event, including the request that this thread works on.
#[derive(Default)]
pub(crate) struct LogFields {
    /// Message.
    pub(crate) message: String,
    /// Other fields, by name.
    pub(crate) fields: Map<String, Value>,
}

impl LogFields {
    /// Reads an event of the current thread.
    pub(crate) fn from_event(event: &Event<'_>) -> Self {
        let mut fields = Self::default();
        if let Some(LogContext { request, worker }) = log_context() {
            fields.put("request", request.id.as_str());
            fields.put("endpoint", request.endpoint.as_str());
            if let Some(worker) = worker {
                fields.put("worker", &*worker);
            }
        }
        event.record(&mut fields);
        fields
    }

    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }
}

impl Visit for LogFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.put(name, value),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
