//! WebSocket: a stream of requests and replies, as protobuf messages or as JSON.
//!
//! The client marks the end of its input with a special message (see [`FrameFormat::classify`]) and waits for the
//! gateway to close the connection; the gateway closes it after the last reply.

mod frame;
mod session;
mod socket;

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use prost::Message as _;
use serde_json::json;

use self::frame::FrameFormat;
use self::session::WebSocketSession;
use self::socket::{Incoming, Socket};
use super::call_metadata::CallMetadata;
use super::connection_meter::ConnectionMeter;
use super::json_response::JSON;
use super::pages::assets;
use super::request::Rejection;
use super::security::Granted;
use super::service::Gateway;
use super::session::{SessionOptions, serve};
use crate::limits::{CONTROL_MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX};

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// `/`: a stream of requests over WebSocket. Over plain HTTP, the search page for browsers, else an empty object.
pub(super) async fn requests(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Extension(meter): Extension<Arc<ConnectionMeter>>,
    Extension(granted): Extension<Granted>,
    upgrade: Upgrade,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return match assets::accepts_html(&headers) {
            true => assets::search(),
            false => (JSON, "{}").into_response(),
        };
    };
    let metadata = CallMetadata::of_session(&headers, granted);
    let format = FrameFormat::from_headers(&headers);
    let options = SessionOptions { max_in_flight: gateway.prefetch, in_order: false };
    configured(upgrade, &headers, MESSAGE_BYTES_MAX).on_upgrade(move |socket| async move {
        let socket = Socket::new(socket, meter, &gateway);
        let session = WebSocketSession::new(socket, &gateway, format, metadata);
        serve(session, &gateway, options).await;
    })
}

/// `/dry_run`: checks that every executor answers, once, or over WebSocket once per frame.
pub(super) async fn dry_run(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Extension(meter): Extension<Arc<ConnectionMeter>>,
    upgrade: Upgrade,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let status = match gateway.dry_run().await {
            None => json!({ "code": 0, "description": "", "exception": null }),
            Some(failure) => failure.to_json(),
        };
        return (JSON, status.to_string()).into_response();
    };
    let format = FrameFormat::from_headers(&headers);
    configured(upgrade, &headers, CONTROL_MESSAGE_BYTES_MAX).on_upgrade(move |socket| async move {
        let socket = Socket::new(socket, meter, &gateway);
        dry_runs(socket, gateway, format).await;
    })
}

/// Sets the size limit of the messages of a WebSocket, and confirms the subprotocol only to browsers: they close the
/// connection without a confirmation, while Jina's server never sends one.
fn configured(upgrade: WebSocketUpgrade, headers: &HeaderMap, bytes_max: usize) -> WebSocketUpgrade {
    let upgrade = upgrade.max_message_size(bytes_max).max_frame_size(bytes_max);
    if headers.contains_key(header::ORIGIN) { upgrade.protocols(["bytes", "json"]) } else { upgrade }
}

async fn dry_runs(mut socket: Socket, gateway: Arc<Gateway>, format: FrameFormat) {
    loop {
        let received = tokio::select! {
            received = socket.receive() => received,
            () = gateway.admission.shutdown.draining() => {
                socket.send(close(close_code::AWAY, Rejection::Draining.to_string())).await;
                return;
            }
        };
        match received {
            Incoming::Message(Message::Text(_) | Message::Binary(_), _) => {}
            Incoming::Message(Message::Ping(_) | Message::Pong(_), _) => continue,
            Incoming::TooLarge => {
                socket.send(close(close_code::SIZE, "a dry run needs no content".to_owned())).await;
                return;
            }
            _ => return,
        }
        let failure = gateway.dry_run().await;
        let reply = match format {
            FrameFormat::Bytes => {
                let status = failure.map(|failure| failure.to_proto()).unwrap_or_default();
                Message::binary(status.encode_to_vec())
            }
            FrameFormat::Json => Message::text(
                failure.map_or_else(|| "{}".to_owned(), |failure| failure.to_json().to_string()),
            ),
        };
        if !socket.send(reply).await {
            return;
        }
    }
}

fn close(code: u16, reason: String) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}
