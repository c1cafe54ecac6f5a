//! Body of a ready frame: the properties of an executor that its parent needs in order to call it.

use std::time::Duration;

use flowrun_sdk::{Batching, Endpoints, Order, Ranking, Value};
use flowrun_wire::Schema;
use serde_json::{Map, json};

/// Properties of a started executor.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) endpoints: Endpoints,
    /// Order and number of the matches that the executor returns; `None` if it finds no matches.
    pub(crate) ranking: Option<Ranking>,
    /// Preferred batching, by endpoint.
    pub(crate) batching: Vec<(String, Batching)>,
    /// True if the child accepts several calls at a time. JSON key `several`.
    pub(crate) concurrent: bool,
    /// True if the child can send documents before a call ends.
    pub(crate) streams: bool,
    /// True if the child needs a signal (SIGUSR1) to notice a cancellation.
    pub(crate) interruptible: bool,
    /// docarray schema in which the child receives and sends documents.
    pub(crate) schema: Schema,
    /// Line for the log, such as the version of Python. Empty if there is none. JSON key `about`.
    pub(crate) description: String,
}

impl Ready {
    /// Encodes the body of a ready frame.
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
            "batching": self.batching.iter().map(batching_to_json).collect::<Map<String, Value>>(),
            "several": self.concurrent,
            "streams": self.streams,
            "interruptible": self.interruptible,
            "schema": if self.schema == Schema::V2 { 2 } else { 1 },
            "about": self.description,
        })
    }

    /// Decodes the body of a ready frame. Absent or malformed keys get defaults, and malformed batching is ignored.
    pub(crate) fn from_json(value: &Value) -> Self {
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
            batching: batching.into_iter().flatten().filter_map(batching_from_json).collect(),
            concurrent: flag("several"),
            streams: flag("streams"),
            interruptible: flag("interruptible"),
            schema: if value.get("schema") == Some(&json!(2)) { Schema::V2 } else { Schema::V1 },
            description: value.get("about").and_then(Value::as_str).unwrap_or_default().to_owned(),
        }
    }
}

/// Encodes batching with the parameter names of Jina's `dynamic_batching` decorator; `timeout` is in milliseconds.
fn batching_to_json((endpoint, batching): &(String, Batching)) -> (String, Value) {
    let timeout = u64::try_from(batching.wait.as_millis()).unwrap_or(u64::MAX);
    let settings = json!({
        "preferred_batch_size": batching.documents,
        "timeout": timeout,
        "flush_all": batching.flush_all,
    });
    (endpoint.clone(), settings)
}

fn batching_from_json((endpoint, settings): (&String, &Value)) -> Option<(String, Batching)> {
    let count = |name: &str| settings.get(name).and_then(Value::as_u64);
    let batching = Batching {
        documents: usize::try_from(count("preferred_batch_size")?).ok()?.max(1),
        wait: Duration::from_millis(count("timeout")?),
        flush_all: settings.get("flush_all").and_then(Value::as_bool).unwrap_or(false),
    };
    Some((endpoint.clone(), batching))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_bodies_survive_a_round_trip() {
        let ready = Ready {
            endpoints: Endpoints::only(["/a", "/b"]),
            ranking: Some(Ranking { order: Order::Descending, top_k: 7 }),
            batching: vec![(
                "/a".to_owned(),
                Batching { documents: 8, wait: Duration::from_millis(5), flush_all: true },
            )],
            concurrent: true,
            streams: true,
            interruptible: false,
            schema: Schema::V2,
            description: "Python 3".to_owned(),
        };
        let received = Ready::from_json(&ready.to_json());
        assert_eq!(received.to_json(), ready.to_json());
        let fields = (received.endpoints, received.ranking, received.schema);
        assert_eq!(fields, (ready.endpoints, ready.ranking, Schema::V2));
        assert_eq!(received.batching, ready.batching);
        assert_eq!(Ready::from_json(&json!({})).endpoints, Endpoints::All);
    }
}
