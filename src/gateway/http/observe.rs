//! How the process is, for those who watch over it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::as_json;
use crate::gateway::info;
use crate::gateway::metrics;
use crate::gateway::service::Gateway;

/// Whether the process lives: it does if it says so.
pub(super) async fn live() -> Response {
    as_json(&json!({ "live": true }))
}

/// Whether it takes requests; if not, why, by pod.
pub(super) async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    let mut reasons = serde_json::Map::new();
    if gateway.admission.is_ending() {
        reasons.insert("gateway".to_owned(), "the flow is ending".into());
    }
    for pod in gateway.flow.pod_statistics().into_iter().filter(|pod| pod.failed_workers > 0) {
        let reason =
            format!("{} of {} workers panicked and cannot be made anew", pod.failed_workers, pod.workers);
        reasons.insert(pod.pod, reason.into());
    }
    for (pod, trouble) in gateway.flow.unhealthy_pods() {
        reasons.entry(pod).or_insert_with(|| trouble.into());
    }
    match reasons.is_empty() {
        true => as_json(&json!({ "ready": true })),
        false => {
            let body = as_json(&json!({ "ready": false, "reasons": reasons }));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

/// Everything that is counted, for Prometheus.
pub(super) async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    let readings = gateway.readings().await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::render(&gateway, &readings))
        .into_response()
}

/// Who is there, in Jina's form.
pub(super) async fn status(State(gateway): State<Arc<Gateway>>) -> Response {
    as_json(&json!({ "jina": info::versions(&gateway), "envs": {} }))
}
