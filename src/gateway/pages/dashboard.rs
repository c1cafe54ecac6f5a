//! Structure and counters of the flow as JSON, for the pages.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::gateway::json_response::json_response;
use crate::gateway::service::Gateway;
use crate::runtime::PodReading;

/// `GET /flow.json`: the pods of the flow.
pub(in crate::gateway) async fn flow(State(gateway): State<Arc<Gateway>>) -> Response {
    let pods = gateway.info.pods.iter().map(|pod| {
        json!({ "name": pod.name, "uses": pod.uses, "needs": pod.needs, "replicas": pod.replicas, "shards": pod.shards })
    });
    json_response(&json!({ "name": gateway.info.name, "pods": pods.collect::<Value>() }))
}

/// `GET /dashboard.json`: current counters. The page computes rates from two of them.
pub(in crate::gateway) async fn state(State(gateway): State<Arc<Gateway>>) -> Response {
    let readings = gateway.readings().await;
    let books = gateway.flow.books();
    let pods = gateway.info.pods.iter().zip(gateway.flow.statistics()).map(|(pod, counts)| {
        json!({
            "name": pod.name,
            "uses": pod.uses,
            "needs": pod.needs,
            "replicas": pod.replicas,
            "shards": pod.shards,
            "workers": counts.workers,
            "calls": counts.calls,
            "failed": counts.failed_calls + counts.failed_documents,
            "busy_seconds": counts.busy.as_secs_f64(),
            "waiting": counts.waiting,
            "p50_ms": counts.p50.as_secs_f64() * 1e3,
            "p99_ms": counts.p99.as_secs_f64() * 1e3,
            "shard_metrics": shard_metrics(&readings, &pod.name),
        })
    });
    let state = json!({
        "name": gateway.info.name,
        "uptime_seconds": gateway.pages.started.elapsed().as_secs(),
        "credits": gateway.prefetch,
        "requests": {
            "accepted": books.accepted,
            "refused": books.refused,
            "replied": books.replied,
            "failed": books.failed,
            "expired": books.expired,
            "cancelled": books.cancelled,
            "inside": books.inside,
        },
        "pods": pods.collect::<Value>(),
    });
    json_response(&state)
}

/// Metrics of a pod's executors, by shard: `{"0": {"index_documents": 3}}`.
fn shard_metrics(readings: &[PodReading], pod: &str) -> Value {
    let mut shards: Map<String, Value> = Map::new();
    for PodReading { shard, reading, .. } in readings.iter().filter(|reading| *reading.pod == *pod) {
        let metrics = shards.entry(shard.to_string()).or_insert_with(|| json!({}));
        let sum = metrics.get(&reading.name).and_then(Value::as_f64).unwrap_or_default() + reading.value;
        if let Some(metrics) = metrics.as_object_mut() {
            metrics.insert(reading.name.clone(), sum.into());
        }
    }
    shards.into()
}
