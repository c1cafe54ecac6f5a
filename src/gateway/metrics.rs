//! What the gateway did, in the text format of Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::service::Gateway;

/// The upper bounds of the classes in which latencies are counted, in seconds.
const BOUNDS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Counts of the gateway's own.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    answered: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    microseconds: AtomicU64,
    /// How many answers took no longer than each bound and longer than the one before it; the last has no bound.
    classes: [AtomicU64; BOUNDS.len() + 1],
}

impl Metrics {
    /// A question was answered.
    pub(super) fn answered(&self, failed: bool, took: Duration) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.microseconds.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let class = BOUNDS.iter().position(|bound| took.as_secs_f64() <= *bound).unwrap_or(BOUNDS.len());
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A question was not let in.
    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// One metric: its head, and a line for each of its samples.
fn metric(text: &mut String, name: &str, kind: &str, help: &str, samples: &[(String, f64)]) {
    let _ = writeln!(text, "# HELP flowrun_{name} {help}\n# TYPE flowrun_{name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(text, "flowrun_{name}{labels} {value}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in doubles")]
fn count(counter: &AtomicU64) -> f64 {
    counter.load(Ordering::Relaxed) as f64
}

/// Everything that is counted, as text.
#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in doubles")]
pub(super) fn render(gateway: &Gateway) -> String {
    let mut text = String::new();
    let own = &gateway.metrics;
    let (books, admission) = (gateway.flow.books(), &gateway.admission);
    let alone = |value: f64| vec![(String::new(), value)];
    metric(
        &mut text,
        "requests_total",
        "counter",
        "Requests that were answered.",
        &alone(count(&own.answered)),
    );
    metric(&mut text, "requests_failed_total", "counter", "Those that failed.", &alone(count(&own.failed)));
    metric(
        &mut text,
        "requests_refused_total",
        "counter",
        "Requests not let in.",
        &alone(count(&own.refused)),
    );
    let under_way = admission.under_way() as f64;
    metric(
        &mut text,
        "requests_under_way",
        "gauge",
        "Requests at the gateway and inside.",
        &alone(under_way),
    );
    metric(
        &mut text,
        "requests_under_way_max",
        "gauge",
        "Room for them.",
        &alone(admission.requests_max() as f64),
    );
    metric(&mut text, "requests_inside", "gauge", "Requests inside the flow.", &alone(books.inside as f64));
    latencies(&mut text, own);
    if let Some(traces) = &gateway.traces {
        let (sent, dropped) = traces.counts();
        let help = "Spans that the collector of traces took.";
        metric(&mut text, "trace_spans_sent_total", "counter", help, &alone(sent as f64));
        let help = "Spans that it never got: it was away, too slow, or did not want them.";
        metric(&mut text, "trace_spans_dropped_total", "counter", help, &alone(dropped as f64));
    }
    let statistics = gateway.flow.statistics();
    let by_pod = |value: &dyn Fn(&crate::runtime::PodStatistics) -> f64| -> Vec<(String, f64)> {
        statistics.iter().map(|pod| (format!("{{pod=\"{}\"}}", pod.pod), value(pod))).collect()
    };
    let calls = by_pod(&|pod| pod.calls as f64);
    metric(&mut text, "pod_calls_total", "counter", "Calls of the pod's executor.", &calls);
    let failed = by_pod(&|pod| pod.failed_calls as f64);
    metric(&mut text, "pod_calls_failed_total", "counter", "Calls that failed.", &failed);
    let documents = by_pod(&|pod| pod.failed_documents as f64);
    metric(&mut text, "pod_documents_failed_total", "counter", "Documents that failed alone.", &documents);
    let busy = by_pod(&|pod| pod.busy.as_secs_f64());
    metric(&mut text, "pod_busy_seconds_total", "counter", "Time that its workers spent in calls.", &busy);
    let waiting = by_pod(&|pod| pod.waiting as f64);
    metric(&mut text, "pod_queue", "gauge", "Parts of requests that wait for a worker.", &waiting);
    let workers = by_pod(&|pod| pod.workers as f64);
    metric(&mut text, "pod_workers", "gauge", "Workers.", &workers);
    let restarts = by_pod(&|pod| pod.restarts as f64);
    metric(&mut text, "pod_restarts_total", "counter", "Workers made anew after a panic.", &restarts);
    let latency = statistics.iter().flat_map(|pod| {
        let line = |quantile: &str| format!("{{pod=\"{}\",quantile=\"{quantile}\"}}", pod.pod);
        [(line("0.5"), pod.p50.as_secs_f64()), (line("0.99"), pod.p99.as_secs_f64())]
    });
    let latency: Vec<(String, f64)> = latency.collect();
    metric(&mut text, "pod_call_seconds", "gauge", "Half of the calls, and 99 of 100, took less.", &latency);
    text
}

/// The histogram of the gateway's latencies.
fn latencies(text: &mut String, own: &Metrics) {
    let mut sum = 0.0;
    let bounds = BOUNDS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
    let mut samples: Vec<(String, f64)> = Vec::new();
    for (bound, class) in bounds.zip(&own.classes) {
        sum += count(class);
        samples.push((format!("_bucket{{le=\"{bound}\"}}"), sum));
    }
    samples.push(("_sum".to_owned(), count(&own.microseconds) / 1e6));
    samples.push(("_count".to_owned(), sum));
    metric(text, "request_seconds", "histogram", "From arrival to answer.", &samples);
}
