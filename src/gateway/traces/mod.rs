//! Traces: what became of requests, told to a collector of OpenTelemetry.
//!
//! A request that was answered becomes a span, and each call of an executor for it another one below it. Nothing of
//! this is done while the request is under way, and nothing waits for the collector: spans go into a queue with an
//! end, a task sends them in batches, and what does not fit or does not arrive is counted and forgotten.

mod collector;
mod send;
mod span;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use collector::{Collector, CollectorError};
pub(super) use span::Told;

use self::otlp::Span;
use crate::limits::{SPANS_BATCH_WAIT, SPANS_PER_BATCH, SPANS_QUEUED_MAX, TRACES_FLUSH_TIMEOUT};

/// The messages of `proto/otlp.proto`.
#[expect(unreachable_pub, reason = "written by prost from the .proto file")]
mod otlp {
    include!(concat!(env!("OUT_DIR"), "/otlp.rs"));
}

/// Where what became of requests is told.
#[derive(Debug)]
pub struct TraceExporter {
    /// The entrance of the queue; taken away at the end.
    queue: Mutex<Option<mpsc::Sender<Vec<Span>>>>,
    counts: Arc<Counts>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Spans in the queue.
    waiting: AtomicUsize,
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    fn drop_spans(&self, count: usize) {
        self.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl TraceExporter {
    /// Tells the collector, from now on. `flow` names the service, unless the environment does. Must be called within
    /// tokio.
    #[must_use]
    pub fn start(collector: Collector, flow: &str) -> Self {
        let (queue, spans) = mpsc::channel(SPANS_QUEUED_MAX);
        let counts = Arc::new(Counts::default());
        let exporter = Exporter { service: collector.service(flow), collector, counts: Arc::clone(&counts) };
        let task = tokio::spawn(exporter.run(spans));
        Self { queue: Mutex::new(Some(queue)), counts, task: Mutex::new(Some(task)) }
    }

    /// Tells what became of a request. Never waits.
    pub(super) fn tell(&self, told: &Told<'_>) {
        let spans = told.spans();
        let count = spans.len();
        if count == 0 {
            return;
        }
        let waiting = self.counts.waiting.fetch_add(count, Ordering::Relaxed);
        let room = waiting + count <= SPANS_QUEUED_MAX;
        let sent = room && self.queue.lock().as_ref().is_some_and(|queue| queue.try_send(spans).is_ok());
        if !sent {
            self.counts.waiting.fetch_sub(count, Ordering::Relaxed);
            self.counts.drop_spans(count);
        }
    }

    /// Spans that the collector took, and those that it never got.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.counts.sent.load(Ordering::Relaxed), self.counts.dropped.load(Ordering::Relaxed))
    }

    /// Sends what is left, if it can be done soon.
    pub(super) async fn close(&self) {
        self.queue.lock().take();
        let task = self.task.lock().take();
        if let Some(task) = task
            && tokio::time::timeout(TRACES_FLUSH_TIMEOUT, task).await.is_err()
        {
            tracing::warn!("the collector of traces did not take the last of them in time");
        }
    }
}

/// What takes spans from the queue and sends them.
struct Exporter {
    collector: Collector,
    service: Vec<(String, String)>,
    counts: Arc<Counts>,
}

impl Exporter {
    async fn run(self, mut queue: mpsc::Receiver<Vec<Span>>) {
        let mut failing = false;
        while let Some(spans) = queue.recv().await {
            let batch = fill(spans, &mut queue).await;
            let count = batch.len();
            self.counts.waiting.fetch_sub(count, Ordering::Relaxed);
            let sent = send::send(&self.collector, span::export(&self.service, batch)).await;
            let rejected = sent.as_ref().map_or(count, |rejected| count.min(*rejected));
            self.counts.drop_spans(rejected);
            self.counts.sent.fetch_add((count - rejected) as u64, Ordering::Relaxed);
            // Said once, and not again before it has worked in between.
            match sent {
                Err(error) if !failing => {
                    tracing::warn!(collector = self.collector.address(), %error, "traces are lost");
                    failing = true;
                }
                Err(_) => {}
                Ok(_) if failing => {
                    tracing::info!(collector = self.collector.address(), "traces arrive again");
                    failing = false;
                }
                Ok(_) => {}
            }
        }
    }
}

/// A batch that begins with these: full, or as much as came within the time that a span may wait.
async fn fill(mut batch: Vec<Span>, queue: &mut mpsc::Receiver<Vec<Span>>) -> Vec<Span> {
    let due = tokio::time::Instant::now() + SPANS_BATCH_WAIT;
    while batch.len() < SPANS_PER_BATCH {
        match tokio::time::timeout_at(due, queue.recv()).await {
            Ok(Some(spans)) => batch.extend(spans),
            Ok(None) | Err(_) => break,
        }
    }
    batch
}

/// A time as spans have it.
fn nanoseconds(since: Duration) -> u64 {
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_the_queue_has_no_room_for_is_counted_and_forgotten() {
        let (queue, mut spans) = mpsc::channel(SPANS_QUEUED_MAX);
        let (queue, counts) = (Mutex::new(Some(queue)), Arc::new(Counts::default()));
        let traces = TraceExporter { queue, counts, task: Mutex::new(None) };
        let start = SystemTime::now();
        let told =
            Told { id: "a", endpoint: "/x", documents: 1, start, error: None, parent: None, calls: &[] };
        // Nobody takes them.
        (0..SPANS_QUEUED_MAX + 10).for_each(|_| traces.tell(&told));
        assert_eq!(traces.counts(), (0, 10));
        let waiting = std::iter::from_fn(|| spans.try_recv().ok()).count();
        assert_eq!(waiting, SPANS_QUEUED_MAX);
    }
}
