//! WebSocket: a stream of requests and replies, as messages of protobuf or as JSON.
//!
//! The client says when its input ends and waits for the gateway to close; the gateway closes when all is answered.

mod frame;
mod talk;

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use prost::Message as _;
use serde_json::json;

use self::frame::Tongue;
use super::pages;
use super::service::Gateway;
use crate::limits::MESSAGE_BYTES_MAX;

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// `/`: a stream of requests; over plain HTTP the page to search with, or else that the gateway is there.
pub(super) async fn requests(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    match upgrade {
        Ok(upgrade) => {
            let tongue = Tongue::of(&headers);
            let alive = gateway.conversations.lock().clone();
            bounded(upgrade, &headers).on_upgrade(move |socket| async move {
                talk::talk(socket, gateway, tongue).await;
                drop(alive);
            })
        }
        Err(_) if pages::wants_page(&headers) => pages::search(),
        Err(_) => ([(header::CONTENT_TYPE, "application/json")], "{}").into_response(),
    }
}

/// `/dry_run`: whether every executor answers, told once for each frame.
pub(super) async fn dry_run(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    match upgrade {
        Ok(upgrade) => {
            let tongue = Tongue::of(&headers);
            bounded(upgrade, &headers).on_upgrade(move |socket| dry_runs(socket, gateway, tongue))
        }
        Err(_) => {
            let status = match gateway.dry_run().await {
                None => json!({ "code": 0, "description": "", "exception": null }),
                Some(failure) => failure.to_json(),
            };
            ([(header::CONTENT_TYPE, "application/json")], status.to_string()).into_response()
        }
    }
}

/// The upgrade, with our bounds. What is spoken is not repeated, which is how Jina's server answers; a browser breaks
/// off when it asked and is not told, so it is.
fn bounded(upgrade: WebSocketUpgrade, headers: &HeaderMap) -> WebSocketUpgrade {
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX);
    if headers.contains_key(header::ORIGIN) { upgrade.protocols(["bytes", "json"]) } else { upgrade }
}

async fn dry_runs(mut socket: WebSocket, gateway: Arc<Gateway>, tongue: Tongue) {
    loop {
        let asked = tokio::select! {
            asked = socket.recv() => asked,
            () = gateway.admission.ended() => return,
        };
        match asked {
            Some(Ok(Message::Text(_) | Message::Binary(_))) => {}
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            _ => return,
        }
        let failure = gateway.dry_run().await;
        let reply = match tongue {
            Tongue::Bytes => {
                let status = failure.map(|failure| failure.to_proto()).unwrap_or_default();
                Message::binary(status.encode_to_vec())
            }
            Tongue::Json => Message::text(
                failure.map_or_else(|| "{}".to_owned(), |failure| failure.to_json().to_string()),
            ),
        };
        if socket.send(reply).await.is_err() {
            return;
        }
    }
}
