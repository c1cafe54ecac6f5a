//! Pages: one to search with, one to see the flow at work, one that describes what can be asked.
//!
//! They are static files inside the program and ask the gateway alone: nothing is fetched from elsewhere, and a policy
//! in their heads keeps it so. What they know of the flow comes from `/flow.json` and `/dashboard.json`; what they
//! search for goes to `/post`, like everybody's requests.
//!
//! Where a token is wanted the files themselves are for everyone: there is nothing of the flow in them. A page asks
//! the person for the token, keeps it for its tab and shows it in a header.

mod assets;
mod dashboard;
mod log;
mod shown;
mod thumbnail;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::routing::get;
use flowrun_sdk::ExecutorError;
use parking_lot::Mutex;

pub(super) use assets::search;
pub use log::LogStream;
pub(super) use shown::PAGE_HEADER;

use self::dashboard::Sizes;
use self::shown::Shown;
use super::service::Gateway;

/// Makes a small picture of an image or a clip: its bytes, and the longest side in pixels.
pub type MakeThumbnail = fn(&[u8], u32) -> Result<Vec<u8>, ExecutorError>;

/// What the pages need beside the flow.
pub(super) struct Pages {
    /// What they have shown, which is all that thumbnails are made of.
    pub(super) shown: Mutex<Shown>,
    make_thumbnail: Option<MakeThumbnail>,
    thumbnails: Arc<tokio::sync::Semaphore>,
    log: Option<LogStream>,
    sizes: Mutex<Option<Sizes>>,
    started: Instant,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            shown: Mutex::default(),
            make_thumbnail: None,
            thumbnails: Arc::new(tokio::sync::Semaphore::new(thumbnail::AT_ONCE)),
            log: None,
            sizes: Mutex::default(),
            started: Instant::now(),
        }
    }
}

impl Gateway {
    /// The same gateway, whose pages show thumbnails and the log.
    #[must_use]
    pub fn with_pages(mut self, make_thumbnail: MakeThumbnail, log: LogStream) -> Self {
        self.pages.make_thumbnail = Some(make_thumbnail);
        self.pages.log = Some(log);
        self
    }
}

/// The paths of the pages and of what they ask for. The search page itself is at `/`, for those who ask for HTML.
pub(super) fn routes(with_dashboard: bool) -> Router<Arc<Gateway>> {
    let router = Router::new()
        .route("/pages/{file}", get(assets::asset))
        .route("/docs", get(assets::docs))
        .route("/redoc", get(assets::docs))
        .route("/flow.json", get(dashboard::flow))
        .route("/thumbnail", get(thumbnail::thumbnail));
    if !with_dashboard {
        return router;
    }
    router
        .route("/dashboard", get(assets::dashboard))
        .route("/dashboard.json", get(dashboard::state))
        .route("/dashboard/log", get(log::lines))
}

/// Whether a request is for a file of a page: the same for everyone, whatever the flow.
pub(super) fn is_file(request: &Request) -> bool {
    let page = match request.uri().path() {
        "/docs" | "/redoc" | "/dashboard" => true,
        // The search page; but what a conversation begins with has this path as well.
        "/" => wants_page(request.headers()) && !request.headers().contains_key(header::UPGRADE),
        path => path.starts_with("/pages/"),
    };
    page && request.method() == Method::GET
}

/// Whether whoever asks is a browser that wants a page.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}
