//! An executor's own YAML, of every version.

use crate::spec::key::{Key, Kind};

const STATE: &str = "it concerns how Jina keeps an executor's state";

/// The top level.
pub const EXECUTOR: &[Key] = &[
    Key::obeyed("jtype", Kind::Text, "the executor's class; or write `!Class`"),
    Key::obeyed("with", Kind::Mapping, "its parameters"),
    Key::obeyed("metas", Kind::Mapping, "its name, workspace, modules and plugins"),
    Key::obeyed("requests", Kind::Mapping, "which request calls what"),
    Key::obeyed(
        "dynamic_batching",
        Kind::Any,
        "which endpoints are called with the documents of several requests at once, as the pod's key says it",
    )
    .also(&["uses_dynamic_batching"]),
    Key::obeyed("components", Kind::List, "the executors that a compound one is made of"),
    Key::ignored("version", "there is one form of an executor's YAML"),
];

/// `metas:`.
pub const METAS: &[Key] = &[
    Key::obeyed("name", Kind::Text, "what its directory and its drivers call it"),
    Key::obeyed("workspace", Kind::Text, "the directory that it writes beneath"),
    Key::obeyed("py_modules", Kind::Texts, "Python files or modules that define the class"),
    Key::obeyed("plugins", Kind::Texts, "shared libraries that have the class; see `docs/executors.md`"),
    Key::obeyed("sha256", Kind::Texts, "the SHA-256 that the libraries must have, in the same order"),
    Key::obeyed(
        "read_only",
        Kind::Flag,
        "whether stored data may not change; what is stored is then read beside a process that may write to it",
    ),
    Key::ignored("description", "nothing reads it"),
    Key::ignored("batch_size", "an executor gets the documents of a request at once"),
    Key::ignored("is_trained", STATE),
    Key::ignored("is_updated", STATE),
    Key::ignored("max_snapshot", STATE),
    Key::ignored("replica_id", STATE).also(&["pea_id"]),
    Key::ignored("separated_workspace", "the pod says it"),
    Key::ignored("replica_workspace", "each shard has a directory of its own").also(&["pea_workspace"]),
    Key::ignored("on_gpu", "there is no executor of ours that uses one in this version"),
    Key::ignored("warn_unnamed", "nothing depends on a name but a directory"),
    Key::ignored("root_workspace", STATE),
    Key::ignored("root_name", STATE),
    Key::ignored("keywords", "nothing reads it"),
    Key::ignored("author", "nothing reads it"),
    Key::ignored("url", "nothing reads it"),
    Key::ignored("vendor", "nothing reads it"),
    Key::ignored("license", "nothing reads it"),
    Key::ignored("avatar", "nothing reads it"),
    Key::ignored("platform", "nothing reads it"),
    Key::ignored("documentation", "nothing reads it"),
    Key::ignored("version", "nothing reads it"),
];
