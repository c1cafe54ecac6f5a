//! The flow level of Jina 2 and 3.

use super::reasons::{LOOKS, MESSAGES, PROCESSES};
use crate::limits::COPIES_MAX;
use crate::spec::key::{Key, Kind};

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
    Key::obeyed("name", Kind::Text, "the flow's name"),
    Key::obeyed("workspace", Kind::Text, "the directory that executors write beneath"),
    Key::obeyed("inspect", Kind::Choice(&["COLLECT", "HANG", "REMOVE"]), "what becomes of `inspect` pods"),
    Key::obeyed("timeout_ready", Kind::Milliseconds, "how long an executor may take to start"),
    Key::obeyed("polling", Kind::Any, "`polling` of executors that do not say"),
    Key::obeyed("replicas", Kind::Count(1, COPIES_MAX), "`replicas` of executors that do not say"),
    Key::obeyed("shards", Kind::Count(1, COPIES_MAX), "`shards` of executors that do not say")
        .also(&["parallel"]),
    Key::obeyed("grpc_metadata", Kind::Mapping, "`grpc_metadata` of executors that do not say"),
    Key::obeyed(
        "python",
        Kind::Text,
        "the Python that runs executors written in it: an interpreter, or the directory of a virtual environment; \
         absent: that of `$VIRTUAL_ENV`, else `python3`; ours",
    ),
    Key::ignored("compress_min_bytes", MESSAGES),
    Key::ignored("compress_min_ratio", MESSAGES),
    Key::ignored("prefetch_on_recv", "a request that leaves lets the next one in"),
    Key::ignored("suppress_root_logging", LOOKS),
    Key::ignored("static_routing_table", PROCESSES),
    Key::ignored("dynamic_routing", PROCESSES),
    Key::ignored("infrastructure", PROCESSES),
    Key::ignored("k8s_connection_pool", PROCESSES),
    Key::ignored("reduce", "replies of shards are always merged"),
    Key::ignored("allow_concurrent", PROCESSES),
    Key::refused("uses", "a gateway of one's own is not available in this version; remove the key"),
    Key::refused("uses_with", "a gateway of one's own is not available in this version; remove the key"),
    Key::refused("py_modules", "a gateway of one's own is not available in this version; remove the key"),
];
