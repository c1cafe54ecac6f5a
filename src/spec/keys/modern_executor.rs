//! An executor of a flow of Jina 2 and 3, and the `with:` of a Deployment.

use super::reasons::{CONTAINERS, LOOKS, MESSAGES, PROCESSES};
use crate::limits::COPIES_MAX;
use crate::spec::key::{Key, Kind};

const REMOTE: &str = "it concerns pods on other machines, which flowrun calls and does not start";
const RAFT: &str = "it concerns Jina's replication of state";
const TRACES: &str = "calls of executors are told with the request; write it under the flow's `with:`";
const PYTHON: &str = "it concerns Python executors";

/// The keys.
pub const MODERN_EXECUTOR: &[Key] = &[
    Key::obeyed("name", Kind::Text, "the executor's name in the flow"),
    Key::obeyed("uses", Kind::Any, "the executor: a class, a YAML file, or a mapping with `jtype`"),
    Key::obeyed(
        "needs",
        Kind::Texts,
        "the executors whose output it waits for; absent: the one written before it",
    ),
    Key::obeyed(
        "method",
        Kind::Choice(&["add", "needs", "needs_all", "inspect", "gather_inspect"]),
        "how it joins",
    ),
    Key::obeyed("uses_with", Kind::Mapping, "parameters; they win over the executor's own `with:`"),
    Key::obeyed("uses_metas", Kind::Mapping, "`metas:`; they win over the executor's own"),
    Key::obeyed("uses_requests", Kind::Mapping, "which endpoint calls what: `{'/foo': encode}`"),
    Key::obeyed("replicas", Kind::Count(1, COPIES_MAX), "copies of each shard, competing for requests"),
    Key::obeyed("shards", Kind::Count(1, COPIES_MAX), "parts of the data").also(&["parallel"]),
    Key::obeyed("polling", Kind::Any, "which shards see a request: `ANY`, `ALL`, `RELEVANT`, or a mapping by endpoint"),
    Key::obeyed(
        "uses_before",
        Kind::Any,
        "an executor before the shards, of which there may be one; Jina 3 ignores it there",
    ),
    Key::obeyed(
        "uses_after",
        Kind::Any,
        "an executor behind the shards, of which there may be one; it sees their replies merged",
    ),
    Key::obeyed("floating", Kind::Flag, "whether it is fed but not waited for"),
    Key::obeyed("workspace", Kind::Text, "the directory that it writes beneath"),
    Key::obeyed("timeout_ready", Kind::Milliseconds, "how long it may take to start"),
    Key::obeyed(
        "read_only",
        Kind::Flag,
        "whether stored data may not change; what is stored is then read beside a process that may write to it",
    ),
    Key::obeyed(
        "external",
        Kind::Flag,
        "whether it runs elsewhere, at `host` and `port`, and is called over gRPC",
    ),
    Key::obeyed(
        "when",
        Kind::Mapping,
        "which documents go to it, in docarray's query language: `{tags__price: {$lt: 5}}`; the others leave the branch",
    ),
    Key::obeyed(
        "no_reduce",
        Kind::Flag,
        "whether the documents of several branches, or of several shards, come one list behind the other instead of \
         being merged by id",
    )
    .also(&["disable_reduce"]),
    Key::obeyed(
        "grpc_metadata",
        Kind::Mapping,
        "metadata that goes along with every call of an executor elsewhere: names and texts",
    ),
    Key::obeyed("py_modules", Kind::Texts, "Python files or modules that define the executor's class"),
    Key::ignored("install_requirements", PYTHON),
    Key::ignored("output_array_type", PYTHON),
    Key::ignored("exit_on_exceptions", PYTHON),
    Key::ignored("allow_concurrent", PYTHON),
    Key::ignored("native", PROCESSES),
    Key::ignored("force_update", CONTAINERS),
    Key::ignored("prefer_platform", CONTAINERS),
    Key::ignored("gpus", CONTAINERS),
    Key::ignored("volumes", CONTAINERS),
    Key::ignored("entrypoint", CONTAINERS),
    Key::ignored("docker_kwargs", CONTAINERS),
    Key::ignored("disable_auto_volume", CONTAINERS),
    Key::ignored("pull_latest", CONTAINERS),
    Key::ignored("stateful", RAFT),
    Key::ignored("peer_ports", RAFT),
    Key::ignored("raft_configuration", RAFT),
    Key::ignored("provider_endpoint", "it concerns Jina's cloud"),
    Key::ignored("include_gateway", "a Deployment is a flow of one executor here"),
    Key::ignored("quiet_remote_logs", LOOKS),
    Key::ignored("port_in", MESSAGES),
    Key::ignored("port_out", MESSAGES),
    Key::ignored("host_in", MESSAGES),
    Key::ignored("host_out", MESSAGES),
    Key::ignored("socket_in", MESSAGES),
    Key::ignored("socket_out", MESSAGES),
    Key::ignored("scheduling", "replicas compete for requests, so an idle one takes the next"),
    Key::ignored("on_error_strategy", "a failed request skips the executors behind it"),
    Key::ignored("memory_hwm", "`flowrun check` prints the memory bound of the whole flow"),
    Key::ignored("dump_path", "what was acknowledged is on disk"),
    Key::ignored("peas_hosts", REMOTE),
    Key::ignored("upload_files", REMOTE),
    Key::ignored("connect_to_predecessor", PROCESSES),
    Key::ignored("disable_remote", REMOTE),
    Key::ignored("expose_public", REMOTE),
    Key::ignored("k8s_custom_resource_dir", PROCESSES),
];

/// How Jina reaches an executor inside a flow. At a Deployment the same keys are those of its gateway.
pub const MODERN_POD: &[Key] = &[
    Key::ignored("compression", MESSAGES).also(&["compress"]),
    Key::ignored("tracing", TRACES),
    Key::ignored("traces_exporter_host", TRACES),
    Key::ignored("traces_exporter_port", TRACES),
    Key::obeyed(
        "host",
        Kind::Texts,
        "where an executor elsewhere is, or several places, which are replicas: `HOST`, `HOST:PORT`, \
         `grpc://HOST:PORT`, `grpcs://HOST:PORT`",
    ),
    Key::obeyed("port", Kind::Texts, "its port, one for each host, one for all, or several at one host")
        .also(&["ports", "port_expose"]),
    Key::obeyed("tls", Kind::Flag, "whether TLS is spoken with an executor elsewhere"),
    Key::obeyed(
        "ca",
        Kind::Text,
        "a file in PEM form with the authorities, or the certificates, to trust there; ours",
    ),
    Key::obeyed(
        "schema",
        Kind::Choice(&["auto", "v1", "v2"]),
        "docarray's schema of the documents that are sent there; absent: what its version says; ours",
    ),
    Key::ignored("protocol", MESSAGES).also(&["protocols"]),
    Key::ignored("cors", MESSAGES),
    Key::ignored("title", LOOKS),
    Key::ignored("description", LOOKS),
    Key::ignored("ssl_certfile", MESSAGES),
    Key::ignored("ssl_keyfile", MESSAGES),
];
