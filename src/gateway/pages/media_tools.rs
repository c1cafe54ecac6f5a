//! Makes thumbnails and previews with the functions that the program supplies, within bounds on their number, time and bytes.
//!
//! A request that ends early, because its client has gone, ends the work that it started.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode};
use flowrun_sdk::guard::{self, GuardError, OpenedUri};
use flowrun_sdk::{Cancellation, ErrorKind, ExecutorError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::media_cache::{FileVersion, Media, MediaKey};
use crate::gateway::offload::run_blocking;
use crate::gateway::service::Gateway;
use crate::limits::{
    MEDIA_CONCURRENT, PREVIEW_BYTES_MAX, PREVIEW_TIME_MAX, THUMBNAIL_BYTES_MAX, THUMBNAIL_TIME_MAX,
};

/// Longest side of a thumbnail in pixels: twice the size of a tile, for high-density screens.
const THUMBNAIL_SIDE: u32 = 360;

/// Longest side of a preview in pixels.
const PREVIEW_SIDE: u32 = 480;

/// Makes a JPEG picture of a picture or video, or of its frame at a time in seconds.
pub type MakeThumbnail = fn(&OpenedUri, Option<f64>, &MediaOptions) -> Result<Vec<u8>, ExecutorError>;

/// Makes an MP4 clip of a video from a time in seconds, with a length in seconds.
pub type MakePreview = fn(&OpenedUri, (f64, f64), &MediaOptions) -> Result<Vec<u8>, ExecutorError>;

/// Functions that make thumbnails and previews of opened files.
#[derive(Clone, Copy, Debug)]
pub struct MediaTools {
    /// Largest file that is opened, in bytes.
    pub bytes_max: u64,
    /// Makes thumbnails.
    pub thumbnail: MakeThumbnail,
    /// Makes previews.
    pub preview: MakePreview,
}

/// Bounds of a thumbnail or preview.
#[derive(Clone, Debug)]
pub struct MediaOptions {
    /// Longest side in pixels.
    pub side: u32,
    /// Largest size in bytes.
    pub bytes_max: usize,
    /// Longest time of making it.
    pub timeout: Duration,
    /// Ends the work when the request has ended.
    pub cancellation: Cancellation,
}

/// Part of a file that is made visible. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cut {
    Still { time: Option<u32> },
    Clip { start: u32, length: u32 },
}

/// The reason why there is no thumbnail or preview.
#[derive(Debug)]
pub(super) struct MediaError {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl MediaError {
    /// Seconds after which a request that was answered with 503 may be repeated.
    pub(super) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

    /// A query with a value that is not allowed.
    pub(super) fn invalid(message: String) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, message }
    }

    fn unknown_document() -> Self {
        let message = "no search has returned a document with this id".to_owned();
        Self { status: StatusCode::NOT_FOUND, message }
    }

    fn busy() -> Self {
        let message = "too many thumbnails or previews are being made; try again in a second".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message }
    }
}

impl From<GuardError> for MediaError {
    fn from(error: GuardError) -> Self {
        let status = match error {
            GuardError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::NOT_FOUND,
        };
        Self { status, message: error.to_string() }
    }
}

impl From<ExecutorError> for MediaError {
    fn from(error: ExecutorError) -> Self {
        let status = match error.kind() {
            ErrorKind::Input => StatusCode::UNPROCESSABLE_ENTITY,
            // A program that is not installed.
            ErrorKind::Resource => StatusCode::NOT_IMPLEMENTED,
            ErrorKind::Expired => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, message: error.message().to_owned() }
    }
}

/// Slots for work of one kind. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    working: Arc<Semaphore>,
    /// Permits of those that work and those that wait.
    admitted: Arc<Semaphore>,
}

impl Slots {
    /// Slots with `waiting` requests at most that wait for one.
    pub(super) fn new(waiting: usize) -> Self {
        let working = Arc::new(Semaphore::new(MEDIA_CONCURRENT));
        Self { working, admitted: Arc::new(Semaphore::new(MEDIA_CONCURRENT + waiting)) }
    }

