//! Requests of web pages of other origins, and CORS.

use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::streams::{UNARY, data_request};
use crate::support::client::{serve_flow, serve_with_token};

const MISC: &str = "- {name: misc, uses: Misc}";
const FOREIGN: &str = "origin: https://a.example\r\n";
const PLAIN: &str = "content-type: text/plain\r\n";
const LISTED: &str = "with: {cors: [\"https://a.example\", \"http://localhost:3000\"]}";
/// gRPC status of a refused call.
const PERMISSION_DENIED: u32 = 7;

#[tokio::test]
async fn cross_origin_requests_are_allowed_only_with_cors() {
    let not_listed = "with: {cors: [\"https://b.example\"]}";
    for (with, allowed) in [("with: {cors: true}", true), (LISTED, true), (not_listed, false), ("", false)] {
        let served = serve_flow(with, MISC).await;
        for path in ["/post", "/index", "/echo"] {
            let (code, head, body) = served.http("POST", path, &format!("{FOREIGN}{PLAIN}"), "{}").await;
            assert_eq!(code, if allowed { 200 } else { 403 }, "{with} {path}: {body}");
            assert_eq!(head.contains("access-control-allow-origin: https://a.example"), allowed, "{head}");
        }
        assert_eq!(served.flow.request_counts().replied, if allowed { 3 } else { 0 });
    }
}

#[tokio::test]
async fn foreign_pages_are_refused_over_every_protocol() {
    let served = serve_flow("", MISC).await;
    let mut request = format!("ws://{}/", served.address()).into_client_request().unwrap();
    request.headers_mut().insert("origin", "http://evil.example".parse().unwrap());
    assert!(connect_async(request).await.unwrap_err().to_string().contains("403"));

    let headers = [("origin", "http://evil.example")];
    let called = served.grpc().await.call(UNARY, &headers, &[&data_request("a", "/echo")]).await;
    assert_eq!(called.status, PERMISSION_DENIED, "{called:?}");

    let image = "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\nsec-fetch-dest: image\r\n";
    assert_eq!(served.http("GET", "/echo?text=a", image, "").await.0, 403);
    assert_eq!(served.flow.request_counts().replied, 0);
}

#[tokio::test]
async fn requests_without_a_browser_and_of_the_own_pages_are_served() {
    let served = serve_flow("", MISC).await;
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let own = format!("origin: http://{}\r\nhost: {}\r\n", served.address(), served.address());
    for head in ["", form, PLAIN, &own, "sec-fetch-site: same-origin\r\n", "sec-fetch-site: none\r\n"] {
        let (code, _, body) = served.http("POST", "/post", head, "{}").await;
        assert_eq!(code, 200, "{head}: {body}");
    }
}

#[tokio::test]
async fn a_foreign_host_name_is_refused_on_loopback_without_a_token() {
    for (with, allowed) in [("", false), ("with: {allowed_hosts: [evil.example]}", true)] {
        let served = serve_flow(with, MISC).await;
        let (code, _, body) = served.http("POST", "/post", "host: evil.example:80\r\n", "{}").await;
        assert_eq!(code, if allowed { 200 } else { 403 }, "{body}");
    }
    let served = serve_with_token("", MISC, Some("secret")).await;
    let head = "host: evil.example\r\nauthorization: Bearer secret\r\n";
    assert_eq!(served.http("POST", "/post", head, "{}").await.0, 200);
}

#[tokio::test]
async fn get_changes_nothing() {
    let served = serve_flow("", MISC).await;
    for path in ["/index", "/update", "/delete"] {
        for method in ["GET", "HEAD"] {
            let target = format!("{path}?text=a");
            let (code, ..) = served.http(method, &target, "accept: text/event-stream\r\n", "").await;
            assert_eq!(code, 405, "{method} {path}");
        }
    }
    assert_eq!(served.http("GET", "/search?text=a", "", "").await.0, 200);
    let (_, _, openapi) = served.http("GET", "/openapi.json", "", "").await;
    let openapi: serde_json::Value = serde_json::from_str(&openapi).unwrap();
    assert!(openapi["paths"]["/index"]["get"].is_null() && openapi["paths"]["/search"]["get"].is_object());
}

#[tokio::test]
async fn preflights_are_answered_and_every_response_has_the_cors_headers() {
    let preflight = "access-control-request-method: POST\r\naccess-control-request-headers: content-type,authorization\r\n";
    for with in ["with: {cors: true}", LISTED] {
        for token in [None, Some("secret")] {
            let served = serve_with_token(with, MISC, token).await;
            for path in ["/post", "/index", "/echo", "/unknown", "/live", "/openapi.json"] {
                let head = format!("{FOREIGN}{preflight}");
                let (code, head, _) = served.http("OPTIONS", path, &head, "").await;
                assert!((200..300).contains(&code), "{path}: {head}");
                for header in [
                    "access-control-allow-origin: https://a.example",
                    "access-control-allow-methods: post",
                    "access-control-allow-headers: content-type,authorization",
                ] {
                    assert!(head.contains(header), "{header} of {path} in {head}");
                }
            }
            let bearer = "authorization: Bearer secret\r\n";
            let unauthorized = if token.is_some() { 401 } else { 200 };
            for (method, path, head, expected) in [
                ("POST", "/post", "", unauthorized),
                ("POST", "/unknown", bearer, 404),
                ("DELETE", "/post", bearer, 405),
                ("GET", "/index", bearer, 405),
                ("POST", "/post", bearer, 200),
            ] {
                let (code, head, _) = served.http(method, path, &format!("{FOREIGN}{head}"), "{}").await;
                assert_eq!(code, expected, "{method} {path}");
                assert!(head.contains("access-control-allow-origin: https://a.example"), "{path}: {head}");
            }
        }
    }
}
