//! State of the web pages: shown documents, thumbnails in progress, the log.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use flowrun_sdk::ExecutorError;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::log_stream::LogStream;
use super::shown_documents::ShownDocuments;

/// Thumbnails made at a time, so that a page of them does not slow the flow down.
const THUMBNAILS_CONCURRENT: usize = 2;

/// Makes a JPEG thumbnail of an image or a video, given its bytes and the longest side in pixels.
pub type MakeThumbnail = fn(&[u8], u32) -> Result<Vec<u8>, ExecutorError>;

/// State of the pages.
pub(in crate::gateway) struct PageState {
    /// Documents that pages have shown, the only ones with thumbnails.
    pub(in crate::gateway) shown: Mutex<ShownDocuments>,
    /// Makes thumbnails; without it no document has one.
    pub(in crate::gateway) make_thumbnail: Option<MakeThumbnail>,
    /// Limits the thumbnails in progress.
    pub(super) thumbnails: Arc<Semaphore>,
    /// The log that the dashboard shows; without it `/dashboard/log` answers 404.
    pub(in crate::gateway) log: Option<LogStream>,
    /// Start of the gateway, for its uptime.
    pub(super) started: Instant,
    /// Set once a missing thumbnail has been logged.
    pub(super) has_logged_missing: AtomicBool,
}

impl Default for PageState {
    fn default() -> Self {
        Self {
            shown: Mutex::default(),
            make_thumbnail: None,
            thumbnails: Arc::new(Semaphore::new(THUMBNAILS_CONCURRENT)),
            log: None,
            started: Instant::now(),
            has_logged_missing: AtomicBool::new(false),
        }
    }
}
