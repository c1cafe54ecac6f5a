//! Key table of the gateway of Jina 2 and 3: keys of a flow, and of a Deployment, which is a flow of one executor.

use super::declare::keys;
use super::reasons::{PROXY, SERVING};
use super::shared;
use crate::spec::choices::Compression;
use crate::spec::cors::CORS_VALUES;
use crate::spec::key::{AnyNode, Choice, Count, Flag, Key, KeyRow, PathNode, Text, Texts};

const CLIENTS: &str = "it configures clients; `ssl_certfile` and `ssl_keyfile` enable TLS at the gateway";

keys! {
    PORT: Texts = Key::texts("port", "port to listen on, or several; default: any free port")
        .aliases(&["ports", "port_expose"]);
    PROTOCOL: Texts = Key::texts("protocol", "checked, but without effect: every port serves gRPC, HTTP and WebSocket")
        .aliases(&["protocols"]);
    CORS: AnyNode = Key::any(
        "cors",
        CORS_VALUES,
        "web pages of other origins that may call the flow (CORS): all, none, or those of `https://app.example`",
    );
    ALLOWED_HOSTS: Texts = Key::texts(
        "allowed_hosts",
        "names that are accepted in the `Host` header, in addition to `localhost`, loopback addresses and `host`; `*` \
         accepts any; they apply only while the flow is served on loopback without a token (flowrun only)",
    );
    TITLE: Text = Key::text("title", "title in `/openapi.json`");
    DESCRIPTION: Text = Key::text("description", "description in `/openapi.json`");
    EXPOSE_ENDPOINTS: AnyNode = Key::any(
        "expose_endpoints",
        "a mapping",
        "endpoints with their own HTTP path: `{/foo: {path: /bar}}`",
    );
    NO_DEBUG_ENDPOINTS: Flag = Key::flag("no_debug_endpoints", "removes `/post` and `/status` from HTTP");
    NO_CRUD_ENDPOINTS: Flag =
        Key::flag("no_crud_endpoints", "refuses `/index`, `/search`, `/update` and `/delete` over every protocol, except at paths of `expose_endpoints`");
    SSL_CERTFILE: PathNode =
        Key::path("ssl_certfile", "certificate in PEM format; every port then accepts only TLS");
    SSL_KEYFILE: PathNode = Key::path("ssl_keyfile", "private key of the certificate, in PEM format");
    TRACING: Flag = Key::flag(
        "tracing",
        "exports a trace of each request to an OpenTelemetry collector; default: if the `OTEL_…` variables name one",
    );
    TRACES_EXPORTER_HOST: Text = Key::text(
        "traces_exporter_host",
        "address of the collector for `tracing: true`, which receives OTLP over gRPC without TLS",
    );
    TRACES_EXPORTER_PORT: Count =
        Key::count("traces_exporter_port", 1, 65535, "port of the collector at `traces_exporter_host`; default: 4317");
    COMPRESSION: Choice<Option<Compression>> =
        Key::choice("compression", "compression of gRPC replies, for clients that accept it").aliases(&["compress"]);
}

/// The keys of the gateway.
pub(super) const GATEWAY_TABLE: &[KeyRow] = &[
    shared::rows::PREFETCH,
    rows::PORT,
    rows::PROTOCOL,
    shared::rows::HOST,
    rows::CORS,
    rows::ALLOWED_HOSTS,
    rows::TITLE,
    rows::DESCRIPTION,
    rows::EXPOSE_ENDPOINTS,
    rows::NO_DEBUG_ENDPOINTS,
    rows::NO_CRUD_ENDPOINTS,
    rows::SSL_CERTFILE,
    rows::SSL_KEYFILE,
    rows::TRACING,
    rows::TRACES_EXPORTER_HOST,
    rows::TRACES_EXPORTER_PORT,
    rows::COMPRESSION,
    KeyRow::ignored("expose_graphql_endpoint", "flowrun serves no GraphQL"),
    KeyRow::ignored("uvicorn_kwargs", SERVING),
    KeyRow::ignored("proxy", PROXY),
    KeyRow::ignored("tls", CLIENTS),
];
