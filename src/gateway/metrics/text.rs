//! Renders all metrics in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flowrun_sdk::MetricKind;

use super::table::{EXECUTOR_PREFIX, METRICS, MetricSource, Sample};
use crate::gateway::service::Gateway;
use crate::runtime::ExecutorMetric;

/// Renders the metrics of the gateway, its pods, and its executors (`readings`).
pub(in crate::gateway) fn render(gateway: &Gateway, readings: &[ExecutorMetric]) -> String {
    let source = MetricSource::new(gateway);
    let mut text = String::new();
    for metric in METRICS {
        let samples = (metric.samples)(&source);
        write(&mut text, metric.name, metric.kind, metric.help, &samples);
    }
    let mut by_name: BTreeMap<(String, &str), (&str, Vec<Sample>)> = BTreeMap::new();
    for ExecutorMetric { pod, shard, reading } in readings {
        let kind = match reading.kind {
            MetricKind::Gauge => "gauge",
            MetricKind::Counter => "counter",
        };
        let name = format!("{EXECUTOR_PREFIX}{}", reading.name);
        let labels = format!("{{pod=\"{pod}\",shard=\"{shard}\"}}");
        let (_, samples) = by_name.entry((name, kind)).or_insert_with(|| (&reading.help, Vec::new()));
        // Values of a shard's replicas, and of the executors that a pod combines, are added up.
        match samples.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, value)) => *value += reading.value,
            None => samples.push((labels, reading.value)),
        }
    }
    for ((name, kind), (help, samples)) in &by_name {
        write(&mut text, name, kind, help, samples);
    }
    text
}

/// Writes one metric: its header, and one line per sample.
fn write(text: &mut String, name: &str, kind: &str, help: &str, samples: &[Sample]) {
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}
