//! Protection against web pages of other origins, in browsers that can reach the gateway.
//!
//! A browser sends requests on behalf of any page that it shows, also to loopback. Without a token the gateway
//! therefore refuses requests of pages of other origins (`Origin`, `Sec-Fetch-Site`), unless `cors` allows their
//! origin. On loopback it also refuses requests whose `Host` is not one of this machine: DNS rebinding makes a foreign
//! page look like one of the gateway's own. The rules hold for every path, method and protocol. Other clients send no
//! `Origin` and address the gateway by its own name, so they are not affected. With a token neither check is needed: a
//! foreign page does not know the token.
//!
//! `GET` has no effect on a flow, because endpoints that write have no `GET` route: see
//! [`is_writing`](super::flow_info::FlowInfo::is_writing).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::call_metadata::REQUEST_ID;
use super::security::forbidden;
use crate::routes::{Access, find};
use crate::runtime::sanitize;
use crate::spec::{Cors, GatewaySpec};

/// Relation of a request to the page that sends it (Fetch Metadata, W3C). Pages cannot set it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Mode of a request: `navigate` for a page that is opened.
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
/// Use of the response: `document` for a page in a tab.
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Rules for requests of browsers, of a listener without a token.
#[derive(Debug)]
pub(super) struct BrowserPolicy {
    cors: Cors,
    /// Accepted host names, in addition to those of loopback; `None` to accept any.
    hosts: Option<Vec<String>>,
}

impl BrowserPolicy {
    /// Policy of the listener at `address`; `None` for a gateway with a token.
    pub(super) fn new(config: &GatewaySpec, address: SocketAddr, has_token: bool) -> Option<Self> {
        let any_host = !address.ip().is_loopback()
            || config.cors == Cors::Any
            || config.allowed_hosts.iter().any(|host| host == "*");
        let hosts = config.host.iter().chain(&config.allowed_hosts).cloned();
        let hosts = (!any_host).then(|| hosts.collect());
        (!has_token).then(|| Self { cors: config.cors.clone(), hosts })
    }

    /// Reason for which a request is refused, for the client; `None` if it is accepted.
    fn refusal(&self, request: &Request) -> Option<String> {
        let authorities = || {
            let hosts = request.headers().get_all(header::HOST).iter().map(HeaderValue::as_bytes);
            let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
            hosts.chain(authority)
        };
        if let Some(host) = authorities().find(|host| !self.is_own_host(host)) {
            let host = String::from_utf8_lossy(host);
            return Some(format!(
                "`{}` is not a host name of this service; address it as 127.0.0.1 or localhost, or add the name to \
                 `allowed_hosts` in the flow file",
                sanitize(&host)
            ));
        }
        if !self.is_foreign(request.headers(), authorities) || is_page_opened(request) {
            return None;
        }
        let origin =
            request.headers().get(header::ORIGIN).map(HeaderValue::as_bytes).unwrap_or(b"another origin");
        let origin = String::from_utf8_lossy(origin);
        Some(format!(
            "web pages of {} may not call this service; add the origin to `cors` in the flow file to allow it",
            sanitize(&origin)
        ))
    }

    /// True if the value of a `Host` header names this service.
    fn is_own_host(&self, value: &[u8]) -> bool {
        let Some(hosts) = &self.hosts else { return true };
        let Ok(authority) = Authority::try_from(value) else { return value.is_empty() };
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost"
            || host.ends_with(".localhost")
            // Jina's clients connect to 0.0.0.0 by default. Rebinding needs a name.
            || ip.is_ok_and(|ip| ip.to_canonical().is_loopback() || ip.is_unspecified())
            || hosts.iter().any(|own| own.eq_ignore_ascii_case(&host))
    }

    /// True for a request of a page of another origin that `cors` does not allow.
    fn is_foreign<'a, I: Iterator<Item = &'a [u8]>>(
        &self,
        headers: &HeaderMap,
        authorities: impl Fn() -> I,
    ) -> bool {
        let text = |name: &HeaderName| headers.get(name).map(HeaderValue::as_bytes);
        let site = text(&SEC_FETCH_SITE);
        // A proxy may have replaced the host name; the browser has compared the origins itself.
        if self.cors == Cors::Any || site == Some(b"same-origin") {
            return false;
        }
        match text(&header::ORIGIN).map(std::str::from_utf8) {
            Some(Ok(origin)) => {
                !self.cors.allows(origin) && !authorities().any(|host| is_same_host(origin, host))
            }
            Some(Err(_)) => true,
            None => site == Some(b"cross-site"),
        }
    }
}

/// True if the host and port of an origin are those of a `Host` header. The scheme may differ: a proxy may terminate
/// TLS.
fn is_same_host(origin: &str, host: &[u8]) -> bool {
    let (Ok(origin), Ok(host)) = (origin.parse::<Uri>(), Authority::try_from(host)) else { return false };
    let default = match origin.scheme_str() {
        Some("https" | "wss") => 443,
        _ => 80,
    };
    origin.authority().is_some_and(|authority| {
        authority.host().eq_ignore_ascii_case(host.host())
            && authority.port_u16().unwrap_or(default) == host.port_u16().unwrap_or(default)
    })
}

/// True if a browser opens one of the gateway's static pages in a tab, for example by a link in a chat.
fn is_page_opened(request: &Request) -> bool {
    let is = |name: &HeaderName, value: &str| {
        request.headers().get(name).is_some_and(|sent| sent.as_bytes() == value.as_bytes())
    };
    let access = find(request.uri().path()).map(|route| route.access);
    request.method() == Method::GET
        && matches!(access, Some(Access::PublicGet | Access::PublicHtml))
        && is(&SEC_FETCH_MODE, "navigate")
        && is(&SEC_FETCH_DEST, "document")
}

