//! The gateway of Jina 2 and 3: keys of a flow, and of a Deployment, which is a flow of one executor.

use super::reasons::SERVING;
use crate::limits::PREFETCH_MAX;
use crate::spec::key::{Key, Kind};

const CLIENTS: &str = "it concerns clients; `ssl_certfile` and `ssl_keyfile` make the gateway speak TLS";

/// The keys.
pub const GATEWAY: &[Key] = &[
    Key::obeyed(
        "prefetch",
        Kind::Count(0, PREFETCH_MAX),
        "requests between entering and leaving the gateway",
    ),
    Key::obeyed("port", Kind::Texts, "the port to listen at, or several; absent: any that is free")
        .also(&["ports", "port_expose"]),
    Key::obeyed("protocol", Kind::Texts, "what clients speak; every port speaks all of it")
        .also(&["protocols"]),
    Key::obeyed("host", Kind::Text, "the address to listen at; absent: this machine alone"),
    Key::obeyed("cors", Kind::Flag, "whether pages from elsewhere may call the flow over HTTP"),
    Key::obeyed("title", Kind::Text, "the title in `/openapi.json`"),
    Key::obeyed("description", Kind::Text, "the description in `/openapi.json`"),
    Key::obeyed(
        "expose_endpoints",
        Kind::Any,
        "endpoints with a path of their own over HTTP: `{/foo: {path: /bar}}`",
    ),
    Key::obeyed("no_debug_endpoints", Kind::Flag, "whether `/post` and `/status` are left out over HTTP"),
    Key::obeyed(
        "no_crud_endpoints",
        Kind::Flag,
        "whether `/index`, `/search`, `/update` and `/delete` are left out over HTTP",
    ),
    Key::obeyed(
        "ssl_certfile",
        Kind::Text,
        "the certificate to show, in PEM form: every port speaks TLS alone",
    ),
    Key::obeyed("ssl_keyfile", Kind::Text, "the private key of that certificate, in PEM form"),
    Key::obeyed(
        "tracing",
        Kind::Flag,
        "whether a collector of OpenTelemetry is told what became of requests",
    ),
    Key::obeyed(
        "traces_exporter_host",
        Kind::Text,
        "the collector's address; it is told over gRPC, in the clear",
    ),
    Key::obeyed("traces_exporter_port", Kind::Count(1, 65535), "the collector's port; absent: 4317"),
    Key::obeyed(
        "compression",
        Kind::Choice(&["NoCompression", "Deflate", "Gzip"]),
        "how replies over gRPC are compressed, for clients that accept it",
    )
    .also(&["compress"]),
    Key::ignored("expose_graphql_endpoint", SERVING),
    Key::ignored("uvicorn_kwargs", SERVING),
    Key::ignored("proxy", SERVING),
    Key::ignored("tls", CLIENTS),
];
