//! Keys with one meaning at a flow of Jina 2 and 3, at its executors, and at a Deployment.

use super::declare::keys;
use super::reasons::{LOGGING, MESSAGES, PROCESSES, SERVING};
use super::shared;
use crate::limits::RETRIES_MAX;
use crate::spec::key::{CountOrDefault, Key, KeyRow, Milliseconds};

const METRICS: &str = "metrics of requests, queues and executor calls are at `/metrics` of every gateway port; those that an \
                       executor records with Jina's `monitor` are not";

keys! {
    RETRIES: CountOrDefault = Key::count_or_default(
        "retries",
        RETRIES_MAX,
        "retries of a call of a remote executor after a failure to connect, a lost connection, or the gRPC status UNAVAILABLE or \
         CANCELLED; -1: 3, or the number of its addresses if larger",
    );
    TIMEOUT_SEND: Milliseconds = Key::milliseconds(
        "timeout_send",
        "time limit of one executor call; `timeout` under the flow's `with:` limits a request",
    );
}

/// The common keys.
pub(super) const MODERN_COMMON_TABLE: &[KeyRow] = &[
    KeyRow::ignored("grpc_channel_options", MESSAGES),
    KeyRow::ignored("timeout_ctrl", PROCESSES),
    rows::RETRIES,
    KeyRow::ignored("monitoring", METRICS),
    KeyRow::ignored("port_monitoring", METRICS),
    KeyRow::ignored("metrics", METRICS),
    KeyRow::ignored("metrics_exporter_host", METRICS),
    KeyRow::ignored("metrics_exporter_port", METRICS),
    KeyRow::ignored("log_config", LOGGING),
    KeyRow::ignored("show_exc_info", LOGGING),
    KeyRow::ignored("quiet", LOGGING),
    KeyRow::ignored("quiet_error", LOGGING),
    KeyRow::changes_results("reload", "changed files are not reloaded; restart flowrun after a change"),
    shared::rows::ENV,
    KeyRow::ignored("extra_search_paths", "paths are relative to the file that contains them"),
    KeyRow::ignored("daemon", PROCESSES),
    KeyRow::ignored("runtime_backend", PROCESSES),
    KeyRow::ignored("k8s_namespace", PROCESSES),
    KeyRow::ignored("provider", "it configures Jina's cloud"),
    KeyRow::ignored("grpc_server_options", SERVING),
    rows::TIMEOUT_SEND,
];
