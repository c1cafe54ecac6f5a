//! The static files.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// Scripts, styles and pictures come from the gateway alone; pictures also from what the page itself holds.
const POLICY: &str =
    "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'";

/// The page to search with.
pub(in crate::gateway) fn search() -> Response {
    page(include_str!("assets/search.html"))
}

/// `/dashboard`: the page that shows the flow at work.
pub(super) async fn dashboard() -> Response {
    page(include_str!("assets/dashboard.html"))
}

/// `/docs` and `/redoc`: the page that describes what can be asked.
pub(super) async fn docs() -> Response {
    page(include_str!("assets/docs.html"))
}

/// `/pages/…`: what the pages are made of.
pub(super) async fn asset(Path(file): Path<String>) -> Response {
    let (kind, text) = match file.as_str() {
        "page.css" => ("text/css; charset=utf-8", include_str!("assets/page.css")),
        "ask.js" => ("text/javascript; charset=utf-8", include_str!("assets/ask.js")),
        "docs.js" => ("text/javascript; charset=utf-8", include_str!("assets/docs.js")),
        "search.js" => ("text/javascript; charset=utf-8", include_str!("assets/search.js")),
        "dashboard.js" => ("text/javascript; charset=utf-8", include_str!("assets/dashboard.js")),
        _ => return (StatusCode::NOT_FOUND, "there is no such file").into_response(),
    };
    // Asked for again each time: after an update of the program it is another file under the same name.
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache"), NO_SNIFFING], text).into_response()
}

const NO_SNIFFING: (header::HeaderName, &str) = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");

fn page(html: &'static str) -> Response {
    let head = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        NO_SNIFFING,
    ];
    (head, html).into_response()
}
