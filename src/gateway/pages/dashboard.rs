//! The flow as it works, in numbers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use crate::gateway::exchange::Question;
use crate::gateway::http::as_json;
use crate::gateway::service::Gateway;

/// The endpoint at which executors that store say how much they hold.
const STATUS: &str = "/status";

/// How long what they said is shown before they are asked again.
const SIZES_AGE: Duration = Duration::from_secs(10);

/// How many documents each pod holds, and when it said so.
pub(super) struct Sizes {
    asked: Instant,
    by_pod: HashMap<String, u64>,
}

/// `/flow.json`: what the flow is made of.
pub(super) async fn flow(State(gateway): State<Arc<Gateway>>) -> Response {
    let pods = gateway.facts.pods.iter().map(|pod| {
        json!({ "name": pod.name, "uses": pod.uses, "needs": pod.needs, "replicas": pod.replicas, "shards": pod.shards })
    });
    as_json(&json!({ "name": gateway.facts.name, "pods": pods.collect::<Value>() }))
}

/// `/dashboard.json`: the counts of this moment. Rates are for the page to work out.
pub(super) async fn state(State(gateway): State<Arc<Gateway>>) -> Response {
    ask_sizes(&gateway).await;
    let books = gateway.flow.books();
    let sizes = gateway.pages.sizes.lock();
    let pods = gateway.facts.pods.iter().zip(gateway.flow.statistics()).map(|(pod, counts)| {
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
            "index": sizes.as_ref().and_then(|sizes| sizes.by_pod.get(&pod.name)),
        })
    });
    let state = json!({
        "name": gateway.facts.name,
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
    drop(sizes);
    as_json(&state)
}

/// Asks the executors how much they hold, if it was long ago and any of them knows the question.
async fn ask_sizes(gateway: &Gateway) {
    if !gateway.facts.endpoints.contains(STATUS) {
        return;
    }
    {
        let mut sizes = gateway.pages.sizes.lock();
        if sizes.as_ref().is_some_and(|sizes| sizes.asked.elapsed() < SIZES_AGE) {
            return;
        }
        // Whoever else asks meanwhile is told what was known before.
        let by_pod = sizes.take().map(|sizes| sizes.by_pod).unwrap_or_default();
        *sizes = Some(Sizes { asked: Instant::now(), by_pod });
    }
    let Ok(ticket) = gateway.enter(0) else { return };
    let question = Question { endpoint: STATUS.to_owned(), ..Question::default() };
    let Ok(answer) = gateway.ask(&ticket, question).await else { return };
    let Ok(response) = answer.result else { return };
    let mut by_pod: HashMap<String, u64> = HashMap::new();
    for (worker, result) in &response.results {
        // `pod/shard-0/rep-0`: the shards of a pod hold a part each.
        let pod =
            worker.split_once("/shard-").or_else(|| worker.rsplit_once("/rep-")).map_or("", |(pod, _)| pod);
        if let Some(documents) = result.get("documents").and_then(Value::as_u64) {
            *by_pod.entry(pod.to_owned()).or_default() += documents;
        }
    }
    if let Some(sizes) = gateway.pages.sizes.lock().as_mut() {
        sizes.by_pod = by_pod;
    }
}
