//! The flow level of Jina 2 and 3.

use crate::limits::{COPIES_MAX, PREFETCH_MAX};
use crate::spec::key::{Key, Kind};

const SERVING: &str = "it concerns the servers that Jina is built on";
const CLIENTS: &str = "it concerns clients; `ssl_certfile` and `ssl_keyfile` make the gateway speak TLS";
const PROCESSES: &str = "it concerns Jina's processes; flowrun is one process";
const MESSAGES: &str =
    "it concerns the messages between Jina's processes; flowrun hands documents over in memory";
const LOOKS: &str = "it concerns how Jina presents itself";
const OBSERVING: &str = "monitoring is not available in this version";

/// The top level.
pub const MODERN_TOP: &[Key] = &[
    Key::obeyed("jtype", Kind::Text, "`Flow`, or `Deployment` for a flow of one executor"),
    Key::obeyed("version", Kind::Text, "the version of the file's form"),
    Key::obeyed("with", Kind::Mapping, "settings of the flow"),
    Key::obeyed("executors", Kind::Any, "the executors, in order").also(&["deployments", "pods"]),
    Key::obeyed("gateway", Kind::Mapping, "settings of the gateway; they win over `with:`"),
    Key::ignored("jcloud", "it concerns Jina's cloud"),
];

/// `with:` and `gateway:`.
pub const MODERN_FLOW: &[Key] = &[
    Key::obeyed(
        "prefetch",
        Kind::Count(0, PREFETCH_MAX),
        "requests between entering and leaving the gateway",
    ),
    Key::obeyed("name", Kind::Text, "the flow's name"),
    Key::obeyed("workspace", Kind::Text, "the directory that executors write beneath"),
    Key::obeyed("inspect", Kind::Choice(&["COLLECT", "HANG", "REMOVE"]), "what becomes of `inspect` pods"),
    Key::obeyed("timeout_ready", Kind::Milliseconds, "how long an executor may take to start"),
    Key::obeyed("polling", Kind::Any, "`polling` of executors that do not say"),
    Key::obeyed("replicas", Kind::Count(1, COPIES_MAX), "`replicas` of executors that do not say"),
    Key::obeyed("shards", Kind::Count(1, COPIES_MAX), "`shards` of executors that do not say")
        .also(&["parallel"]),
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
    Key::ignored("expose_graphql_endpoint", SERVING),
    Key::ignored("uvicorn_kwargs", SERVING),
    Key::ignored("grpc_server_options", SERVING),
    Key::ignored("grpc_channel_options", MESSAGES),
    Key::ignored("grpc_metadata", MESSAGES),
    Key::ignored("compression", MESSAGES).also(&["compress"]),
    Key::ignored("compress_min_bytes", MESSAGES),
    Key::ignored("compress_min_ratio", MESSAGES),
    Key::ignored("prefetch_on_recv", "a request that leaves lets the next one in"),
    Key::ignored("proxy", SERVING),
    Key::ignored("tls", CLIENTS),
    Key::ignored("timeout_send", "nothing is sent between processes; `timeout` bounds a request"),
    Key::ignored("timeout_ctrl", PROCESSES),
    Key::ignored("retries", "nothing is sent between processes, so nothing is lost and sent again"),
    Key::ignored("monitoring", OBSERVING),
    Key::ignored("port_monitoring", OBSERVING),
    Key::ignored("tracing", OBSERVING),
    Key::ignored("traces_exporter_host", OBSERVING),
    Key::ignored("traces_exporter_port", OBSERVING),
    Key::ignored("metrics", OBSERVING),
    Key::ignored("metrics_exporter_host", OBSERVING),
    Key::ignored("metrics_exporter_port", OBSERVING),
    Key::ignored("log_config", LOOKS),
    Key::ignored("quiet", LOOKS),
    Key::ignored("quiet_error", LOOKS),
    Key::ignored("suppress_root_logging", LOOKS),
    Key::ignored("reload", "start flowrun again after a change"),
    Key::ignored("env", "set variables in the environment of flowrun"),
    Key::ignored("extra_search_paths", "paths resolve against the file that they stand in"),
    Key::ignored("daemon", PROCESSES),
    Key::ignored("runtime_backend", PROCESSES),
    Key::ignored("static_routing_table", PROCESSES),
    Key::ignored("dynamic_routing", PROCESSES),
    Key::ignored("infrastructure", PROCESSES),
    Key::ignored("k8s_namespace", PROCESSES),
    Key::ignored("k8s_connection_pool", PROCESSES),
    Key::ignored("reduce", "replies of shards are always merged"),
    Key::ignored("provider", "it concerns Jina's cloud"),
    Key::ignored("allow_concurrent", PROCESSES),
    Key::refused("uses", "a gateway of one's own is not available in this version; remove the key"),
    Key::refused("uses_with", "a gateway of one's own is not available in this version; remove the key"),
    Key::refused("py_modules", "a gateway of one's own is not available in this version; remove the key"),
];
