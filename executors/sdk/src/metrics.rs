//! Metrics of an executor, exported with the metrics of the flow.
//!
//! Gauges are set, counters are increased, and observable gauges are computed when the metrics are collected. The replicas
//! of a shard share one set of metrics. Rendering and labels (pod, shard) are the host's business.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Maximum number of metrics of one executor. Further metrics are accepted, but not exported.
const METRICS_MAX: usize = 64;

/// Maximum length of a name; longer ones are truncated.
const NAME_MAX: usize = 64;

/// Registry of the metrics of an executor. Clones share it.
///
/// Names are lower-case letters, digits and underscores, with the unit last (`cache_bytes`); counters end in `_total`.
/// Other characters are replaced by underscores. Registering a name again returns the same metric; with another kind it
/// returns a metric that is not exported.
///
/// ```
/// let metrics = flowrun_sdk::Metrics::default();
/// metrics.counter("cache_hits_total", "Lookups that found an entry.").add(2);
/// assert_eq!(metrics.samples()[0].value, 2.0);
/// ```
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<BTreeMap<String, Entry>>>);

#[derive(Clone)]
struct Entry {
    help: String,
    kind: MetricKind,
    /// Bits of a gauge, count of a counter, or bits of the last observed value.
    value: Arc<AtomicU64>,
    observe: Option<Observe>,
}

type Observe = Arc<dyn Fn() -> Option<f64> + Send + Sync>;

/// Kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only increases.
    Counter,
}

/// A metric that goes up and down.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<AtomicU64>);

/// A metric that only increases.
#[derive(Clone, Debug)]
pub struct Counter(Arc<AtomicU64>);

/// A metric and its value at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSample {
    /// Name of the metric.
    pub name: String,
    /// Description of the metric.
    pub help: String,
    /// Kind of the metric.
    pub kind: MetricKind,
    /// Value of the metric.
    pub value: f64,
}

impl Metrics {
    /// Registers a gauge.
    #[must_use]
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        Gauge(self.entry(name, help, MetricKind::Gauge, None))
    }

    /// Registers a counter. Its name ends in `_total`.
    #[must_use]
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        Counter(self.entry(name, help, MetricKind::Counter, None))
    }

    /// Registers a gauge that is computed when the metrics are collected, on a thread that may block. `observe` returns
    /// `None` to keep the previous value.
    pub fn observable_gauge(
        &self,
        name: &str,
        help: &str,
        observe: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        self.entry(name, help, MetricKind::Gauge, Some(Arc::new(observe)));
    }

    /// Collects all metrics. May block: see [`Metrics::observable_gauge`].
    #[must_use]
    pub fn samples(&self) -> Vec<MetricSample> {
        self.samples_if(true)
    }

    /// Returns `true` if no metric was registered.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Collects all metrics; observable gauges keep their previous values unless `observe` is set.
    pub(crate) fn samples_if(&self, observe: bool) -> Vec<MetricSample> {
        // Observing may take long, and must not block executors that register metrics meanwhile.
        let entries = self.0.lock().clone();
        let sample = |(name, entry): (String, Entry)| {
            if let Some(value) = entry.observe.as_ref().filter(|_| observe).and_then(|observe| observe()) {
                entry.value.store(value.to_bits(), Ordering::Relaxed);
            }
            let bits = entry.value.load(Ordering::Relaxed);
            #[expect(clippy::cast_precision_loss, reason = "samples are doubles")]
            let value = match entry.kind {
                MetricKind::Gauge => f64::from_bits(bits),
                MetricKind::Counter => bits as f64,
            };
            MetricSample { name, help: entry.help, kind: entry.kind, value }
        };
        entries.into_iter().map(sample).collect()
    }

    fn entry(&self, name: &str, help: &str, kind: MetricKind, observe: Option<Observe>) -> Arc<AtomicU64> {
        let sanitize = |character: char| match character.to_ascii_lowercase() {
            character @ ('a'..='z' | '0'..='9' | '_') => character,
            _ => '_',
        };
        let name: String = name.chars().take(NAME_MAX).map(sanitize).collect();
        let mut entries = self.0.lock();
        if let Some(entry) = entries.get_mut(&name).filter(|entry| entry.kind == kind) {
            entry.observe = observe.or(entry.observe.take());
            return Arc::clone(&entry.value);
        }
        let value = Arc::new(AtomicU64::new(0));
        if entries.len() < METRICS_MAX && !entries.contains_key(&name) {
            let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
            entries.insert(name, Entry { help, kind, value: Arc::clone(&value), observe });
        }
        value
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metrics({})", self.0.lock().len())
    }
}

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

impl Counter {
    /// Increases the value.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(metrics: &Metrics) -> Vec<(String, f64)> {
        metrics.samples().into_iter().map(|sample| (sample.name, sample.value)).collect()
    }

    #[test]
    fn replicas_share_their_metrics() {
        let metrics = Metrics::default();
        for _ in 0..2 {
            metrics.counter("hits_total", "Hits.").add(2);
            metrics.gauge("size", "Size.").set(1.5);
        }
        assert_eq!(values(&metrics), [("hits_total".to_owned(), 4.0), ("size".to_owned(), 1.5)]);
    }

    #[test]
    fn a_gauge_that_cannot_be_observed_keeps_its_value() {
        let metrics = Metrics::default();
        let value = Arc::new(Mutex::new(Some(3.0)));
        let observed = Arc::clone(&value);
        metrics.observable_gauge("depth", "Depth.", move || *observed.lock());
        assert_eq!(values(&metrics)[0].1, 3.0);
        *value.lock() = None;
        assert_eq!(values(&metrics)[0].1, 3.0);
    }

    #[test]
    fn names_are_sanitized_and_their_number_is_limited() {
        let metrics = Metrics::default();
        metrics.gauge("Größe{a=\"b\"}\n", "Of\nseveral  lines.").set(1.0);
        let sample = &metrics.samples()[0];
        assert_eq!((sample.name.as_str(), sample.help.as_str()), ("gr__e_a__b___", "Of several lines."));
        for number in 0..2 * METRICS_MAX {
            metrics.gauge(&format!("g{number}"), "").set(1.0);
        }
        assert_eq!(metrics.samples().len(), METRICS_MAX);
        // A name that is taken by another kind is not exported, and using it has no effect.
        metrics.counter("g0", "").add(1);
        assert_eq!(values(&metrics).iter().find(|(name, _)| name == "g0").unwrap().1, 1.0);
    }
}
