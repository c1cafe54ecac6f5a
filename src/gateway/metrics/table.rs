//! The table of metrics: name, type, labels, help and value.

use std::sync::atomic::Ordering;

use super::counters::GatewayCounters;
use super::process::ProcessStatistics;
use crate::gateway::service::Gateway;
use crate::runtime::{
    LATENCY_BOUNDS, LatencyBuckets, PodStatistics, RequestCounts, SIZE_BOUNDS, SizeBuckets,
};

/// Prefix of the names of executors' own metrics.
pub(super) const EXECUTOR_PREFIX: &str = "flowrun_executor_";

/// One sample: the text between the metric's name and the value (suffix and labels), and the value.
pub(super) type Sample = (String, f64);

/// A metric that every served flow has.
pub struct Metric {
    /// Name.
    pub name: &'static str,
    /// Prometheus type: `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Names of the labels, separated by commas.
    pub labels: &'static str,
    /// Help text, one sentence.
    pub help: &'static str,
    /// Computes the current samples.
    pub(super) samples: fn(&MetricSource<'_>) -> Vec<Sample>,
}

/// Snapshot of everything that metrics are computed from.
pub(super) struct MetricSource<'a> {
    gateway: &'a Gateway,
    counts: RequestCounts,
    pods: Vec<PodStatistics>,
    latencies: LatencyBuckets,
    /// Exported and dropped spans of traces; zero without a trace collector.
    spans: (u64, u64),
    process: ProcessStatistics,
}

impl<'a> MetricSource<'a> {
    /// Takes a snapshot.
    pub(super) fn new(gateway: &'a Gateway) -> Self {
        Self {
            gateway,
            counts: gateway.flow.request_counts(),
            pods: gateway.flow.pod_statistics(),
            latencies: gateway.counters.latencies.snapshot(),
            process: ProcessStatistics::read(),
            spans: gateway.traces.as_ref().map(|traces| traces.counts()).unwrap_or_default(),
        }
    }

    fn counters(&self) -> &GatewayCounters {
        &self.gateway.counters
    }

    /// One sample per pod.
    fn by_pod(&self, value: fn(&PodStatistics) -> f64) -> Vec<Sample> {
        self.pods.iter().map(|pod| (format!("{{pod=\"{}\"}}", pod.pod), value(pod))).collect()
    }
}

/// A sample without labels.
fn unlabelled(value: f64) -> Vec<Sample> {
    vec![(String::new(), value)]
}

