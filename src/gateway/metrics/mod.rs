//! What is counted, in the text format of Prometheus.
//!
//! [`METRICS`] says what there is, and is the reference at the same time; behind it stands what executors tell of
//! themselves.

mod table;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flowrun_sdk::MetricKind;

use table::Seen;
pub use table::{METRICS, Metric};

use super::service::Gateway;
use crate::runtime::{ExecutorMetric, LatencyHistogram};

/// Counts of the gateway's own.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    answered: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    latencies: LatencyHistogram,
}

impl Metrics {
    /// A question was answered.
    pub(super) fn answered(&self, failed: bool, took: Duration) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.latencies.record(took);
    }

    /// A question was not let in.
    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// Everything that is counted, as text. `readings` is what executors tell, which took a thread that may block.
pub(super) fn render(gateway: &Gateway, readings: &[ExecutorMetric]) -> String {
    let seen = Seen::of(gateway);
    let mut text = String::new();
    for metric in METRICS {
        let samples = (metric.samples)(&seen);
        write(&mut text, metric.name, metric.kind, metric.help, &samples);
    }
    let mut told: BTreeMap<(String, &str), (&str, Vec<Sample>)> = BTreeMap::new();
    for ExecutorMetric { pod, shard, reading } in readings {
        let kind = match reading.kind {
            MetricKind::Gauge => "gauge",
            MetricKind::Counter => "counter",
        };
        let name = format!("{EXECUTOR}{}", reading.name);
        let labels = format!("{{pod=\"{pod}\",shard=\"{shard}\"}}");
        let (_, samples) = told.entry((name, kind)).or_insert_with(|| (&reading.help, Vec::new()));
        // Several components of one pod may tell the same.
        match samples.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, value)) => *value += reading.value,
            None => samples.push((labels, reading.value)),
        }
    }
    for ((name, kind), (help, samples)) in &told {
        write(&mut text, name, kind, help, samples);
    }
    text
}

/// What stands before the names that executors give.
const EXECUTOR: &str = "flowrun_executor_";

/// What stands behind a metric's name in a line, and the number.
type Sample = (String, f64);

/// One metric: its head, and a line for each of its samples.
fn write(text: &mut String, name: &str, kind: &str, help: &str, samples: &[Sample]) {
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}
