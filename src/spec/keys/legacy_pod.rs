//! A pod of Jina 0.x and 1.x.

use super::reasons::{CONTAINERS, LOOKS, PROCESSES};
use crate::limits::COPIES_MAX;
use crate::spec::key::{Key, Kind};

const SOCKETS: &str =
    "it concerns the sockets between Jina's processes; flowrun hands documents over in memory";
const DISK: &str = "what was acknowledged is on disk";
const REMOTE: &str = "it concerns pods on other machines, which this version does not start";
const SKIPS: &str = "a failed request skips the pods behind it";

/// The keys, in the spellings of 0.0.8 to 1.4.
pub const LEGACY_POD: &[Key] = &[
    Key::obeyed("uses", Kind::Any, "the executor: a YAML file, a class, `_name`").also(&["yaml_path"]),
    Key::obeyed("image", Kind::Text, "a container image that stands for an executor of ours"),
    Key::obeyed("name", Kind::Text, "the pod's name, in the list form"),
    Key::obeyed(
        "method",
        Kind::Choice(&["add", "needs", "needs_all", "inspect", "gather_inspect"]),
        "list form",
    ),
    Key::obeyed(
        "needs",
        Kind::Texts,
        "the pods whose output it waits for; absent: the one written before it",
    ),
    Key::obeyed(
        "replicas",
        Kind::Count(1, COPIES_MAX),
        "copies: replicas, or shards when separated or polled all",
    ),
    Key::obeyed("parallel", Kind::Count(1, COPIES_MAX), "as `replicas`").also(&["shards"]),
    Key::obeyed("polling", Kind::Any, "`any`, `all` or `relevant`"),
    Key::obeyed("separated_workspace", Kind::Flag, "makes the copies shards"),
    Key::obeyed("uses_after", Kind::Any, "how replies of shards are merged")
        .also(&["reducing_yaml_path", "uses_reducing"]),
    Key::obeyed("uses_before", Kind::Any, "an executor before the pod"),
    Key::obeyed(
        "read_only",
        Kind::Flag,
        "whether stored data may not change; what is stored is then read beside a process that may write to it",
    ),
    Key::obeyed("timeout_ready", Kind::Milliseconds, "how long the executor may take to start"),
    Key::ignored(
        "timeout",
        "it concerns Jina's processes; `timeout` under the flow's `with:` bounds a request",
    ),
    Key::ignored("uses_internal", CONTAINERS),
    Key::ignored("entrypoint", CONTAINERS),
    Key::ignored("pull_latest", CONTAINERS),
    Key::ignored("volumes", CONTAINERS),
    Key::ignored("docker_kwargs", CONTAINERS),
    Key::obeyed("py_modules", Kind::Texts, "Python files or modules that define the executor's class"),
    Key::ignored("scheduling", "replicas compete for requests, so an idle one takes the next"),
    Key::ignored("replica_id", PROCESSES).also(&["pea_id"]),
    Key::ignored("timeout_ctrl", PROCESSES),
    Key::ignored("dump_interval", DISK),
    Key::ignored("load_interval", DISK),
    Key::ignored("exit_no_dump", DISK),
    Key::ignored("num_part", "a join waits for as many parts as it needs pods"),
    Key::ignored("role", PROCESSES),
    Key::ignored("identity", PROCESSES),
    Key::ignored("socket_in", SOCKETS),
    Key::ignored("socket_out", SOCKETS),
    Key::ignored("port_in", SOCKETS),
    Key::ignored("port_out", SOCKETS),
    Key::ignored("port_ctrl", SOCKETS),
    Key::ignored("host_in", SOCKETS),
    Key::ignored("host_out", SOCKETS),
    Key::ignored("ctrl_with_ipc", SOCKETS),
    Key::ignored("array_in_pb", SOCKETS),
    Key::ignored("compress_hwm", SOCKETS),
    Key::ignored("compress_lwm", SOCKETS),
    Key::obeyed("host", Kind::Text, "where the pod runs; elsewhere it can be drawn and not run"),
    Key::ignored("port_expose", REMOTE).also(&["port_grpc"]),
    Key::ignored("daemon", PROCESSES),
    Key::ignored("upload_files", REMOTE),
    Key::ignored("workspace_id", REMOTE),
    Key::ignored("ssh_server", REMOTE),
    Key::ignored("ssh_keyfile", REMOTE),
    Key::ignored("ssh_password", REMOTE),
    Key::ignored("expose_public", REMOTE),
    Key::ignored("remote_access", REMOTE),
    Key::ignored("silent_remote_logs", REMOTE),
    Key::ignored("peas_hosts", REMOTE),
    Key::ignored("memory_hwm", "`flowrun check` prints the memory bound of the whole flow"),
    Key::ignored("runtime", PROCESSES).also(&["runtime_backend"]),
    Key::ignored("max_idle_time", PROCESSES),
    Key::ignored("shutdown_idle", PROCESSES),
    Key::ignored("check_version", PROCESSES),
    Key::ignored("log_config", LOOKS),
    Key::ignored("log_id", LOOKS),
    Key::ignored("log_sse", LOOKS),
    Key::ignored("log_remote", LOOKS),
    Key::ignored("log_profile", LOOKS),
    Key::ignored("log_with_own_name", LOOKS),
    Key::ignored("hide_exc_info", LOOKS),
    Key::ignored("quiet", LOOKS),
    Key::ignored("quiet_error", LOOKS),
    Key::ignored("description", LOOKS),
    Key::ignored("skip_on_error", SKIPS),
    Key::ignored("on_error_strategy", SKIPS),
    Key::obeyed(
        "env",
        Kind::Mapping,
        "variables of the processes that it runs in, when it is written in Python or has `isolate: process`; \
         `CUDA_VISIBLE_DEVICES: RR` deals devices out to copies",
    ),
];
