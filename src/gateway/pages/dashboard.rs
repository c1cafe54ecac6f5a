//! Structure and counters of the flow as JSON, for the gateway's built-in web pages.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use flowrun_sdk::Order;
use serde_json::{Map, Value, json};

use crate::gateway::json_response::json_response;
use crate::gateway::service::Gateway;
use crate::runtime::ExecutorMetric;

/// `GET /flow.json`: the pods of the flow, and the facts that the search page needs to offer inputs and show scores.
pub(in crate::gateway) async fn flow(State(gateway): State<Arc<Gateway>>) -> Response {
    let pods = gateway.info.pods.iter().map(|pod| {
        json!({
            "name": pod.name,
            "uses": pod.uses,
            "needs": pod.needs,
            "replicas": pod.replicas,
            "shards": pod.shards,
            "stand_in": pod.stand_in,
        })
    });
    json_response(&json!({
        "name": gateway.info.name,
        "pods": pods.collect::<Value>(),
        "needed_content": gateway.info.needed_content,
        "order": gateway.info.order.map(|order| match order {
            Order::Ascending => "ascending",
            Order::Descending => "descending",
        }),
        "counts": gateway.info.endpoints.contains("/count"),
        "dashboard": gateway.config.logserver,
    }))
}

/// `GET /dashboard.json`: counters since the start, and queues. The page computes rates from successive responses.
pub(in crate::gateway) async fn state(State(gateway): State<Arc<Gateway>>) -> Response {
    let readings = gateway.readings().await;
    let requests = gateway.flow.request_counts();
    let pods = gateway.info.pods.iter().zip(gateway.flow.pod_statistics()).map(|(pod, counts)| {
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
            "shard_metrics": shard_metrics(&readings, &pod.name),
        })
    });
    let state = json!({
        "name": gateway.info.name,
        "uptime_seconds": gateway.pages.started.elapsed().as_secs(),
        "credits": gateway.prefetch,
        "requests": {
            "accepted": requests.accepted,
            "refused": requests.rejected,
            "replied": requests.replied,
            "failed": requests.failed,
            "expired": requests.expired,
            "cancelled": requests.cancelled,
            "inside": requests.in_flight,
        },
        "pods": pods.collect::<Value>(),
    });
    json_response(&state)
}

/// Metrics of a pod's executors, by shard: `{"0": {"index_documents": 3}}`.
fn shard_metrics(readings: &[ExecutorMetric], pod: &str) -> Value {
    let mut shards: Map<String, Value> = Map::new();
    for ExecutorMetric { shard, reading, .. } in readings.iter().filter(|reading| *reading.pod == *pod) {
        let metrics = shards.entry(shard.to_string()).or_insert_with(|| json!({}));
        let sum = metrics.get(&reading.name).and_then(Value::as_f64).unwrap_or_default() + reading.value;
        if let Some(metrics) = metrics.as_object_mut() {
            metrics.insert(reading.name.clone(), sum.into());
        }
    }
    shards.into()
}
