//! What a child says of itself: that it can be called, and how; later on, how it is.

use std::time::Duration;

use flowrun_sdk::{Batching, Endpoints, MetricKind, MetricSample, Metrics, Order, Ranking, Value};
use flowrun_wire::Schema;
use serde_json::{Map, json};

/// What a child says when it can be called.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) endpoints: Endpoints,
    pub(crate) ranking: Option<Ranking>,
    /// Which endpoints it likes to be called in batches.
    pub(crate) batching: Vec<(String, Batching)>,
    /// Whether it can have several calls under way.
    pub(crate) several: bool,
    /// Whether a signal is what makes it look for a call that is to be stopped.
    pub(crate) interruptible: bool,
    pub(crate) schema: Schema,
    /// What it is, for the log; empty when there is nothing to say.
    pub(crate) about: String,
}

impl Ready {
    pub(crate) fn to_json(&self) -> Value {
        let endpoints = match &self.endpoints {
            Endpoints::All => Value::Null,
            Endpoints::Only(endpoints) => endpoints.as_slice().into(),
        };
        let ranking = self
            .ranking
            .map(|ranking| json!({"ascending": ranking.order == Order::Ascending, "top_k": ranking.top_k}));
        json!({
            "endpoints": endpoints,
            "ranking": ranking,
            "batching": self.batching.iter().map(written).collect::<Map<String, Value>>(),
            "several": self.several,
            "interruptible": self.interruptible,
            "schema": if self.schema == Schema::V2 { 2 } else { 1 },
            "about": self.about,
        })
    }

    pub(crate) fn of_json(value: &Value) -> Self {
        let flag = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or(false);
        let endpoints = value.get("endpoints").and_then(Value::as_array);
        let texts = |list: &Vec<Value>| list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let ranking = value.get("ranking").and_then(|ranking| {
            let ascending = ranking.get("ascending")?.as_bool()?;
            let order = if ascending { Order::Ascending } else { Order::Descending };
            Some(Ranking { order, top_k: usize::try_from(ranking.get("top_k")?.as_u64()?).ok()? })
        });
        let batching = value.get("batching").and_then(Value::as_object);
        Self {
            endpoints: endpoints.map_or(Endpoints::All, |list| Endpoints::Only(texts(list))),
            ranking,
            batching: batching.into_iter().flatten().filter_map(read).collect(),
            several: flag("several"),
            interruptible: flag("interruptible"),
            schema: if value.get("schema") == Some(&json!(2)) { Schema::V2 } else { Schema::V1 },
            about: value.get("about").and_then(Value::as_str).unwrap_or_default().to_owned(),
        }
    }
}

/// Batching as Jina's decorator has it.
fn written((endpoint, batching): &(String, Batching)) -> (String, Value) {
    let timeout = u64::try_from(batching.wait.as_millis()).unwrap_or(u64::MAX);
    let settings = json!({
        "preferred_batch_size": batching.documents,
        "timeout": timeout,
        "flush_all": batching.flush_all,
    });
    (endpoint.clone(), settings)
}

fn read((endpoint, settings): (&String, &Value)) -> Option<(String, Batching)> {
    let count = |name: &str| settings.get(name).and_then(Value::as_u64);
    let batching = Batching {
        documents: usize::try_from(count("preferred_batch_size")?).ok()?.max(1),
        wait: Duration::from_millis(count("timeout")?),
        flush_all: settings.get("flush_all").and_then(Value::as_bool).unwrap_or(false),
    };
    Some((endpoint.clone(), batching))
}

/// What a child tells of its executor's health and numbers.
pub(crate) fn tell(trouble: Option<String>, readings: &[MetricSample]) -> Value {
    let readings = readings.iter().map(|reading| {
        let counter = reading.kind == MetricKind::Counter;
        json!({"name": reading.name, "help": reading.help, "counter": counter, "value": reading.value})
    });
    json!({"trouble": trouble, "metrics": readings.collect::<Vec<_>>()})
}

/// The numbers of a child as our own. What a counter adds is known by what it was.
#[derive(Debug, Default)]
pub(crate) struct Numbers(std::collections::HashMap<String, u64>);

impl Numbers {
    /// Takes over what a child told; why it cannot do its work, if it cannot.
    pub(crate) fn take(&mut self, told: &Value, metrics: &Metrics) -> Option<String> {
        let readings = told.get("metrics").and_then(Value::as_array);
        for reading in readings.into_iter().flatten() {
            let text = |name: &str| reading.get(name).and_then(Value::as_str).unwrap_or_default();
            let value = reading.get("value").and_then(Value::as_f64).unwrap_or(f64::NAN);
            if reading.get("counter") == Some(&Value::Bool(true)) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it counts")]
                let value = value as u64;
                let before = self.0.insert(text("name").to_owned(), value).unwrap_or(0);
                metrics.counter(text("name"), text("help")).add(value.saturating_sub(before));
            } else {
                metrics.gauge(text("name"), text("help")).set(value);
            }
        }
        told.get("trouble").and_then(Value::as_str).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_says_of_itself_arrives() {
        let ready = Ready {
            endpoints: Endpoints::only(["/a", "/b"]),
            ranking: Some(Ranking { order: Order::Descending, top_k: 7 }),
            batching: vec![(
                "/a".to_owned(),
                Batching { documents: 8, wait: Duration::from_millis(5), flush_all: true },
            )],
            several: true,
            interruptible: false,
            schema: Schema::V2,
            about: "Python 3".to_owned(),
        };
        let came = Ready::of_json(&ready.to_json());
        assert_eq!(came.to_json(), ready.to_json());
        assert_eq!((came.endpoints, came.ranking, came.schema), (ready.endpoints, ready.ranking, Schema::V2));
        assert_eq!(came.batching, ready.batching);
        assert_eq!(Ready::of_json(&json!({})).endpoints, Endpoints::All);
    }

    #[test]
    fn counters_of_a_child_go_on_when_it_is_started_again() {
        let (theirs, ours) = (Metrics::default(), Metrics::default());
        theirs.counter("hits_total", "Hits.").add(5);
        theirs.gauge("size", "Size.").set(2.5);
        let value = |name: &str| {
            ours.samples().into_iter().find(|reading| reading.name == name).map(|reading| reading.value)
        };
        let mut numbers = Numbers::default();
        numbers.take(&tell(None, &theirs.samples()), &ours);
        theirs.counter("hits_total", "Hits.").add(2);
        assert_eq!(
            numbers.take(&tell(Some("full".to_owned()), &theirs.samples()), &ours),
            Some("full".into())
        );
        assert_eq!((value("hits_total"), value("size")), (Some(7.0), Some(2.5)));
        // A new child counts from nothing.
        let again = Metrics::default();
        again.counter("hits_total", "Hits.").add(1);
        Numbers::default().take(&tell(None, &again.samples()), &ours);
        assert_eq!(value("hits_total"), Some(8.0));
    }
}
