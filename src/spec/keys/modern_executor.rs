//! Key tables of an executor of a flow of Jina 2 and 3, and of the `with:` of a Deployment.

use super::declare::keys;
use super::reasons::{CONTAINERS, ERRORS, LOGGING, MEMORY, MESSAGES, ON_DISK, PROCESSES, SCHEDULING};
use super::shared;
use crate::spec::choices::DocumentSchema;
use crate::spec::key::{Choice, Flag, Key, KeyRow, MappingNode, PathNode, Texts};

const REMOTE: &str = "it configures pods on other machines, which flowrun calls but does not start";
const RAFT: &str = "it configures Jina's state replication (Raft)";
const TRACES: &str = "calls of executors are part of the request's trace; write it under the flow's `with:`";

keys! {
    USES_WITH: MappingNode = Key::mapping("uses_with", "parameters; they override the executor's own `with:`");
    USES_METAS: MappingNode = Key::mapping("uses_metas", "`metas:`; they override the executor's own");
    USES_REQUESTS: MappingNode = Key::mapping("uses_requests", "method per endpoint: `{'/foo': encode}`");
    FLOATING: Flag = Key::flag("floating", "feeds the executor without waiting for it");
    EXTERNAL: Flag =
        Key::flag("external", "calls a remote executor over gRPC, at `host` and `port`, instead of starting one");
    WHEN: MappingNode = Key::mapping(
        "when",
        "condition on documents, in docarray's query language: `{tags__price: {$lt: 5}}`; documents that do not match \
         leave the branch",
    );
    NO_REDUCE: Flag = Key::flag(
        "no_reduce",
        "concatenates the documents of several branches or shards instead of merging them by id",
    )
    .aliases(&["disable_reduce"]);
    REMOTE_HOST: Texts = Key::texts(
        "host",
        "address of a remote executor, or several, which are replicas: `HOST`, `HOST:PORT`, `grpc://HOST:PORT`, \
         `grpcs://HOST:PORT`",
    );
    TLS: Flag = Key::flag("tls", "connects to the remote executor with TLS");
    CA: PathNode = Key::path(
        "ca",
        "PEM file with the certificate authorities, or the certificates, to trust for the remote executor (flowrun only)",
    );
    SCHEMA: Choice<DocumentSchema> = Key::choice(
        "schema",
        "docarray's schema of the documents sent to the remote executor; default: by the version that it reports \
         (flowrun only)",
    );
}

/// An executor, without its connection to the flow.
pub(super) const MODERN_EXECUTOR_TABLE: &[KeyRow] = &[
    shared::rows::NAME.documented("name of the executor in the flow"),
    shared::rows::USES,
    shared::rows::NEEDS,
    shared::rows::METHOD,
    rows::USES_WITH,
    rows::USES_METAS,
    rows::USES_REQUESTS,
    shared::rows::REPLICAS,
    shared::rows::SHARDS.aliases(&["parallel"]),
    shared::rows::POLLING,
    shared::rows::USES_BEFORE
        .documented("executor before the shards, or before a single copy, where Jina 3 ignores it"),
    shared::rows::USES_AFTER
        .documented("executor after the shards, or after a single copy; it receives the merged replies"),
    rows::FLOATING,
    shared::rows::WORKSPACE,
    shared::rows::TIMEOUT_READY,
    shared::rows::READ_ONLY,
    rows::EXTERNAL,
    rows::WHEN,
    rows::NO_REDUCE,
    shared::rows::GRPC_METADATA,
    shared::rows::PY_MODULES,
    KeyRow::ignored(
        "install_requirements",
        "flowrun installs no packages; install the requirements of a Python executor into the environment that `python` names",
    ),
    KeyRow::ignored("output_array_type", "Python executors receive and return NumPy arrays"),
    KeyRow::ignored("exit_on_exceptions", "an exception in a Python executor fails its request only"),
    KeyRow::ignored("allow_concurrent", "`concurrency` limits the calls in flight of an async executor"),
    KeyRow::ignored("native", PROCESSES),
    KeyRow::ignored("force_update", CONTAINERS),
    KeyRow::ignored("force", CONTAINERS),
    KeyRow::ignored("prefer_platform", CONTAINERS),
    KeyRow::ignored("gpus", CONTAINERS),
    KeyRow::ignored("volumes", CONTAINERS),
    KeyRow::ignored("entrypoint", CONTAINERS),
    KeyRow::ignored("docker_kwargs", CONTAINERS),
    KeyRow::ignored("disable_auto_volume", CONTAINERS),
    KeyRow::ignored("pull_latest", CONTAINERS),
    KeyRow::changes_results(
        "stateful",
        "each replica has a state of its own, while the replicas of a stateful executor in Jina share one",
    ),
    KeyRow::ignored("peer_ports", RAFT),
    KeyRow::ignored("raft_configuration", RAFT),
    KeyRow::ignored("provider_endpoint", "it configures Jina's cloud"),
    KeyRow::ignored("jcloud", "it configures Jina's cloud"),
    KeyRow::ignored("remove_uses_ba", PROCESSES),
    KeyRow::ignored("include_gateway", "a Deployment is always a flow of one executor"),
    KeyRow::ignored("quiet_remote_logs", LOGGING),
    KeyRow::ignored("port_in", MESSAGES),
    KeyRow::ignored("port_out", MESSAGES),
    KeyRow::ignored("host_in", MESSAGES),
    KeyRow::ignored("host_out", MESSAGES),
    KeyRow::ignored("socket_in", MESSAGES),
    KeyRow::ignored("socket_out", MESSAGES),
    KeyRow::ignored("scheduling", SCHEDULING),
    KeyRow::ignored("on_error_strategy", ERRORS),
    KeyRow::ignored("memory_hwm", MEMORY),
    KeyRow::ignored("dump_path", ON_DISK),
    KeyRow::ignored("peas_hosts", REMOTE),
    KeyRow::ignored("upload_files", REMOTE),
    KeyRow::ignored("connect_to_predecessor", PROCESSES),
    KeyRow::ignored("disable_remote", REMOTE),
    KeyRow::ignored("expose_public", REMOTE),
    KeyRow::ignored("k8s_custom_resource_dir", PROCESSES),
];

/// Connection of a flow to an executor. In a Deployment's own file, the same keys configure its gateway.
pub(super) const MODERN_CONNECTION_TABLE: &[KeyRow] = &[
    KeyRow::ignored("compression", MESSAGES).aliases(&["compress"]),
    KeyRow::ignored("tracing", TRACES),
    KeyRow::ignored("traces_exporter_host", TRACES),
    KeyRow::ignored("traces_exporter_port", TRACES),
    rows::REMOTE_HOST,
    super::gateway::rows::PORT
        .documented("port of the remote executor: one per host, one for all, or several at one host"),
    rows::TLS,
    rows::CA,
    rows::SCHEMA,
    KeyRow::ignored("protocol", MESSAGES).aliases(&["protocols"]),
    KeyRow::ignored("cors", MESSAGES),
    KeyRow::ignored("title", LOGGING),
    KeyRow::ignored("description", LOGGING),
    KeyRow::ignored("ssl_certfile", MESSAGES),
    KeyRow::ignored("ssl_keyfile", MESSAGES),
];
