//! Key tables of flows of Jina 0.x and 1.x: the top level and `with:`.

use super::declare::keys;
use super::reasons::{ERRORS, LOGGING, MESSAGES, ON_DISK, PROCESSES, PROXY, SERVING};
use super::shared;
use crate::spec::key::{AnyNode, Key, KeyRow};

keys! {
    PODS: AnyNode = Key::any("pods", "a mapping or a list", "pods: a mapping by name, or a list");
    FLOW_METAS: AnyNode = Key::any("metas", "any value", "no effect; Jina does not read it here either");
}

/// The top level.
pub(super) const LEGACY_TOP_TABLE: &[KeyRow] = &[
    shared::rows::WITH,
    rows::PODS,
    shared::rows::VERSION,
    shared::rows::ENV,
    KeyRow::structural("jtype", "`Flow`"),
    rows::FLOW_METAS,
];

/// `with:`.
pub(super) const LEGACY_FLOW_TABLE: &[KeyRow] = &[
    shared::rows::PREFETCH,
    shared::rows::NAME,
    shared::rows::INSPECT,
    shared::rows::READ_ONLY,
    shared::rows::WORKSPACE,
    shared::rows::TIMEOUT_READY,
    shared::rows::PORT_EXPOSE.aliases(&["port_grpc"]),
    shared::rows::HOST,
    shared::rows::PYTHON,
    KeyRow::ignored("rest_api", "every port serves HTTP and gRPC").aliases(&["restful"]),
    KeyRow::ignored("prefetch_on_recv", "a request that leaves the flow always admits the next one"),
    KeyRow::ignored("logserver_config", SERVING),
    KeyRow::ignored("allow_spawn", SERVING),
    KeyRow::ignored("proxy", PROXY),
    KeyRow::ignored("to_datauri", SERVING),
    KeyRow::ignored("max_message_size", MESSAGES),
    KeyRow::ignored("compress", MESSAGES),
    KeyRow::ignored("compress_min_bytes", MESSAGES),
    KeyRow::ignored("compress_min_ratio", MESSAGES),
    KeyRow::ignored("compress_hwm", MESSAGES),
    KeyRow::ignored("compress_lwm", MESSAGES),
    KeyRow::ignored("optimize_level", "flowrun has no router processes to remove"),
    KeyRow::ignored("description", LOGGING),
    KeyRow::ignored("identity", LOGGING),
    KeyRow::ignored("log_config", LOGGING),
    KeyRow::ignored("log_id", LOGGING),
    KeyRow::ignored("log_sse", LOGGING),
    KeyRow::ignored("log_profile", LOGGING),
    KeyRow::ignored("hide_exc_info", LOGGING),
    KeyRow::ignored("show_exc_info", LOGGING),
    KeyRow::ignored("quiet", LOGGING),
    KeyRow::ignored("quiet_error", LOGGING),
    shared::rows::ENV,
    KeyRow::ignored("check_version", PROCESSES),
    KeyRow::ignored("runtime", PROCESSES).aliases(&["runtime_backend"]),
    KeyRow::ignored("timeout_ctrl", PROCESSES),
    KeyRow::ignored("dump_interval", ON_DISK),
    KeyRow::ignored("exit_no_dump", ON_DISK),
    KeyRow::ignored("on_error_strategy", ERRORS),
    KeyRow::ignored("skip_on_error", ERRORS),
    KeyRow::rejected("output_type", "draw the flow with `flowrun graph`"),
    KeyRow::rejected("output_path", "draw the flow with `flowrun graph … > FILE`"),
    KeyRow::rejected("uses", "give the flow's file on the command line").aliases(&["yaml_path"]),
    KeyRow::rejected("args", "write its keys directly under `with:`"),
    KeyRow::rejected("kwargs", "write its keys directly under `with:`"),
];
