//! The metrics there are.

use std::sync::atomic::Ordering;

use super::Sample;
use crate::gateway::service::Gateway;
use crate::limits::QUEUE_BYTES_MAX;
use crate::runtime::{
    LATENCY_BOUNDS, LatencyBuckets, PodStatistics, RequestCounts, SIZE_BOUNDS, SizeBuckets,
};

/// A metric that is always there.
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What Prometheus can do with it: `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The labels by which its samples are told apart.
    pub labels: &'static str,
    /// What it counts.
    pub help: &'static str,
    pub(super) samples: fn(&Seen<'_>) -> Vec<Sample>,
}

/// What is looked at.
pub(super) struct Seen<'a> {
    gateway: &'a Gateway,
    books: RequestCounts,
    pods: Vec<PodStatistics>,
    latencies: LatencyBuckets,
    traces: (u64, u64),
}

impl<'a> Seen<'a> {
    pub(super) fn of(gateway: &'a Gateway) -> Self {
        Self {
            gateway,
            books: gateway.flow.request_counts(),
            pods: gateway.flow.pod_statistics(),
            latencies: gateway.metrics.latencies.snapshot(),
            traces: gateway.traces.as_ref().map(|traces| traces.counts()).unwrap_or_default(),
        }
    }

    fn own(&self) -> &super::Metrics {
        &self.gateway.metrics
    }

    /// A number for each pod.
    fn by_pod(&self, value: fn(&PodStatistics) -> f64) -> Vec<Sample> {
        self.pods.iter().map(|pod| (format!("{{pod=\"{}\"}}", pod.pod), value(pod))).collect()
    }
}

/// A number that stands alone.
fn alone(value: f64) -> Vec<Sample> {
    vec![(String::new(), value)]
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in doubles")]
fn double(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in doubles")]
fn size(count: usize) -> f64 {
    count as f64
}

/// The samples of a histogram of times; `labels` tell it from others of its name.
fn histogram(labels: &str, latencies: &LatencyBuckets) -> Vec<Sample> {
    classes(labels, &LATENCY_BOUNDS, &latencies.cumulative, latencies.sum.as_secs_f64())
}

/// The samples of histograms of sizes, for each pod that has any.
fn sizes(seen: &Seen<'_>, of: fn(&PodStatistics) -> &SizeBuckets) -> Vec<Sample> {
    let counted = seen.pods.iter().filter(|pod| of(pod).cumulative.last() > Some(&0));
    let of_pod = |pod: &PodStatistics| {
        let sizes = of(pod);
        classes(&format!("pod=\"{}\"", pod.pod), &SIZE_BOUNDS, &sizes.cumulative, double(sizes.sum))
    };
    counted.flat_map(of_pod).collect()
}

fn classes(labels: &str, bounds: &[impl ToString], cumulative: &[u64], sum: f64) -> Vec<Sample> {
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

/// Every metric, the gateway's first, then those of its pods.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "flowrun_requests_total",
        kind: "counter",
        labels: "",
        help: "Requests that were answered.",
        samples: |seen| alone(double(seen.own().answered.load(Ordering::Relaxed))),
    },
    Metric {
        name: "flowrun_requests_failed_total",
        kind: "counter",
        labels: "",
        help: "Requests that were answered with a failure.",
        samples: |seen| alone(double(seen.own().failed.load(Ordering::Relaxed))),
    },
    Metric {
        name: "flowrun_requests_refused_total",
        kind: "counter",
        labels: "",
        help: "Requests that were not let in.",
        samples: |seen| alone(double(seen.own().refused.load(Ordering::Relaxed))),
    },
    Metric {
        name: "flowrun_requests_under_way",
        kind: "gauge",
        labels: "",
        help: "Requests at the gateway and inside.",
        samples: |seen| alone(size(seen.gateway.admission.under_way())),
    },
    Metric {
        name: "flowrun_requests_under_way_max",
        kind: "gauge",
        labels: "",
        help: "Room for requests at the gateway and inside.",
        samples: |seen| alone(size(seen.gateway.admission.requests_max())),
    },
    Metric {
        name: "flowrun_request_bytes",
        kind: "gauge",
        labels: "",
        help: "Bytes of requests at the gateway, on their way and whole, and of replies that are not taken yet.",
        samples: |seen| alone(size(seen.gateway.admission.bytes())),
    },
    Metric {
        name: "flowrun_request_bytes_max",
        kind: "gauge",
        labels: "",
        help: "Room for them.",
        samples: |_| alone(size(QUEUE_BYTES_MAX)),
    },
    Metric {
        name: "flowrun_requests_inside",
        kind: "gauge",
        labels: "",
        help: "Requests inside the flow.",
        samples: |seen| alone(double(seen.books.in_flight)),
    },
    Metric {
        name: "flowrun_request_seconds",
        kind: "histogram",
        labels: "le",
        help: "From arrival to answer.",
        samples: |seen| histogram("", &seen.latencies),
    },
    Metric {
        name: "flowrun_trace_spans_sent_total",
        kind: "counter",
        labels: "",
        help: "Spans that the collector of traces took.",
        samples: |seen| alone(double(seen.traces.0)),
    },
    Metric {
        name: "flowrun_trace_spans_dropped_total",
        kind: "counter",
        labels: "",
        help: "Spans that the collector never got: it was away, too slow, or did not want them.",
        samples: |seen| alone(double(seen.traces.1)),
    },
    Metric {
        name: "flowrun_pod_calls_total",
        kind: "counter",
        labels: "pod",
        help: "Calls of the pod's executor that ended.",
        samples: |seen| seen.by_pod(|pod| double(pod.calls)),
    },
    Metric {
        name: "flowrun_pod_calls_failed_total",
        kind: "counter",
        labels: "pod",
        help: "Calls that failed.",
        samples: |seen| seen.by_pod(|pod| double(pod.failed_calls)),
    },
    Metric {
        name: "flowrun_pod_documents_failed_total",
        kind: "counter",
        labels: "pod",
        help: "Documents that failed alone.",
        samples: |seen| seen.by_pod(|pod| double(pod.failed_documents)),
    },
    Metric {
        name: "flowrun_pod_calls_under_way",
        kind: "gauge",
        labels: "pod",
        help: "Calls that are under way.",
        samples: |seen| seen.by_pod(|pod| double(pod.running_calls)),
    },
    Metric {
        name: "flowrun_pod_queue",
        kind: "gauge",
        labels: "pod",
        help: "Parts of requests that wait for a worker.",
        samples: |seen| seen.by_pod(|pod| double(pod.queued)),
    },
    Metric {
        name: "flowrun_pod_busy_seconds_total",
        kind: "counter",
        labels: "pod",
        help: "Time that its workers spent in calls, all together.",
        samples: |seen| seen.by_pod(|pod| pod.busy_time.as_secs_f64()),
    },
    Metric {
        name: "flowrun_pod_call_seconds",
        kind: "histogram",
        labels: "pod, le",
        help: "How long calls took.",
        samples: |seen| {
            let of_pod = |pod: &PodStatistics| histogram(&format!("pod=\"{}\"", pod.pod), &pod.latencies);
            seen.pods.iter().flat_map(of_pod).collect()
        },
    },
    Metric {
        name: "flowrun_pod_batch_documents",
        kind: "histogram",
        labels: "pod, le",
        help: "How many documents batches had, at pods that form them.",
        samples: |seen| sizes(seen, |pod| &pod.batch_documents),
    },
    Metric {
        name: "flowrun_pod_batch_requests",
        kind: "histogram",
        labels: "pod, le",
        help: "How many requests shared a batch.",
        samples: |seen| sizes(seen, |pod| &pod.batch_requests),
    },
    Metric {
        name: "flowrun_pod_batches_parted_total",
        kind: "counter",
        labels: "pod",
        help: "Batches whose requests were called one by one after all, because an error or an answer could not be shared.",
        samples: |seen| seen.by_pod(|pod| double(pod.split_batches)),
    },
    Metric {
        name: "flowrun_pod_workers",
        kind: "gauge",
        labels: "pod",
        help: "Workers.",
        samples: |seen| seen.by_pod(|pod| size(pod.workers)),
    },
    Metric {
        name: "flowrun_pod_workers_broken",
        kind: "gauge",
        labels: "pod",
        help: "Workers that panicked and cannot be made anew.",
        samples: |seen| seen.by_pod(|pod| double(pod.failed_workers)),
    },
    Metric {
        name: "flowrun_pod_restarts_total",
        kind: "counter",
        labels: "pod",
        help: "Workers made anew after a panic.",
        samples: |seen| seen.by_pod(|pod| double(pod.restarts)),
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_as_prometheus_wants_them() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for Metric { name, kind, help, .. } in METRICS {
            assert!(name.starts_with("flowrun_"), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == "counter", "{name}");
            assert!(
                !name.contains("_seconds") || name.ends_with("_seconds") || name.ends_with("_seconds_total")
            );
            assert!(help.ends_with('.') && !help.contains('\n'), "{name}");
            // What is an executor's own has its place.
            assert!(!name.starts_with(super::super::EXECUTOR), "{name}");
        }
    }
}
