//! The flow level of Jina 0.x and 1.x.

use super::reasons::{LOOKS, MESSAGES, PROCESSES, SERVING};
use crate::limits::PREFETCH_MAX;
use crate::spec::key::{Key, Kind};

/// The top level.
pub const LEGACY_TOP: &[Key] = &[
    Key::obeyed("with", Kind::Mapping, "settings of the flow"),
    Key::obeyed("pods", Kind::Any, "the pods: a mapping by name, or a list"),
    Key::obeyed("version", Kind::Text, "the version of the file's form"),
    Key::obeyed("jtype", Kind::Text, "`Flow`"),
    Key::obeyed("metas", Kind::Any, "nothing; Jina does not read it here either"),
];

/// `with:`.
pub const LEGACY_FLOW: &[Key] = &[
    Key::obeyed(
        "prefetch",
        Kind::Count(0, PREFETCH_MAX),
        "requests between entering and leaving the gateway",
    ),
    Key::obeyed("name", Kind::Text, "the flow's name"),
    Key::obeyed("inspect", Kind::Choice(&["COLLECT", "HANG", "REMOVE"]), "what becomes of `inspect` pods"),
    Key::obeyed(
        "read_only",
        Kind::Flag,
        "whether stored data may not change; what is stored is then read beside a process that may write to it",
    ),
    Key::obeyed("workspace", Kind::Text, "the directory that executors write beneath"),
    Key::obeyed("timeout_ready", Kind::Milliseconds, "how long an executor may take to start"),
    Key::obeyed("port_expose", Kind::Texts, "the port to listen at; absent: any that is free")
        .also(&["port_grpc"]),
    Key::obeyed("host", Kind::Text, "the address to listen at; absent: this machine alone"),
    Key::obeyed(
        "python",
        Kind::Text,
        "the Python that runs executors written in it: an interpreter, or the directory of a virtual environment; \
         absent: that of `$VIRTUAL_ENV`, else `python3`; ours",
    ),
    Key::ignored("rest_api", "every port speaks HTTP and gRPC").also(&["restful"]),
    Key::ignored("prefetch_on_recv", "a request that leaves lets the next one in"),
    Key::ignored("logserver_config", SERVING),
    Key::ignored("allow_spawn", SERVING),
    Key::ignored("proxy", SERVING),
    Key::ignored("to_datauri", SERVING),
    Key::ignored("max_message_size", MESSAGES),
    Key::ignored("compress", MESSAGES),
    Key::ignored("compress_min_bytes", MESSAGES),
    Key::ignored("compress_min_ratio", MESSAGES),
    Key::ignored("compress_hwm", MESSAGES),
    Key::ignored("compress_lwm", MESSAGES),
    Key::ignored("optimize_level", "there are no routers to drop"),
    Key::ignored("description", LOOKS),
    Key::ignored("identity", LOOKS),
    Key::ignored("log_config", LOOKS),
    Key::ignored("log_id", LOOKS),
    Key::ignored("log_sse", LOOKS),
    Key::ignored("log_profile", LOOKS),
    Key::ignored("hide_exc_info", LOOKS),
    Key::ignored("quiet", LOOKS),
    Key::ignored("quiet_error", LOOKS),
    Key::obeyed(
        "env",
        Kind::Mapping,
        "variables of the processes of executors that are written in Python or have `isolate: process`; \
         `CUDA_VISIBLE_DEVICES: RR` deals devices out to copies",
    ),
    Key::ignored("check_version", PROCESSES),
    Key::ignored("runtime", PROCESSES).also(&["runtime_backend"]),
    Key::ignored("timeout_ctrl", PROCESSES),
    Key::ignored("dump_interval", "what was acknowledged is on disk"),
    Key::ignored("exit_no_dump", "what was acknowledged is on disk"),
    Key::ignored("on_error_strategy", "a failed request skips the pods behind it"),
    Key::ignored("skip_on_error", "a failed request skips the pods behind it"),
    Key::refused("output_type", "draw the flow with `flowrun graph`"),
    Key::refused("output_path", "draw the flow with `flowrun graph … > FILE`"),
    Key::refused("uses", "give the flow's file on the command line").also(&["yaml_path"]),
    Key::refused("args", "write its keys under `with:` itself"),
    Key::refused("kwargs", "write its keys under `with:` itself"),
];