/// Refuses requests that the policy does not accept, before they are routed.
pub(super) async fn refuse_foreign_pages(
    State(policy): State<Arc<BrowserPolicy>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(reason) = policy.refusal(&request) else { return next.run(request).await };
    tracing::debug!(reason, "a request of a web page was refused");
    forbidden(&request, &reason)
}

/// Answers preflights, and adds the CORS headers to every response. `None` without `cors`.
pub(super) fn cors_layer(cors: &Cors) -> Option<CorsLayer> {
    let layer = CorsLayer::very_permissive()
        .allow_private_network(true)
        .expose_headers([HeaderName::from_static(REQUEST_ID), header::RETRY_AFTER]);
    match cors {
        Cors::Off => None,
        Cors::Any => Some(layer),
        Cors::Origins(_) => {
            let cors = cors.clone();
            let allowed = move |origin: &HeaderValue, _: &axum::http::request::Parts| {
                origin.to_str().is_ok_and(|origin| cors.allows(origin))
            };
            Some(layer.allow_origin(AllowOrigin::predicate(allowed)))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn policy(config: &GatewaySpec, address: &str) -> BrowserPolicy {
        BrowserPolicy::new(config, address.parse().unwrap(), false).unwrap()
    }

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    /// True if a policy on loopback, without configured names, accepts a `POST` with these headers.
    fn accepts(cors: Cors, headers: &[(&str, &str)]) -> bool {
        let policy = policy(&GatewaySpec { cors, ..GatewaySpec::default() }, "127.0.0.1:1");
        policy.refusal(&request("POST", "/clear", headers)).is_none()
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:8080");

    #[test]
    fn requests_of_foreign_pages_are_refused_and_those_of_other_clients_accepted() {
        for foreign in
            ["http://evil.example", "null", "http://127.0.0.1:8081", "http://localhost:8080", "file://"]
        {
            assert!(!accepts(Cors::Off, &[HOST, ("origin", foreign)]), "{foreign}");
            assert!(
                !accepts(Cors::Off, &[HOST, ("origin", foreign), ("sec-fetch-site", "none")]),
                "{foreign}"
            );
            assert!(accepts(Cors::Any, &[HOST, ("origin", foreign)]), "{foreign}");
        }
        assert!(!accepts(Cors::Off, &[HOST, ("sec-fetch-site", "cross-site")]));
        assert!(accepts(Cors::Off, &[]) && accepts(Cors::Off, &[HOST]));
        assert!(accepts(Cors::Off, &[HOST, ("origin", "http://127.0.0.1:8080")]));
        assert!(accepts(Cors::Off, &[("host", "localhost"), ("origin", "http://localhost")]));
        assert!(accepts(Cors::Off, &[HOST, ("sec-fetch-site", "none")]));
        let behind_proxy = [HOST, ("origin", "https://flows.example"), ("sec-fetch-site", "same-origin")];
        assert!(accepts(Cors::Off, &behind_proxy));
    }

    #[test]
    fn cors_allows_the_listed_origins_only() {
        let cors = || Cors::Origins(vec!["https://app.example".to_owned()]);
        let site = ("sec-fetch-site", "cross-site");
        assert!(accepts(cors(), &[HOST, site, ("origin", "https://app.example")]));
        assert!(!accepts(cors(), &[HOST, site, ("origin", "https://evil.example")]));
        assert!(!accepts(cors(), &[HOST, site]));
    }

    #[test]
    fn on_loopback_only_names_of_the_machine_and_configured_ones_are_accepted() {
        let config = GatewaySpec { allowed_hosts: vec!["flows.test".to_owned()], ..GatewaySpec::default() };
        let accepts = |address: &str, uri: &str, host: &str| {
            policy(&config, address).refusal(&request("GET", uri, &[("host", host)])).is_none()
        };
        for own in [
            "localhost:1",
            "LOCALHOST",
            "a.localhost",
            "127.0.0.1",
            "127.1.2.3:9",
            "0.0.0.0:1",
            "[::1]:1",
            "flows.test:80",
        ] {
            assert!(accepts("127.0.0.1:1", "/clear", own), "{own}");
        }
        for foreign in ["evil.example:1", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example"] {
            assert!(!accepts("[::1]:1", "/clear", foreign), "{foreign}");
            assert!(!accepts("[::1]:1", &format!("http://{foreign}/"), "localhost"), "{foreign}");
            assert!(accepts("0.0.0.0:1", "/clear", foreign), "{foreign}");
        }
    }

    #[test]
    fn links_open_the_pages_and_nothing_else() {
        let policy = policy(&GatewaySpec::default(), "127.0.0.1:1");
        let link = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert_eq!(policy.refusal(&request("GET", "/docs", &link)), None);
        assert_eq!(policy.refusal(&request("GET", "/", &link)), None);
        assert!(policy.refusal(&request("GET", "/search?text=a", &link)).is_some());
        assert!(policy.refusal(&request("POST", "/", &link)).is_some());
        let framed =
            [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
        assert!(policy.refusal(&request("GET", "/", &framed)).is_some());
    }

    #[test]
    fn a_token_replaces_the_policy() {
        assert!(BrowserPolicy::new(&GatewaySpec::default(), "127.0.0.1:1".parse().unwrap(), true).is_none());
    }
}
