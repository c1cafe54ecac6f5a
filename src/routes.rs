//! The built-in HTTP routes of the gateway, in one table.
//!
//! The gateway builds its router, its authentication rule and `/openapi.json` from this table; the flow parser checks
//! `expose_endpoints` against it. A row names its handler, but only `gateway::router` resolves the name, by expanding
//! [`built_in_routes`] with a macro of its own. Earlier stages can therefore read the table without knowing a handler.
//!
//! Paths of a flow's own endpoints are not in the table: `gateway::http::endpoint_paths` adds them. They need the role of
//! their endpoint, like the routes with [`Access::Endpoint`].

mod role;

pub use role::{Role, is_writing, role_by_name};

/// A built-in route.
#[derive(Debug)]
pub struct Route {
    /// Path. A final segment in braces matches the rest of a path.
    pub path: &'static str,
    /// HTTP method in lower case, as OpenAPI writes it.
    pub method: &'static str,
    /// Rights that a request needs.
    pub access: Access,
    /// Flow settings under which the route is served.
    pub enabled: Enabled,
    /// Entry in `/openapi.json`.
    pub description: Description,
}

/// Rights that a request to a route needs, if the gateway has tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// None: probes have no token.
    Public,
    /// None for `GET`: the static files of the web pages, which contain nothing about the flow.
    PublicGet,
    /// None for `GET` by a browser: the search page, but not the WebSocket that has the same path. Each request of the
    /// WebSocket needs the role of its endpoint.
    PublicHtml,
    /// A token with the role `read`.
    Read,
    /// A token with the role `admin`.
    Admin,
    /// A token; each request needs the role of its endpoint.
    Endpoint,
}

impl Access {
    /// Role that a token needs to reach the route at all.
    pub fn role(self) -> Role {
        match self {
            Self::Public | Self::PublicGet | Self::PublicHtml | Self::Read | Self::Endpoint => Role::Read,
            Self::Admin => Role::Admin,
        }
    }
}

/// Flow settings under which a route is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enabled {
    /// Any.
    Always,
    /// Unless `no_debug_endpoints` is set.
    Debug,
    /// With `logserver`.
    Dashboard,
}

