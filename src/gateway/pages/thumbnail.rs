//! Thumbnails of search results.
//!
//! Only documents that a page has shown have thumbnails ([`shown_documents`](super::shown_documents)), and only files
//! in directories that the flow declares are read ([`guard::read_uri`]).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use flowrun_sdk::guard::{self, CONTENT_BYTES_MAX};
use serde::Deserialize;

use crate::gateway::service::Gateway;

/// Longest side in pixels: twice the size of a tile, for high-density screens.
const SIDE: u32 = 360;

/// Query of `/thumbnail`.
#[derive(Deserialize)]
pub(in crate::gateway) struct ThumbnailQuery {
    id: String,
}

/// `GET /thumbnail?id=…`: a JPEG thumbnail of the document with that id.
pub(in crate::gateway) async fn thumbnail(
    State(gateway): State<Arc<Gateway>>,
    Query(query): Query<ThumbnailQuery>,
) -> Response {
    let uri = gateway.pages.shown.lock().uri(&query.id);
    let (Some(make), Some(uri)) = (gateway.pages.make_thumbnail, uri) else {
        return not_found("no search has returned a document with this id");
    };
    let Ok(permit) = Arc::clone(&gateway.pages.thumbnails).acquire_owned().await else {
        return not_found("the flow is draining");
    };
    let made = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        make(&guard::read_uri(&uri, CONTENT_BYTES_MAX)?, SIDE)
    });
    match made.await {
        Ok(Ok(jpeg)) => {
            let head =
                [(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "private, max-age=3600")];
            (head, jpeg).into_response()
        }
        Ok(Err(error)) => {
            let reason = error.message();
            if !gateway.pages.has_logged_missing.swap(true, Ordering::Relaxed) {
                tracing::warn!(reason, "a thumbnail cannot be made; further ones are not logged");
            }
            not_found(reason)
        }
        Err(_) => not_found("the thumbnail cannot be made"),
    }
}

fn not_found(reason: &str) -> Response {
    (StatusCode::NOT_FOUND, reason.to_owned()).into_response()
}
