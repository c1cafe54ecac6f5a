//! Body of a status frame: the health and the metrics of a child's executor.

use std::collections::HashMap;

use flowrun_sdk::{MetricKind, MetricSample, Metrics, Value};
use serde_json::json;

/// Encodes the body of a status frame. `unhealthy_reason` is `None` for a healthy executor.
pub(crate) fn status_to_json(unhealthy_reason: Option<String>, samples: &[MetricSample]) -> Value {
    let metrics = samples.iter().map(|sample| {
        let counter = sample.kind == MetricKind::Counter;
        json!({"name": sample.name, "help": sample.help, "counter": counter, "value": sample.value})
    });
    json!({"trouble": unhealthy_reason, "metrics": metrics.collect::<Vec<_>>()})
}

/// Applies the status frames of one child to the metrics of the parent.
///
/// A child counts from zero, while the parent's counters continue across restarts. Therefore only the increments since
/// the child's previous status are added; the map holds the last value of each counter.
#[derive(Debug, Default)]
pub(crate) struct StatusReceiver {
    counters: HashMap<String, u64>,
}

impl StatusReceiver {
    /// Applies the body of a status frame to `metrics`. Returns the reason if the child reports itself unhealthy.
    pub(crate) fn apply(&mut self, status: &Value, metrics: &Metrics) -> Option<String> {
        let samples = status.get("metrics").and_then(Value::as_array);
        for sample in samples.into_iter().flatten() {
            let text = |name: &str| sample.get(name).and_then(Value::as_str).unwrap_or_default();
            let value = sample.get("value").and_then(Value::as_f64).unwrap_or(f64::NAN);
            if sample.get("counter") == Some(&Value::Bool(true)) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a counter is a non-negative integer"
                )]
                let value = value as u64;
                let previous = self.counters.insert(text("name").to_owned(), value).unwrap_or(0);
                metrics.counter(text("name"), text("help")).add(value.saturating_sub(previous));
            } else {
                metrics.gauge(text("name"), text("help")).set(value);
            }
        }
        status.get("trouble").and_then(Value::as_str).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_continue_when_a_child_is_restarted() {
        let (child, parent) = (Metrics::default(), Metrics::default());
        child.counter("hits_total", "Hits.").add(5);
        child.gauge("size", "Size.").set(2.5);
        let value = |name: &str| {
            parent.samples().into_iter().find(|sample| sample.name == name).map(|sample| sample.value)
        };
        let mut receiver = StatusReceiver::default();
        receiver.apply(&status_to_json(None, &child.samples()), &parent);
        child.counter("hits_total", "Hits.").add(2);
        let status = status_to_json(Some("full".to_owned()), &child.samples());
        assert_eq!(receiver.apply(&status, &parent), Some("full".into()));
        assert_eq!((value("hits_total"), value("size")), (Some(7.0), Some(2.5)));
        // A restarted child counts from zero.
        let restarted = Metrics::default();
        restarted.counter("hits_total", "Hits.").add(1);
        StatusReceiver::default().apply(&status_to_json(None, &restarted.samples()), &parent);
        assert_eq!(value("hits_total"), Some(8.0));
    }
}
