//! Key table of a pod of Jina 0.x and 1.x.

use super::declare::keys;
use super::reasons::{CONTAINERS, ERRORS, LOGGING, MEMORY, ON_DISK, PROCESSES, SCHEDULING};
use super::shared;
use crate::limits::COPIES_MAX;
use crate::spec::key::{Count, Flag, Key, KeyRow, Text};

const SOCKETS: &str = "it configures sockets between Jina's processes; flowrun passes documents in memory";
const REMOTE: &str = "it configures pods on other machines, which flowrun does not start";

keys! {
    IMAGE: Text = Key::text("image", "container image that an executor of flowrun replaces");
    PARALLEL: Count = Key::count("parallel", 1, COPIES_MAX, "like `replicas`").aliases(&["shards"]);
    SEPARATED_WORKSPACE: Flag = Key::flag("separated_workspace", "turns the copies into shards");
}

/// The keys, in the spellings of 0.0.8 to 1.4.
pub(super) const LEGACY_POD_TABLE: &[KeyRow] = &[
    shared::rows::USES.aliases(&["yaml_path"]).documented("executor: a YAML file, a class, or `_name`"),
    rows::IMAGE,
    shared::rows::NAME.documented("name of the pod, in the list form"),
    shared::rows::METHOD,
    shared::rows::NEEDS,
    shared::rows::REPLICAS
        .documented("copies: shards if `separated_workspace` or `polling: all` is set, otherwise replicas"),
    rows::PARALLEL,
    shared::rows::POLLING.documented("shards that receive a request: `any`, `all` or `relevant`"),
    rows::SEPARATED_WORKSPACE,
    shared::rows::USES_AFTER.aliases(&["reducing_yaml_path", "uses_reducing"]),
    shared::rows::USES_BEFORE,
    shared::rows::READ_ONLY,
    shared::rows::TIMEOUT_READY,
    KeyRow::ignored(
        "timeout",
        "it configures Jina's processes; `timeout` under the flow's `with:` limits a request",
    ),
    KeyRow::ignored("uses_internal", CONTAINERS),
    KeyRow::ignored("entrypoint", CONTAINERS),
    KeyRow::ignored("pull_latest", CONTAINERS),
    KeyRow::ignored("volumes", CONTAINERS),
    KeyRow::ignored("docker_kwargs", CONTAINERS),
    shared::rows::PY_MODULES,
    KeyRow::ignored("scheduling", SCHEDULING),
    KeyRow::ignored("replica_id", PROCESSES).aliases(&["pea_id"]),
    KeyRow::ignored("timeout_ctrl", PROCESSES),
    KeyRow::ignored("dump_interval", ON_DISK),
    KeyRow::ignored("load_interval", ON_DISK),
    KeyRow::ignored("exit_no_dump", ON_DISK),
    KeyRow::ignored("num_part", "a join always waits for every pod that it needs"),
    KeyRow::ignored("role", PROCESSES),
    KeyRow::ignored("identity", PROCESSES),
    KeyRow::ignored("remove_uses_ba", PROCESSES),
    KeyRow::ignored("socket_in", SOCKETS),
    KeyRow::ignored("socket_out", SOCKETS),
    KeyRow::ignored("port_in", SOCKETS),
    KeyRow::ignored("port_out", SOCKETS),
    KeyRow::ignored("port_ctrl", SOCKETS),
    KeyRow::ignored("host_in", SOCKETS),
    KeyRow::ignored("host_out", SOCKETS),
    KeyRow::ignored("ctrl_with_ipc", SOCKETS),
    KeyRow::ignored("array_in_pb", SOCKETS),
    KeyRow::ignored("compress_hwm", SOCKETS),
    KeyRow::ignored("compress_lwm", SOCKETS),
    shared::rows::HOST
        .documented("machine that the pod runs on; a pod on another machine can be drawn but not run"),
    KeyRow::ignored("port_expose", REMOTE).aliases(&["port_grpc"]),
    KeyRow::ignored("daemon", PROCESSES),
    KeyRow::ignored("upload_files", REMOTE),
    KeyRow::ignored("workspace_id", REMOTE),
    KeyRow::ignored("ssh_server", REMOTE),
    KeyRow::ignored("ssh_keyfile", REMOTE),
    KeyRow::ignored("ssh_password", REMOTE),
    KeyRow::ignored("expose_public", REMOTE),
    KeyRow::ignored("remote_access", REMOTE),
    KeyRow::ignored("silent_remote_logs", REMOTE),
    KeyRow::ignored("peas_hosts", REMOTE),
    KeyRow::ignored("memory_hwm", MEMORY),
    KeyRow::ignored("runtime", PROCESSES).aliases(&["runtime_backend"]),
    KeyRow::ignored("max_idle_time", PROCESSES),
    KeyRow::ignored("shutdown_idle", PROCESSES),
    KeyRow::ignored("check_version", PROCESSES),
    KeyRow::ignored("log_config", LOGGING),
    KeyRow::ignored("log_id", LOGGING),
    KeyRow::ignored("log_sse", LOGGING),
    KeyRow::ignored("log_remote", LOGGING),
    KeyRow::ignored("log_profile", LOGGING),
    KeyRow::ignored("log_with_own_name", LOGGING),
    KeyRow::ignored("hide_exc_info", LOGGING),
    KeyRow::ignored("show_exc_info", LOGGING),
    KeyRow::ignored("quiet", LOGGING),
    KeyRow::ignored("quiet_error", LOGGING),
    KeyRow::ignored("description", LOGGING),
    KeyRow::ignored("skip_on_error", ERRORS),
    KeyRow::ignored("on_error_strategy", ERRORS),
    shared::rows::ENV,
];
