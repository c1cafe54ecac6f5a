//! State of the web pages: shown documents, thumbnails and previews, the log.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use parking_lot::Mutex;

use super::log_stream::LogStream;
use super::media_cache::MediaCache;
use super::media_tools::{MediaTools, Slots};
use super::shown_documents::ShownDocuments;
use crate::limits::{PREVIEWS_WAITING_MAX, THUMBNAILS_WAITING_MAX};

/// State of the pages.
pub(in crate::gateway) struct PageState {
    /// Documents that pages have shown, the only ones with thumbnails.
    pub(in crate::gateway) shown: Mutex<ShownDocuments>,
    /// Makes thumbnails and previews; without it no document has any.
    pub(in crate::gateway) media_tools: Option<MediaTools>,
    /// Thumbnails and previews that were made.
    pub(super) media_cache: Mutex<MediaCache>,
    /// Limits the thumbnails in progress.
    pub(super) thumbnails: Slots,
    /// Limits the previews in progress.
    pub(super) previews: Slots,
    /// The log that the dashboard shows; without it `/dashboard/log` answers 404.
    pub(in crate::gateway) log: Option<LogStream>,
    /// Start of the gateway, for its uptime.
    pub(super) started: Instant,
    /// Set once a missing thumbnail or preview has been logged.
    pub(super) has_logged_missing: AtomicBool,
}

impl Default for PageState {
    fn default() -> Self {
        Self {
            shown: Mutex::default(),
            media_tools: None,
            media_cache: Mutex::default(),
            thumbnails: Slots::new(THUMBNAILS_WAITING_MAX),
            previews: Slots::new(PREVIEWS_WAITING_MAX),
            log: None,
            started: Instant::now(),
            has_logged_missing: AtomicBool::new(false),
        }
    }
}
