//! `GET /dashboard/log`: the log as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use tokio::sync::broadcast::error::RecvError;

use crate::gateway::response_body::{ReplyKind, charge};
use crate::gateway::service::Gateway;

/// Streams the recent lines of the log and then new ones, until draining starts. 404 if the gateway keeps no log.
pub(in crate::gateway) async fn log_events(State(gateway): State<Arc<Gateway>>) -> Response {
    let Some(log) = &gateway.pages.log else {
        return (StatusCode::NOT_FOUND, "the gateway keeps no log").into_response();
    };
    let (recent, receiver) = log.subscribe();
    let following = stream::unfold(receiver, |mut receiver| async move {
        loop {
            match receiver.recv().await {
                Ok(line) => return Some((line, receiver)),
                // A slow reader skips the lines that were dropped.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    let draining = {
        let gateway = Arc::clone(&gateway);
        async move { gateway.admission.shutdown.draining().await }
    };
    let events = stream::iter(recent)
        .chain(following)
        .map(|line| Ok::<_, Infallible>(Event::default().data(&*line)))
        .take_until(draining);
    let response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    charge(response, &Arc::new(gateway.admission.bytes_permit()), ReplyKind::Stream)
}