/// Entry of a route in `/openapi.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Description {
    /// No entry: gRPC methods, web pages and their files.
    Hidden,
    /// A request with documents, for any endpoint.
    Documents,
    /// Summary of a route that returns a JSON object.
    Object(&'static str),
    /// Summary of a route that returns text.
    Text(&'static str),
    /// Summary of a route, and the model that it returns.
    Model(&'static str, &'static str),
    /// Summary of a route that returns a picture or video, its media type, and the fields of its query.
    Media(&'static str, &'static str, &'static [QueryField]),
}

/// Field of a query: name, JSON type, whether it is required, and its meaning.
pub type QueryField = (&'static str, &'static str, bool, &'static str);

/// Expands `$expand!` with the rows of the table: path, method, access, enabled, description, handler.
macro_rules! built_in_routes {
    ($expand:ident) => {
        $expand! {
            "/post" post Endpoint Debug Description::Documents => http::submit::post;
            "/" get PublicHtml Always
                Description::Object("reports that the gateway is up; browsers get the search page")
                => websocket::requests;
            "/dry_run" get Read Always
                Description::Model("checks that every executor answers", "Status") => websocket::dry_run;
            "/live" get Public Always
                Description::Object("liveness: the process is up") => http::health::live;
            "/ready" get Public Always
                Description::Object("readiness: 503 if requests cannot be served, with a token also the reasons by pod")
                => http::health::ready;
            "/metrics" get Read Always Description::Text("metrics for Prometheus") => http::health::metrics;
            "/flow.json" get Read Always Description::Object("the pods of the flow") => pages::dashboard::flow;
            "/status" get Read Debug
                Description::Model("names and versions of the service", "Info") => http::health::status;
            "/dashboard.json" get Admin Dashboard
                Description::Object("current counters of the flow") => pages::dashboard::state;
            "/openapi.json" get Read Always Description::Hidden => http::openapi::openapi;

            "/docs" get PublicGet Always Description::Hidden => pages::assets::docs;
            "/redoc" get PublicGet Always Description::Hidden => pages::assets::docs;
            "/dashboard" get PublicGet Dashboard Description::Hidden => pages::assets::dashboard;
            "/dashboard/log" get Admin Dashboard Description::Hidden => pages::log_events::log_events;
            "/pages/{file}" get PublicGet Always Description::Hidden => pages::assets::asset;
            "/thumbnail" get Read Always Description::Hidden => pages::media::thumbnail;
            "/media/thumbnail" get Read Always Description::Media(
                "a thumbnail of a document that a search with the header `x-flowrun-page` has returned",
                "image/jpeg",
                &[("id", "string", true, "id of the document"),
                  ("t", "number", false, "time of the frame of a video in seconds")],
            ) => pages::media::thumbnail;
            "/media/preview" get Read Always Description::Media(
                "a clip of a video that a search with the header `x-flowrun-page` has returned",
                "video/mp4",
                &[("id", "string", true, "id of the document"),
                  ("start", "number", true, "beginning of the clip in seconds"),
                  ("end", "number", false, "end of the clip in seconds; at most 10 seconds are shown")],
            ) => pages::media::preview;

            "/jina.JinaRPC/Call" post Endpoint Always Description::Hidden => grpc::call::call;
            "/jina.JinaSingleDataRequestRPC/process_single_data" post Endpoint Always Description::Hidden
                => grpc::unary::process_single_data;
            "/jina.JinaDataRequestRPC/process_data" post Endpoint Always Description::Hidden
                => grpc::unary::process_data;
            "/jina.JinaSingleDocumentRequestRPC/stream_doc" post Endpoint Always Description::Hidden
                => grpc::stream_doc::stream_doc;
            "/jina.JinaDiscoverEndpointsRPC/endpoint_discovery" post Read Always Description::Hidden
                => grpc::unary::endpoint_discovery;
            "/jina.JinaGatewayDryRunRPC/dry_run" post Read Always Description::Hidden
                => grpc::unary::dry_run;
            "/jina.JinaInfoRPC/_status" post Read Always Description::Hidden => grpc::unary::status;
            "/grpc.health.v1.Health/Check" post Public Always Description::Hidden => grpc::health::check;
            "/grpc.health.v1.Health/Watch" post Read Always Description::Hidden => grpc::health::watch;
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo" post Read Always
                Description::Hidden => grpc::reflection::info;
        }
    };
}
pub(crate) use built_in_routes;

macro_rules! table {
    ($($path:literal $method:ident $access:ident $enabled:ident $description:expr => $($handler:ident)::+;)+) => {
        /// Every built-in route.
        pub const BUILT_IN: &[Route] = &[$(Route {
            path: $path,
            method: stringify!($method),
            access: Access::$access,
            enabled: Enabled::$enabled,
            description: $description,
        }),+];
    };
}
built_in_routes!(table);

/// HTTP paths and methods of Jina's four standard endpoints, served unless `no_crud_endpoints` is set.
pub const CRUD: [(&str, &str); 4] =
    [("/index", "post"), ("/search", "post"), ("/update", "put"), ("/delete", "delete")];

/// True for one of Jina's four standard endpoints, also without its slash.
pub fn is_crud(endpoint: &str) -> bool {
    CRUD.iter().any(|(crud, _)| crud.trim_start_matches('/') == endpoint.trim_start_matches('/'))
}

/// Endpoints whose effect depends on parameters alone.
const WITHOUT_DOCUMENTS: [&str; 7] = ["clear", "backup", "restore", "status", "count", "list", "filter"];

/// True if an endpoint does not use the documents of a request, so that failed documents do not make it fail.
pub fn ignores_documents(endpoint: &str) -> bool {
    WITHOUT_DOCUMENTS.contains(&endpoint.trim_start_matches('/'))
}

impl Route {
    /// True if the route serves `path`.
    fn matches(&self, path: &str) -> bool {
        match self.path.split_once('{') {
            Some((prefix, _)) => path.starts_with(prefix),
            None => path == self.path,
        }
    }
}

impl Enabled {
    /// True if the route is served under these settings of the flow.
    pub fn by(self, no_debug_endpoints: bool, logserver: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Debug => !no_debug_endpoints,
            Self::Dashboard => logserver,
        }
    }
}

/// The built-in route that serves `path`, enabled or not.
pub fn find(path: &str) -> Option<&'static Route> {
    BUILT_IN.iter().find(|route| route.matches(path))
}

/// True if `path` can be routed literally: it starts with a slash and contains no pattern.
pub fn is_literal(path: &str) -> bool {
    path.starts_with('/') && !path.contains(['{', '}', '*', ':'])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_path_has_one_row() {
        let paths: BTreeSet<&str> = BUILT_IN.iter().map(|route| route.path).collect();
        assert_eq!(paths.len(), BUILT_IN.len());
        assert!(CRUD.iter().all(|(path, _)| find(path).is_none()));
    }

    #[test]
    fn a_pattern_reserves_every_path_with_its_prefix() {
        for path in ["/pages/page.css", "/pages/any", "/dashboard/log", "/"] {
            assert!(find(path).is_some(), "{path}");
        }
        for path in ["/pages", "/dashboards", "/index", ""] {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn routes_are_served_as_the_flow_sets() {
        assert!(Enabled::Always.by(true, false));
        assert!(Enabled::Debug.by(false, false) && !Enabled::Debug.by(true, false));
        assert!(Enabled::Dashboard.by(false, true) && !Enabled::Dashboard.by(false, false));
    }
}
