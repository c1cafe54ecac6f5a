//! Small pictures of what pages show.
//!
//! They are made of documents that a search has found, and of files beneath the directories that the flow declares:
//! the door for documents' URIs sees to that.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use flowrun_sdk::guard::{self, CONTENT_BYTES_MAX};
use serde::Deserialize;

use crate::gateway::service::Gateway;

/// The longest side, in pixels: sharp on a tile of half that size.
const SIDE: u32 = 360;

/// Thumbnails that are made at a time, so that a page of them does not hold up the flow.
pub(super) const AT_ONCE: usize = 2;

/// Which one.
#[derive(Deserialize)]
pub(super) struct Asked {
    id: String,
}

/// `/thumbnail?id=…`: a JPEG of the document of that id.
pub(super) async fn thumbnail(State(gateway): State<Arc<Gateway>>, Query(asked): Query<Asked>) -> Response {
    let uri = gateway.pages.shown.lock().uri(&asked.id);
    let (Some(make), Some(uri)) = (gateway.pages.make_thumbnail, uri) else {
        return missing("no search has found a document of this id");
    };
    let Ok(turn) = Arc::clone(&gateway.pages.thumbnails).acquire_owned().await else {
        return missing("the flow is ending");
    };
    let made = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        make(&guard::read_uri(&uri, CONTENT_BYTES_MAX)?, SIDE)
    });
    match made.await {
        Ok(Ok(jpeg)) => {
            let head =
                [(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "private, max-age=3600")];
            (head, jpeg).into_response()
        }
        Ok(Err(error)) => missing(error.message()),
        Err(_) => missing("it cannot be made"),
    }
}

fn missing(why: &str) -> Response {
    (StatusCode::NOT_FOUND, why.to_owned()).into_response()
}
