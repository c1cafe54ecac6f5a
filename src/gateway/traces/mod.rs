//! Exports traces of requests to an OpenTelemetry collector.
//!
//! A finished request becomes a span, and each call of an executor for it a child span. Requests never wait for the
//! collector: spans enter a bounded queue, a task exports them in batches, and spans that do not fit or are not
//! delivered are dropped and counted.

mod collector;
mod export;
mod otlp;
mod span;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use self::collector::{Collector, CollectorError};
pub(super) use self::span::{FinishedRequest, RequestSpan};

use self::otlp::Span;
use crate::limits::{SPANS_BATCH_WAIT, SPANS_PER_BATCH, SPANS_QUEUED_MAX, TRACES_FLUSH_TIMEOUT};

/// Exports spans in the background.
#[derive(Debug)]
pub struct TraceExporter {
    /// Sender of the queue; taken when the exporter is closed.
    queue: Mutex<Option<mpsc::Sender<Vec<Span>>>>,
    counts: Arc<Counts>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Spans in the queue.
    queued: AtomicUsize,
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    fn drop_spans(&self, count: usize) {
        self.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl TraceExporter {
    /// Starts exporting to `collector`. The service has the name of the flow, unless the environment names it. Must be
    /// called within tokio.
    #[must_use]
    pub fn start(collector: Collector, flow: &str) -> Self {
        let (queue, spans) = mpsc::channel(SPANS_QUEUED_MAX);
        let counts = Arc::new(Counts::default());
        let task = ExportTask { service: collector.service(flow), collector, counts: Arc::clone(&counts) };
        let task = tokio::spawn(task.run(spans));
        Self { queue: Mutex::new(Some(queue)), counts, task: Mutex::new(Some(task)) }
    }

    /// Queues the spans of a request. Never waits.
    pub(super) fn export(&self, request: &FinishedRequest<'_>) {
        let spans = request.spans();
        let count = spans.len();
        if count == 0 {
            return;
        }
        let queued = self.counts.queued.fetch_add(count, Ordering::Relaxed);
        let fits = queued + count <= SPANS_QUEUED_MAX;
        let sent = fits && self.queue.lock().as_ref().is_some_and(|queue| queue.try_send(spans).is_ok());
        if !sent {
            self.counts.queued.fetch_sub(count, Ordering::Relaxed);
            self.counts.drop_spans(count);
        }
    }

    /// Number of spans that the collector accepted, and of dropped spans, which include rejected ones.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.counts.sent.load(Ordering::Relaxed), self.counts.dropped.load(Ordering::Relaxed))
    }

    /// Exports the queued spans, within [`TRACES_FLUSH_TIMEOUT`], and ends the export. Later spans are dropped.
    pub(super) async fn close(&self) {
        self.queue.lock().take();
        let task = self.task.lock().take();
        if let Some(task) = task
            && tokio::time::timeout(TRACES_FLUSH_TIMEOUT, task).await.is_err()
        {
            tracing::warn!("the trace collector did not accept the last spans in time");
        }
    }
}

/// Task that exports queued spans.
struct ExportTask {
    collector: Collector,
    service: Vec<(String, String)>,
    counts: Arc<Counts>,
}

impl ExportTask {
    async fn run(self, mut queue: mpsc::Receiver<Vec<Span>>) {
        let mut failing = false;
        while let Some(spans) = queue.recv().await {
            let batch = collect_batch(spans, &mut queue).await;
            let count = batch.len();
            self.counts.queued.fetch_sub(count, Ordering::Relaxed);
            let sent = export::export(&self.collector, span::export_request(&self.service, batch)).await;
            let rejected = sent.as_ref().map_or(count, |rejected| count.min(*rejected));
            self.counts.drop_spans(rejected);
            self.counts.sent.fetch_add((count - rejected) as u64, Ordering::Relaxed);
            // Logged once per outage.
            match sent {
                Err(error) if !failing => {
                    tracing::warn!(collector = self.collector.address(), %error, "traces cannot be exported and are dropped");
                    failing = true;
                }
                Err(_) => {}
                Ok(_) if failing => {
                    tracing::info!(collector = self.collector.address(), "traces are exported again");
                    failing = false;
                }
                Ok(_) => {}
            }
        }
    }
}

/// Adds queued spans to a batch until it has at least [`SPANS_PER_BATCH`], but waits no longer than
/// [`SPANS_BATCH_WAIT`].
async fn collect_batch(mut batch: Vec<Span>, queue: &mut mpsc::Receiver<Vec<Span>>) -> Vec<Span> {
    let due = tokio::time::Instant::now() + SPANS_BATCH_WAIT;
    while batch.len() < SPANS_PER_BATCH {
        match tokio::time::timeout_at(due, queue.recv()).await {
            Ok(Some(spans)) => batch.extend(spans),
            Ok(None) | Err(_) => break,
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn spans_beyond_the_queue_are_dropped_and_counted() {
        let (queue, mut spans) = mpsc::channel(SPANS_QUEUED_MAX);
        let (queue, counts) = (Mutex::new(Some(queue)), Arc::new(Counts::default()));
        let traces = TraceExporter { queue, counts, task: Mutex::new(None) };
        let start = SystemTime::now();
        let request = FinishedRequest {
            id: "a",
            endpoint: "/x",
            documents: 1,
            start,
            error: None,
            span: &RequestSpan::new(None),
            calls: &[],
        };
        // No task receives from the queue.
        (0..SPANS_QUEUED_MAX + 10).for_each(|_| traces.export(&request));
        assert_eq!(traces.counts(), (0, 10));
        let queued = std::iter::from_fn(|| spans.try_recv().ok()).count();
        assert_eq!(queued, SPANS_QUEUED_MAX);
    }
}
