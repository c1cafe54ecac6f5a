//! Thumbnails and previews of search results: `/media/thumbnail` and `/media/preview`.
//!
//! Only documents that a page has shown have them ([`shown_documents`](super::shown_documents)), and only files in directories that the
//! flow declares are opened ([`guard::open_uri`](flowrun_sdk::guard::open_uri)). The results are kept in [`media_cache`](super::media_cache).
//! The program supplies the functions that make them ([`MediaTools`](super::media_tools::MediaTools)).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::byte_range::part_response;
use super::media_cache::Media;
use super::media_tools::{Cut, MediaError, make};
use crate::gateway::service::Gateway;
use crate::limits::{MEDIA_TIME_MAX, PREVIEW_SECONDS_MAX};

/// Query of `/media/thumbnail`.
#[derive(Debug, Deserialize)]
pub(in crate::gateway) struct ThumbnailQuery {
    id: String,
    /// Time of the frame in seconds.
    t: Option<f64>,
}

/// Query of `/media/preview`.
#[derive(Debug, Deserialize)]
pub(in crate::gateway) struct PreviewQuery {
    id: String,
    /// Bounds in seconds.
    start: f64,
    end: Option<f64>,
}

/// `GET /media/thumbnail?id=…&t=…`, `GET /thumbnail?id=…`: a JPEG picture of the document with that id, or of its frame at `t` seconds.
pub(in crate::gateway) async fn thumbnail(
    State(gateway): State<Arc<Gateway>>,
    query: Result<Query<ThumbnailQuery>, QueryRejection>,
) -> Response {
    let made = match query.map_err(|error| MediaError::invalid(error.body_text())).and_then(still) {
        Ok((id, cut)) => make(&gateway, &id, cut).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(media) => {
            let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
            ([content_type, CACHED], media.content).into_response()
        }
        Err(error) => refused(&gateway, &error),
    }
}

/// `GET /media/preview?id=…&start=…&end=…`: an MP4 clip of a few seconds of the video with that id.
pub(in crate::gateway) async fn preview(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    query: Result<Query<PreviewQuery>, QueryRejection>,
) -> Response {
    let made = match query.map_err(|error| MediaError::invalid(error.body_text())).and_then(clip) {
        Ok((id, cut)) => make(&gateway, &id, cut).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(Media { content, tag }) => {
            let mut response = part_response(&headers, content, tag);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("video/mp4"));
            headers.extend([CACHED]);
            response
        }
        Err(error) => refused(&gateway, &error),
    }
}

/// Browsers keep what they received for an hour.
const CACHED: (header::HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));

/// The requested still picture.
fn still(Query(ThumbnailQuery { id, t }): Query<ThumbnailQuery>) -> Result<(String, Cut), MediaError> {
    let time = t.map(|time| milliseconds("t", time)).transpose()?;
    Ok((id, Cut::Still { time }))
}

/// The requested clip, cut to its longest length.
fn clip(Query(PreviewQuery { id, start, end }): Query<PreviewQuery>) -> Result<(String, Cut), MediaError> {
    let longest = (PREVIEW_SECONDS_MAX * 1e3) as u32;
    let start = milliseconds("start", start)?;
    let end = end.map(|end| milliseconds("end", end)).transpose()?;
    let length = end.map_or(Some(longest), |end| end.checked_sub(start)).filter(|length| *length > 0);
    let length = length.ok_or_else(|| MediaError::invalid("`end` has to be after `start`".to_owned()))?;
    Ok((id, Cut::Clip { start, length: length.min(longest) }))
}

/// Converts a time in seconds to milliseconds.
///
/// # Errors
/// If it is negative, not a number, or too large.
fn milliseconds(name: &str, time: f64) -> Result<u32, MediaError> {
    match (0.0..=MEDIA_TIME_MAX).contains(&time) {
        true => Ok((time * 1e3).round() as u32),
        false => Err(MediaError::invalid(format!(
            "`{name}` has to be a time from 0 to {MEDIA_TIME_MAX} seconds, but is {time}"
        ))),
    }
}

/// The response to a request that yields nothing. Its text is shown on the page.
fn refused(gateway: &Gateway, error: &MediaError) -> Response {
    let reason = gateway.paths.hide(&error.message);
    let is_defect = !matches!(error.status, StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE);
    if is_defect && !gateway.pages.has_logged_missing.swap(true, Ordering::Relaxed) {
        tracing::warn!(%reason, "a thumbnail or preview cannot be made; further ones are not logged");
    }
    let mut response = (error.status, reason.into_owned()).into_response();
    if error.status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, MediaError::RETRY_AFTER);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip_of(start: f64, end: Option<f64>) -> Result<Cut, StatusCode> {
        let query = Query(PreviewQuery { id: "a".to_owned(), start, end });
        clip(query).map(|(_, cut)| cut).map_err(|error| error.status)
    }

    #[test]
    fn spans_are_cut_to_the_longest_preview() {
        assert_eq!(clip_of(425.0, Some(432.5)), Ok(Cut::Clip { start: 425_000, length: 7_500 }));
        assert_eq!(clip_of(0.0, None), Ok(Cut::Clip { start: 0, length: 10_000 }));
        assert_eq!(clip_of(1.0, Some(MEDIA_TIME_MAX)), Ok(Cut::Clip { start: 1_000, length: 10_000 }));
    }

    #[test]
    fn times_that_no_video_has_are_refused() {
        let refused = Err(StatusCode::UNPROCESSABLE_ENTITY);
        for time in [-1.0, -0.001, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert_eq!(clip_of(time, Some(5.0)), refused, "{time}");
            assert_eq!(clip_of(0.0, Some(time)), refused, "{time}");
            let query = Query(ThumbnailQuery { id: "a".to_owned(), t: Some(time) });
            assert_eq!(still(query).unwrap_err().status, StatusCode::UNPROCESSABLE_ENTITY, "{time}");
        }
        for (start, end) in [(5.0, 5.0), (5.0, 4.0), (5.0, 5.0001)] {
            assert_eq!(clip_of(start, Some(end)), refused, "{start} {end}");
        }
    }
}
