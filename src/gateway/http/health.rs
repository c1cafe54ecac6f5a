//! Liveness, readiness, metrics and versions, for orchestrators and monitoring.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, json};

use crate::gateway::json_response::json_response;
use crate::gateway::metrics::text;
use crate::gateway::security::Granted;
use crate::gateway::service::Gateway;
use crate::gateway::version_info;

/// `GET /live`: 200 while the process is up.
pub(in crate::gateway) async fn live() -> Response {
    json_response(&json!({ "live": true }))
}

/// `GET /ready`: 200 if requests can be served, else 503. Clients with a valid token (all clients, if the gateway has
/// no tokens) also receive the reasons by pod, which contain paths and addresses, and the replicas that are missing of pods
/// that can serve requests.
pub(in crate::gateway) async fn ready(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let mut reasons = Map::new();
    if gateway.admission.shutdown.is_announced() {
        reasons.insert("gateway".to_owned(), "the gateway is shutting down".into());
    }
    for pod in gateway.flow.pod_statistics().into_iter().filter(|pod| pod.failed_workers > 0) {
        let reason =
            format!("{} of {} workers panicked and cannot be restarted", pod.failed_workers, pod.workers);
        reasons.insert(pod.pod, reason.into());
    }
    for (pod, trouble) in gateway.flow.unhealthy_pods() {
        reasons.entry(pod).or_insert_with(|| trouble.into());
    }
    let is_ready = reasons.is_empty();
    let mut body = Map::new();
    body.insert("ready".to_owned(), is_ready.into());
    if Granted::of(request.extensions()).0.is_some() {
        let missing = gateway.flow.degraded_pods().into_iter().filter(|(pod, _)| !reasons.contains_key(pod));
        let missing: Map<_, _> = missing.map(|(pod, reason)| (pod, reason.into())).collect();
        let details = [("reasons", reasons), ("missing", missing)].into_iter();
        let details = details.filter(|(_, detail)| !detail.is_empty());
        body.extend(details.map(|(name, detail)| (name.to_owned(), detail.into())));
    }
    match is_ready {
        true => json_response(&body),
        false => (StatusCode::SERVICE_UNAVAILABLE, json_response(&body)).into_response(),
    }
}

/// `GET /metrics`: all metrics in the text format of Prometheus.
pub(in crate::gateway) async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    let readings = gateway.readings().await;
    let format = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (format, text::render(&gateway, &readings)).into_response()
}

/// `GET /status`: names and versions, in Jina's form.
pub(in crate::gateway) async fn status(State(gateway): State<Arc<Gateway>>) -> Response {
    json_response(&json!({ "jina": version_info::versions(&gateway), "envs": {} }))
}
