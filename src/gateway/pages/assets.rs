//! Static files of the web pages.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// Content security policy: scripts, styles, images and videos from the gateway only; images also as `blob:` and `data:` URLs, videos
/// also as `blob:` URLs.
const POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; frame-ancestors 'none'; \
                      base-uri 'none'";

/// The search page, at `/` for browsers.
pub(in crate::gateway) fn search() -> Response {
    page(include_str!("assets/search.html"))
}

/// `GET /dashboard`: the page with the current load of the flow.
pub(in crate::gateway) async fn dashboard() -> Response {
    page(include_str!("assets/dashboard.html"))
}

/// `GET /docs` and `GET /redoc`: the page that renders `/openapi.json`.
pub(in crate::gateway) async fn docs() -> Response {
    page(include_str!("assets/docs.html"))
}

/// `GET /pages/{file}`: a script or style of the pages.
pub(in crate::gateway) async fn asset(Path(file): Path<String>) -> Response {
    let (kind, text) = match file.as_str() {
        "page.css" => ("text/css; charset=utf-8", include_str!("assets/page.css")),
        "gateway.js" => ("text/javascript; charset=utf-8", include_str!("assets/gateway.js")),
        "dom.js" => ("text/javascript; charset=utf-8", include_str!("assets/dom.js")),
        "docs.js" => ("text/javascript; charset=utf-8", include_str!("assets/docs.js")),
        "video.js" => ("text/javascript; charset=utf-8", include_str!("assets/video.js")),
        "facets.js" => ("text/javascript; charset=utf-8", include_str!("assets/facets.js")),
        "search.js" => ("text/javascript; charset=utf-8", include_str!("assets/search.js")),
        "dashboard.js" => ("text/javascript; charset=utf-8", include_str!("assets/dashboard.js")),
        _ => return (StatusCode::NOT_FOUND, "no such file").into_response(),
    };
    // Revalidated on each load: after an update of the program the file has other content under the same name.
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache"), NO_SNIFFING], text).into_response()
}

/// True if a browser requests a page.
pub(in crate::gateway) fn accepts_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
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