/// A sample without labels, if there is a value.
fn measured(value: Option<f64>) -> Vec<Sample> {
    value.map(unlabelled).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus samples are doubles")]
fn double(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus samples are doubles")]
fn size(count: usize) -> f64 {
    count as f64
}

/// Samples of a latency histogram in seconds. `labels` are written as in Prometheus's text format, without braces.
fn latency_histogram(labels: &str, latencies: &LatencyBuckets) -> Vec<Sample> {
    histogram(labels, &LATENCY_BOUNDS, &latencies.cumulative, latencies.sum.as_secs_f64())
}

/// Samples of a histogram of sizes, for each pod with at least one value.
fn size_histograms(source: &MetricSource<'_>, sizes: fn(&PodStatistics) -> &SizeBuckets) -> Vec<Sample> {
    let pods = source.pods.iter().filter(|pod| sizes(pod).cumulative.last() > Some(&0));
    let samples = |pod: &PodStatistics| {
        let sizes = sizes(pod);
        histogram(&format!("pod=\"{}\"", pod.pod), &SIZE_BOUNDS, &sizes.cumulative, double(sizes.sum))
    };
    pods.flat_map(samples).collect()
}

/// Samples of a histogram: `cumulative` has the count up to each of `bounds`, and the total count as its last element.
fn histogram(labels: &str, bounds: &[impl ToString], cumulative: &[u64], sum: f64) -> Vec<Sample> {
    let bounds = bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
    let comma = if labels.is_empty() { "" } else { "," };
    let bucket = |(bound, count): (String, &u64)| {
        (format!("_bucket{{{labels}{comma}le=\"{bound}\"}}"), double(*count))
    };
    let mut samples: Vec<Sample> = bounds.zip(cumulative).map(bucket).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    samples.push((format!("_sum{labels}"), sum));
    samples.push((format!("_count{labels}"), double(cumulative.last().copied().unwrap_or_default())));
    samples
}

/// All metrics: those of the gateway, then those of its pods.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "flowrun_requests_total",
        kind: "counter",
        labels: "",
        help: "Requests that were answered, with or without success.",
        samples: |source| unlabelled(double(source.counters().answered.load(Ordering::Relaxed))),
    },
    Metric {
        name: "flowrun_requests_failed_total",
        kind: "counter",
        labels: "",
        help: "Requests that failed inside the flow.",
        samples: |source| unlabelled(double(source.counters().failed.load(Ordering::Relaxed))),
    },
    Metric {
        name: "flowrun_requests_refused_total",
        kind: "counter",
        labels: "",
        help: "Requests that were rejected before they entered the flow, except those that cannot be read.",
        samples: |source| unlabelled(double(source.counters().rejected.load(Ordering::Relaxed))),
    },
    Metric {
        name: "flowrun_requests_under_way",
        kind: "gauge",
        labels: "",
        help: "Requests in flight: queued at the gateway or inside the flow.",
        samples: |source| unlabelled(size(source.gateway.admission.in_flight())),
    },
    Metric {
        name: "flowrun_requests_under_way_max",
        kind: "gauge",
        labels: "",
        help: "Limit of `flowrun_requests_under_way`.",
        samples: |source| unlabelled(size(source.gateway.admission.requests_max())),
    },
    Metric {
        name: "flowrun_request_bytes",
        kind: "gauge",
        labels: "",
        help: "Bytes of requests in flight, as far as they were received, and of replies that are not written yet.",
        samples: |source| unlabelled(size(source.gateway.admission.bytes())),
    },
    Metric {
        name: "flowrun_request_bytes_max",
        kind: "gauge",
        labels: "",
        help: "Limit of `flowrun_request_bytes`.",
        samples: |source| unlabelled(size(source.gateway.admission.capacity.bytes_max())),
    },
    Metric {
        name: "flowrun_requests_inside",
        kind: "gauge",
        labels: "",
        help: "Requests inside the flow.",
        samples: |source| unlabelled(double(source.counts.in_flight)),
    },
    Metric {
        name: "flowrun_request_seconds",
        kind: "histogram",
        labels: "le",
        help: "Time from the arrival of a request to its reply.",
        samples: |source| latency_histogram("", &source.latencies),
    },
    Metric {
        name: "flowrun_trace_spans_sent_total",
        kind: "counter",
        labels: "",
        help: "Spans that the trace collector accepted.",
        samples: |source| unlabelled(double(source.spans.0)),
    },
    Metric {
        name: "flowrun_trace_spans_dropped_total",
        kind: "counter",
        labels: "",
        help: "Spans that the trace collector did not receive: it was unreachable, too slow, or rejected them.",
        samples: |source| unlabelled(double(source.spans.1)),
    },
    Metric {
        name: "flowrun_pod_calls_total",
        kind: "counter",
        labels: "pod",
        help: "Calls of the pod's executor that have ended.",
        samples: |source| source.by_pod(|pod| double(pod.calls)),
    },
    Metric {
        name: "flowrun_pod_calls_failed_total",
        kind: "counter",
        labels: "pod",
        help: "Calls of the pod's executor that failed.",
        samples: |source| source.by_pod(|pod| double(pod.failed_calls)),
    },
    Metric {
        name: "flowrun_pod_documents_failed_total",
        kind: "counter",
        labels: "pod",
        help: "Documents that failed within a successful call.",
        samples: |source| source.by_pod(|pod| double(pod.failed_documents)),
    },
    Metric {
        name: "flowrun_pod_calls_under_way",
        kind: "gauge",
        labels: "pod",
        help: "Calls of the pod's executor that are running.",
        samples: |source| source.by_pod(|pod| double(pod.running_calls)),
    },
    Metric {
        name: "flowrun_pod_queue",
        kind: "gauge",
        labels: "pod",
        help: "Requests, or parts of them, that wait for a worker.",
        samples: |source| source.by_pod(|pod| double(pod.queued)),
    },
    Metric {
        name: "flowrun_pod_busy_seconds_total",
        kind: "counter",
        labels: "pod",
        help: "Time that the pod's workers spent in calls, in total.",
        samples: |source| source.by_pod(|pod| pod.busy_time.as_secs_f64()),
    },
    Metric {
        name: "flowrun_pod_call_seconds",
        kind: "histogram",
        labels: "pod, le",
        help: "Duration of the calls of the pod's executor.",
        samples: |source| {
            let samples =
                |pod: &PodStatistics| latency_histogram(&format!("pod=\"{}\"", pod.pod), &pod.latencies);
            source.pods.iter().flat_map(samples).collect()
        },
    },
    Metric {
        name: "flowrun_pod_batch_documents",
        kind: "histogram",
        labels: "pod, le",
        help: "Documents per batch, for pods with dynamic batching.",
        samples: |source| size_histograms(source, |pod| &pod.batch_documents),
    },
    Metric {
        name: "flowrun_pod_batch_requests",
        kind: "histogram",
        labels: "pod, le",
        help: "Requests per batch, for pods with dynamic batching.",
        samples: |source| size_histograms(source, |pod| &pod.batch_requests),
    },
    Metric {
        name: "flowrun_pod_batches_parted_total",
        kind: "counter",
        labels: "pod",
        help: "Batches that were called again request by request, because their error or answer could not be split.",
        samples: |source| source.by_pod(|pod| double(pod.split_batches)),
    },
    Metric {
        name: "flowrun_pod_when_unknown_tags",
        kind: "gauge",
        labels: "pod",
        help: "Tags in the pod's `when` that no document has had so far: misspelt, or rare.",
        samples: |source| source.by_pod(|pod| double(pod.unknown_tags)),
    },
    Metric {
        name: "flowrun_pod_workers",
        kind: "gauge",
        labels: "pod",
        help: "Workers of the pod.",
        samples: |source| source.by_pod(|pod| size(pod.workers)),
    },
    Metric {
        name: "flowrun_pod_workers_broken",
        kind: "gauge",
        labels: "pod",
        help: "Workers that panicked and could not be restarted.",
        samples: |source| source.by_pod(|pod| double(pod.failed_workers)),
    },
    Metric {
        name: "flowrun_pod_workers_hanging",
        kind: "gauge",
        labels: "pod",
        help: "Workers in a call that exceeds `timeout_send` by half or more.",
        samples: |source| source.by_pod(|pod| double(pod.hanging_workers)),
    },
    Metric {
        name: "flowrun_pod_restarts_total",
        kind: "counter",
        labels: "pod",
        help: "Restarts of workers after a panic.",
        samples: |source| source.by_pod(|pod| double(pod.restarts)),
    },
    Metric {
        name: "flowrun_build_info",
        kind: "gauge",
        labels: "version",
        help: "Constant 1, with the version of flowrun.",
        samples: |_| vec![(format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0)],
    },
    Metric {
        name: "process_cpu_seconds_total",
        kind: "counter",
        labels: "",
        help: "CPU time of the process, user and system, without its child processes.",
        samples: |source| measured(source.process.cpu_seconds),
    },
    Metric {
        name: "process_resident_memory_bytes",
        kind: "gauge",
        labels: "",
        help: "Resident memory of the process.",
        samples: |source| measured(source.process.resident_bytes),
    },
    Metric {
        name: "process_virtual_memory_bytes",
        kind: "gauge",
        labels: "",
        help: "Virtual memory of the process.",
        samples: |source| measured(source.process.virtual_bytes),
    },
    Metric {
        name: "process_open_fds",
        kind: "gauge",
        labels: "",
        help: "Open file descriptors of the process.",
        samples: |source| measured(source.process.open_descriptors),
    },
    Metric {
        name: "process_max_fds",
        kind: "gauge",
        labels: "",
        help: "Maximum of open file descriptors.",
        samples: |source| measured(source.process.descriptors_max),
    },
    Metric {
        name: "process_start_time_seconds",
        kind: "gauge",
        labels: "",
        help: "Start of the process, in seconds since 1970.",
        samples: |source| measured(source.process.start_seconds),
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for Metric { name, kind, help, .. } in METRICS {
            assert!(name.starts_with("flowrun_") || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == "counter", "{name}");
            assert!(
                !name.contains("_seconds") || name.ends_with("_seconds") || name.ends_with("_seconds_total")
            );
            assert!(help.ends_with('.') && !help.contains('\n'), "{name}");
            // The prefix is reserved for executors' own metrics.
            assert!(!name.starts_with(EXECUTOR_PREFIX), "{name}");
        }
    }
}
