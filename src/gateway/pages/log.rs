//! The log as it is written, for the dashboard.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tracing::field::{Field, Visit};
use tracing::{Event as LogEvent, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::gateway::service::Gateway;
use crate::runtime::{LogContext, log_context};

/// Lines that a page which opens finds there, and that a slow one may be behind.
const LINES: usize = 200;

/// A layer of the log that keeps its latest lines and hands on those to come.
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
    fn on_event(&self, event: &LogEvent<'_>, _: Context<'_, S>) {
        let Fields { message, fields } = Fields::from_event(event);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = json!({
            "time": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            "level": event.metadata().level().as_str(),
            "message": message,
            "fields": fields,
        });
        let line: Arc<str> = line.to_string().into();
        let mut recent = self.recent.lock();
        if recent.len() == LINES {
            recent.pop_front();
        }
        recent.push_back(Arc::clone(&line));
        // Under the lock, so that whoever begins to listen misses no line and gets none twice.
        let _ = self.lines.send(line);
    }
}

/// What an event says, and which request it concerns.
#[derive(Default)]
pub(crate) struct Fields {
    /// What happened.
    pub(crate) message: String,
    /// The circumstances, by name.
    pub(crate) fields: Map<String, Value>,
}

impl Fields {
    /// Those of an event of this thread's.
    pub(crate) fn from_event(event: &LogEvent<'_>) -> Self {
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

impl Visit for Fields {
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

/// `/dashboard/log`: the latest lines, and those to come, as server-sent events.
pub(super) async fn lines(State(gateway): State<Arc<Gateway>>) -> Response {
    let Some(log) = gateway.pages.log.clone() else {
        return (StatusCode::NOT_FOUND, "there is no log to show").into_response();
    };
    let recent = log.recent.lock();
    let (receiver, before) = (log.lines.subscribe(), recent.clone());
    drop(recent);
    let to_come = stream::unfold(receiver, |mut receiver| async move {
        loop {
            match receiver.recv().await {
                Ok(line) => return Some((line, receiver)),
                // A page that was too slow goes on with what there is.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    let events = stream::iter(before)
        .chain(to_come)
        .map(|line| Ok::<_, Infallible>(Event::default().data(&*line)))
        .take_until(async move { gateway.admission.ended().await });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}