    /// Waits for a slot, which is free again when the permits are dropped. `None` if too many requests wait.
    async fn enter(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().ok()?;
        let working = Arc::clone(&self.working).acquire_owned().await.ok()?;
        Some([admitted, working])
    }
}

/// Cancels the work when the request ends.
struct CancelOnDrop(Cancellation);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Makes a thumbnail or preview of the document with the id, or returns it from the cache.
///
/// # Errors
/// [`MediaError`] with the status of the response.
pub(super) async fn make(gateway: &Gateway, id: &str, cut: Cut) -> Result<Media, MediaError> {
    let pages = &gateway.pages;
    let uri = pages.shown.lock().uri(id);
    let (Some(tools), Some(uri)) = (pages.media_tools, uri) else {
        return Err(MediaError::unknown_document());
    };
    // Opened although it may be in the cache: the file may have changed.
    let content = blocking(move || guard::open_uri(&uri, tools.bytes_max)).await??;
    let key = FileVersion::of(&content).map(|file| MediaKey { file, cut });
    let cached = || key.as_ref().and_then(|key| pages.media_cache.lock().get(key));
    if let Some(media) = cached() {
        return Ok(media);
    }
    let slots = if matches!(cut, Cut::Still { .. }) { &pages.thumbnails } else { &pages.previews };
    let permits = slots.enter().await.ok_or_else(MediaError::busy)?;
    // Another request may have made it meanwhile.
    if let Some(media) = cached() {
        return Ok(media);
    }
    let cancellation = Cancellation::default();
    let _cancel_on_drop = CancelOnDrop(cancellation.clone());
    let made = blocking(move || {
        let _permits = permits;
        cut.make(tools, &content, cancellation)
    });
    let media = Media::new(made.await??);
    if let Some(key) = key {
        pages.media_cache.lock().insert(key, media.clone());
    }
    Ok(media)
}

/// Runs `work` on a blocking thread.
///
/// # Errors
/// If the process is stopping.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, MediaError> {
    run_blocking(work).await.map_err(|rejection| MediaError {
        status: StatusCode::SERVICE_UNAVAILABLE,
        message: rejection.to_string(),
    })
}

impl Cut {
    fn make(
        self,
        tools: MediaTools,
        content: &OpenedUri,
        cancellation: Cancellation,
    ) -> Result<Vec<u8>, ExecutorError> {
        let seconds = |milliseconds: u32| f64::from(milliseconds) / 1e3;
        match self {
            Self::Still { time } => {
                let (side, bytes_max, timeout) = (THUMBNAIL_SIDE, THUMBNAIL_BYTES_MAX, THUMBNAIL_TIME_MAX);
                let options = MediaOptions { side, bytes_max, timeout, cancellation };
                (tools.thumbnail)(content, time.map(seconds), &options)
            }
            Self::Clip { start, length } => {
                let (side, bytes_max, timeout) = (PREVIEW_SIDE, PREVIEW_BYTES_MAX, PREVIEW_TIME_MAX);
                let options = MediaOptions { side, bytes_max, timeout, cancellation };
                (tools.preview)(content, (seconds(start), seconds(length)), &options)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn requests_beyond_those_that_wait_are_refused_and_cancelled_ones_do_not_count() {
        let slots = Slots::new(1);
        let mut working = Vec::new();
        for _ in 0..MEDIA_CONCURRENT {
            working.push(slots.enter().await.unwrap());
        }
        let mut waiting = Box::pin(slots.enter());
        assert!((&mut waiting).now_or_never().is_none());
        assert!(slots.enter().await.is_none());
        // A request that waits and is given up.
        drop(waiting);
        let mut waiting = Box::pin(slots.enter());
        assert!((&mut waiting).now_or_never().is_none());
        working.pop();
        assert!(waiting.await.is_some());
    }
}
