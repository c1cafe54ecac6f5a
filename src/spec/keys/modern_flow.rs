//! Key tables of flows of Jina 2 and 3: the top level, `with:` and `gateway:`.

use super::declare::keys;
use super::reasons::{LOGGING, MESSAGES, PROCESSES};
use super::shared;
use crate::spec::key::{AnyNode, Key, KeyRow, MappingNode};

const CUSTOM_GATEWAY: &str = "custom gateways are not supported in this version; remove the key";

keys! {
    EXECUTORS: AnyNode =
        Key::any("executors", "a list", "executors, in order").aliases(&["deployments", "pods"]);
    GATEWAY: MappingNode = Key::mapping("gateway", "settings of the gateway; they override `with:`");
}

/// The top level.
pub(super) const MODERN_TOP_TABLE: &[KeyRow] = &[
    KeyRow::structural("jtype", "`Flow`, or `Deployment` for a flow of one executor"),
    shared::rows::VERSION,
    shared::rows::WITH,
    rows::EXECUTORS,
    rows::GATEWAY,
    KeyRow::ignored("jcloud", "it configures Jina's cloud"),
];

/// `with:` and `gateway:`.
pub(super) const MODERN_FLOW_TABLE: &[KeyRow] = &[
    shared::rows::NAME,
    shared::rows::WORKSPACE,
    shared::rows::INSPECT,
    shared::rows::TIMEOUT_READY,
    shared::rows::POLLING.documented("default of the executors' `polling`"),
    shared::rows::REPLICAS.documented("default of the executors' `replicas`"),
    shared::rows::SHARDS.aliases(&["parallel"]).documented("default of the executors' `shards`"),
    shared::rows::GRPC_METADATA.documented("default of the executors' `grpc_metadata`"),
    shared::rows::PYTHON,
    KeyRow::ignored("compress_min_bytes", MESSAGES),
    KeyRow::ignored("compress_min_ratio", MESSAGES),
    KeyRow::ignored("prefetch_on_recv", "a request that leaves the flow always admits the next one"),
    KeyRow::ignored("suppress_root_logging", LOGGING),
    KeyRow::ignored("static_routing_table", PROCESSES),
    KeyRow::ignored("dynamic_routing", PROCESSES),
    KeyRow::ignored("infrastructure", PROCESSES),
    KeyRow::ignored("k8s_connection_pool", PROCESSES),
    KeyRow::ignored("reduce", "replies of shards are always merged"),
    KeyRow::ignored("allow_concurrent", PROCESSES),
    KeyRow::rejected("uses", CUSTOM_GATEWAY),
    KeyRow::rejected("uses_with", CUSTOM_GATEWAY),
    KeyRow::rejected("py_modules", CUSTOM_GATEWAY),
];
