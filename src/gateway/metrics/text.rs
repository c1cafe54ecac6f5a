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
    write_executor_metrics(&mut text, readings);
    text
}

/// Writes the metrics of executors, under names that begin with [`EXECUTOR_PREFIX`].
fn write_executor_metrics(text: &mut String, readings: &[ExecutorMetric]) {
    // A name has one type (Prometheus' text format): if executors report it with two, that of the first one counts.
    let mut by_name: BTreeMap<String, (&str, &str, Vec<Sample>)> = BTreeMap::new();
    for ExecutorMetric { pod, shard, reading } in readings {
        let kind = match reading.kind {
            MetricKind::Gauge => "gauge",
            MetricKind::Counter => "counter",
        };
        let name = format!("{EXECUTOR_PREFIX}{}", reading.name);
        let labels = format!("{{pod=\"{pod}\",shard=\"{shard}\"}}");
        let (_, _, samples) = by_name.entry(name).or_insert_with(|| (kind, &reading.help, Vec::new()));
        // Values of a shard's replicas, and of the executors that a pod combines, are added up.
        match samples.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, value)) => *value += reading.value,
            None => samples.push((labels, reading.value)),
        }
    }
    for (name, (kind, help, samples)) in &by_name {
        write(text, name, kind, help, samples);
    }
}

/// Writes one metric: its header, and one line per sample.
fn write(text: &mut String, name: &str, kind: &str, help: &str, samples: &[Sample]) {
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::MetricSample;

    use super::*;

    #[test]
    fn a_metric_that_is_reported_with_two_types_is_written_once() {
        let reading = |pod: &str, kind, value| {
            let (name, help) = ("documents".to_owned(), "Documents.".to_owned());
            ExecutorMetric { pod: pod.into(), shard: 0, reading: MetricSample { name, help, kind, value } }
        };
        let readings = [reading("a", MetricKind::Gauge, 2.0), reading("b", MetricKind::Counter, 3.0)];
        let mut text = String::new();
        write_executor_metrics(&mut text, &readings);
        let expected = "# HELP flowrun_executor_documents Documents.\n# TYPE flowrun_executor_documents gauge\n\
            flowrun_executor_documents{pod=\"a\",shard=\"0\"} 2\nflowrun_executor_documents{pod=\"b\",shard=\"0\"} 3\n";
        assert_eq!(text, expected);
    }
}
