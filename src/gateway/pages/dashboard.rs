//! The flow as it works, in numbers.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::gateway::http::as_json;
use crate::gateway::service::Gateway;
use crate::runtime::ExecutorMetric;

/// `/flow.json`: what the flow is made of.
pub(super) async fn flow(State(gateway): State<Arc<Gateway>>) -> Response {
    let pods = gateway.facts.pods.iter().map(|pod| {
        json!({ "name": pod.name, "uses": pod.uses, "needs": pod.needs, "replicas": pod.replicas, "shards": pod.shards })
    });
    as_json(&json!({ "name": gateway.facts.name, "pods": pods.collect::<Value>() }))
}

/// `/dashboard.json`: the counts of this moment. Rates are for the page to work out.
pub(super) async fn state(State(gateway): State<Arc<Gateway>>) -> Response {
    let readings = gateway.readings().await;
    let books = gateway.flow.request_counts();
    let pods = gateway.facts.pods.iter().zip(gateway.flow.pod_statistics()).map(|(pod, counts)| {
        json!({
            "name": pod.name,
            "uses": pod.uses,
            "needs": pod.needs,
            "replicas": pod.replicas,
            "shards": pod.shards,
            "workers": counts.workers,
            "calls": counts.calls,
            "failed": counts.failed_calls + counts.failed_documents,
            "busy_seconds": counts.busy_time.as_secs_f64(),
            "waiting": counts.queued,
            "p50_ms": counts.p50.as_secs_f64() * 1e3,
            "p99_ms": counts.p99.as_secs_f64() * 1e3,
            "shards_told": told(&readings, &pod.name),
        })
    });
    let state = json!({
        "name": gateway.facts.name,
        "uptime_seconds": gateway.pages.started.elapsed().as_secs(),
        "credits": gateway.prefetch,
        "requests": {
            "accepted": books.accepted,
            "refused": books.rejected,
            "replied": books.replied,
            "failed": books.failed,
            "expired": books.expired,
            "cancelled": books.cancelled,
            "inside": books.in_flight,
        },
        "pods": pods.collect::<Value>(),
    });
    as_json(&state)
}

/// What the executors of a pod tell, shard by shard: `{"0": {"index_documents": 3}}`.
fn told(readings: &[ExecutorMetric], pod: &str) -> Value {
    let mut shards: Map<String, Value> = Map::new();
    for ExecutorMetric { shard, reading, .. } in readings.iter().filter(|told| *told.pod == *pod) {
        let told = shards.entry(shard.to_string()).or_insert_with(|| json!({}));
        let sum = told.get(&reading.name).and_then(Value::as_f64).unwrap_or_default() + reading.value;
        if let Some(told) = told.as_object_mut() {
            told.insert(reading.name.clone(), sum.into());
        }
    }
    shards.into()
}
