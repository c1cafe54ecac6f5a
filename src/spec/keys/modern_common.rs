//! What means the same at a flow of Jina 2 and 3, at its executors, and at a Deployment.

use super::reasons::{LOOKS, MESSAGES, PROCESSES, SERVING};
use crate::limits::RETRIES_MAX;
use crate::spec::key::{Key, Kind};

const OBSERVING: &str = "numbers are at `/metrics` of every port of the gateway, executors' own among them";

/// The keys.
pub const MODERN_COMMON: &[Key] = &[
    Key::ignored("grpc_channel_options", MESSAGES),
    Key::ignored("timeout_ctrl", PROCESSES),
    Key::obeyed(
        "retries",
        Kind::CountOrDefault(RETRIES_MAX),
        "how often a call of an executor elsewhere that found nobody is made again; -1: 3, or the number of its \
         addresses when that is more",
    ),
    Key::ignored("monitoring", OBSERVING),
    Key::ignored("port_monitoring", OBSERVING),
    Key::ignored("metrics", OBSERVING),
    Key::ignored("metrics_exporter_host", OBSERVING),
    Key::ignored("metrics_exporter_port", OBSERVING),
    Key::ignored("log_config", LOOKS),
    Key::ignored("quiet", LOOKS),
    Key::ignored("quiet_error", LOOKS),
    Key::ignored("reload", "start flowrun again after a change"),
    Key::obeyed(
        "env",
        Kind::Mapping,
        "variables of the processes of executors that are written in Python or have `isolate: process`; \
         `CUDA_VISIBLE_DEVICES: RR` deals devices out to copies",
    ),
    Key::ignored("extra_search_paths", "paths resolve against the file that they stand in"),
    Key::ignored("daemon", PROCESSES),
    Key::ignored("runtime_backend", PROCESSES),
    Key::ignored("k8s_namespace", PROCESSES),
    Key::ignored("provider", "it concerns Jina's cloud"),
    Key::ignored("grpc_server_options", SERVING),
    Key::obeyed(
        "timeout_send",
        Kind::Milliseconds,
        "how long one call of an executor may take; `timeout` under the flow's `with:` bounds a request",
    ),
];
