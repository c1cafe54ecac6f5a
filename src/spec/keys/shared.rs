//! Keys that several tables list under one name and type.

use super::declare::keys;
use crate::limits::{COPIES_MAX, PREFETCH_MAX};
use crate::spec::choices::{Inspect, Method};
use crate::spec::key::{AnyNode, Choice, Count, Flag, Key, MappingNode, Milliseconds, PathNode, Text, Texts};

keys! {
    VERSION: Text = Key::text("version", "version of the file format");
    WITH: MappingNode = Key::mapping("with", "settings of the flow");
    NAME: Text = Key::text("name", "name of the flow");
    PREFETCH: Count =
        Key::count("prefetch", 0, PREFETCH_MAX, "requests inside the flow at a time (credits); default: 50; 0 means 1000");
    INSPECT: Choice<Inspect> = Key::choice(
        "inspect",
        "handling of `inspect` pods: their output is part of the reply, they are not waited for, or they are left out",
    );
    READ_ONLY: Flag = Key::flag(
        "read_only",
        "opens stored data read-only, also while another process writes to it",
    );
    WORKSPACE: PathNode = Key::path("workspace", "directory in which executors store their data");
    TIMEOUT_READY: Milliseconds = Key::milliseconds("timeout_ready", "time that an executor may take to start");
    HOST: Text = Key::text("host", "address to listen on; default: loopback only");
    PORT_EXPOSE: Texts = Key::texts("port_expose", "port to listen on; default: any free port");
    PYTHON: PathNode = Key::path(
        "python",
        "Python that runs executors written in Python: an interpreter, or the directory of a virtual environment; default: \
         the one in `$VIRTUAL_ENV`, else `python3` (flowrun only)",
    );
    ENV: MappingNode = Key::mapping(
        "env",
        "environment variables of executors that are written in Python or have `isolate: process`; \
         `CUDA_VISIBLE_DEVICES: RR` assigns devices to the copies in turn",
    );
    USES: AnyNode = Key::any(
        "uses",
        "a string or a mapping",
        "executor: a class, a YAML file, a plugin's library, or a mapping with `jtype`",
    );
    NEEDS: Texts = Key::texts("needs", "pods whose output the pod waits for; default: the pod written before it");
    METHOD: Choice<Method> = Key::choice("method", "role of the pod in its flow");
    REPLICAS: Count = Key::count("replicas", 1, COPIES_MAX, "copies of each shard, which compete for requests");
    SHARDS: Count = Key::count("shards", 1, COPIES_MAX, "partitions of the data");
    POLLING: AnyNode = Key::any(
        "polling",
        "a string or a mapping",
        "shards that receive a request: `ANY`, `ALL`, `RELEVANT`, or a mapping from endpoints to these",
    );
    USES_BEFORE: AnyNode = Key::any("uses_before", "a string or a mapping", "executor that runs before the pod");
    USES_AFTER: AnyNode = Key::any("uses_after", "a string or a mapping", "executor that merges the replies of shards");
    PY_MODULES: Texts = Key::texts("py_modules", "Python files or modules that define the executor's class");
    PLUGINS: Texts = Key::texts("plugins", "shared libraries that contain the class; see `docs/executors.md`");
    SHA256: Texts = Key::texts("sha256", "required SHA-256 of each library, in the same order");
    GRPC_METADATA: MappingNode = Key::mapping(
        "grpc_metadata",
        "gRPC metadata that is sent with every call of a remote executor: a mapping of strings",
    );
    USES_DYNAMIC_BATCHING: AnyNode = Key::any(
        "uses_dynamic_batching",
        "`auto` or a mapping",
        "endpoints whose calls combine the documents of several requests: \
         `{/encode: {preferred_batch_size: 32, timeout: 10}}`, or `auto`; overrides the executor's own `dynamic_batching`",
    );
}
