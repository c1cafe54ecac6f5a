//! Numbers that an executor tells its host, which shows them beside its own.
//!
//! A gauge is set, a counter is added to, and what is dear to keep up is observed: it is asked for when somebody
//! looks. The replicas of a shard have one set of numbers in common, as they have one state.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Metrics of one executor at the most. More have no place to be shown.
const METRICS_MAX: usize = 64;

/// Letters of a name at the most.
const NAME_MAX: usize = 64;

/// Where an executor tells its numbers.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<BTreeMap<String, Entry>>>);

#[derive(Clone)]
struct Entry {
    help: String,
    kind: MetricKind,
    /// A gauge's bits; a counter's count; what was observed last.
    value: Arc<AtomicU64>,
    observe: Option<Observe>,
}

type Observe = Arc<dyn Fn() -> Option<f64> + Send + Sync>;

/// What can be done with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It goes up and down.
    Gauge,
    /// It goes up alone.
    Counter,
}

/// A number that goes up and down.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<AtomicU64>);

/// A number that goes up alone.
#[derive(Clone, Debug)]
pub struct Counter(Arc<AtomicU64>);

/// A number at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSample {
    /// Its name.
    pub name: String,
    /// What it counts.
    pub help: String,
    /// What can be done with it.
    pub kind: MetricKind,
    /// How much.
    pub value: f64,
}

impl Metrics {
    /// The gauge of that name. Names are small letters, digits and underscores, the unit last: `cache_bytes`.
    #[must_use]
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        Gauge(self.entry(name, help, MetricKind::Gauge, None))
    }

    /// The counter of that name, which ends in `_total`.
    #[must_use]
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        Counter(self.entry(name, help, MetricKind::Counter, None))
    }

    /// A gauge that is asked for when somebody looks, on a thread that may block. When it returns nothing, what it
    /// returned last holds.
    pub fn observable_gauge(
        &self,
        name: &str,
        help: &str,
        observe: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        self.entry(name, help, MetricKind::Gauge, Some(Arc::new(observe)));
    }

    /// Every number now. May block: see [`Metrics::observable_gauge`].
    #[must_use]
    pub fn samples(&self) -> Vec<MetricSample> {
        self.samples_if(true)
    }

    /// Whether nothing was told yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// The same; what has to be observed is as it was unless `observe`.
    pub(crate) fn samples_if(&self, observe: bool) -> Vec<MetricSample> {
        // What is observed may take a while, and whoever tells numbers meanwhile must not wait.
        let entries = self.0.lock().clone();
        let reading = |(name, entry): (String, Entry)| {
            if let Some(value) = entry.observe.as_ref().filter(|_| observe).and_then(|observe| observe()) {
                entry.value.store(value.to_bits(), Ordering::Relaxed);
            }
            let bits = entry.value.load(Ordering::Relaxed);
            #[expect(clippy::cast_precision_loss, reason = "numbers are shown as doubles")]
            let value = match entry.kind {
                MetricKind::Gauge => f64::from_bits(bits),
                MetricKind::Counter => bits as f64,
            };
            MetricSample { name, help: entry.help, kind: entry.kind, value }
        };
        entries.into_iter().map(reading).collect()
    }

    fn entry(&self, name: &str, help: &str, kind: MetricKind, observe: Option<Observe>) -> Arc<AtomicU64> {
        let letter = |letter: char| match letter.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9' | '_') => letter,
            _ => '_',
        };
        let name: String = name.chars().take(NAME_MAX).map(letter).collect();
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
    /// It is that much now.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

impl Counter {
    /// So much more has happened.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(metrics: &Metrics) -> Vec<(String, f64)> {
        metrics.samples().into_iter().map(|reading| (reading.name, reading.value)).collect()
    }

    #[test]
    fn replicas_tell_the_same_numbers() {
        let metrics = Metrics::default();
        for _ in 0..2 {
            metrics.counter("hits_total", "Hits.").add(2);
            metrics.gauge("size", "Size.").set(1.5);
        }
        assert_eq!(values(&metrics), [("hits_total".to_owned(), 4.0), ("size".to_owned(), 1.5)]);
    }

    #[test]
    fn what_cannot_be_observed_now_is_as_it_was() {
        let metrics = Metrics::default();
        let value = Arc::new(Mutex::new(Some(3.0)));
        let observed = Arc::clone(&value);
        metrics.observable_gauge("depth", "Depth.", move || *observed.lock());
        assert_eq!(values(&metrics)[0].1, 3.0);
        *value.lock() = None;
        assert_eq!(values(&metrics)[0].1, 3.0);
    }

    #[test]
    fn names_are_plain_and_there_is_an_end_to_them() {
        let metrics = Metrics::default();
        metrics.gauge("Größe{a=\"b\"}\n", "Of\nseveral  lines.").set(1.0);
        let reading = &metrics.samples()[0];
        assert_eq!((reading.name.as_str(), reading.help.as_str()), ("gr__e_a__b___", "Of several lines."));
        for number in 0..2 * METRICS_MAX {
            metrics.gauge(&format!("g{number}"), "").set(1.0);
        }
        assert_eq!(metrics.samples().len(), METRICS_MAX);
        // The same name for another kind has no place, and what is told there harms nothing.
        metrics.counter("g0", "").add(1);
        assert_eq!(values(&metrics).iter().find(|(name, _)| name == "g0").unwrap().1, 1.0);
    }
}
