//! Key tables of an executor's own YAML file, for every version of Jina.

use super::declare::keys;
use super::shared;
use crate::spec::key::{AnyNode, Key, KeyRow, List, MappingNode, Text};

const STATE: &str = "it configures Jina's saved executor state";
const UNUSED: &str = "flowrun does not read it";

keys! {
    METAS: MappingNode = Key::mapping("metas", "name, workspace, modules and plugins of the executor");
    REQUESTS: MappingNode = Key::mapping("requests", "calls per request type or endpoint");
    DYNAMIC_BATCHING: AnyNode = Key::any(
        "dynamic_batching",
        "`auto` or a mapping",
        "endpoints whose calls combine the documents of several requests; values as of the pod's `uses_dynamic_batching`",
    )
    .aliases(&["uses_dynamic_batching"]);
    COMPONENTS: List = Key::list("components", "executors of a compound executor");
    META_DESCRIPTION: Text = Key::text("description", "description, for a class in Python (`self.metas.description`)");
}

/// The top level.
pub(super) const EXECUTOR_TABLE: &[KeyRow] = &[
    KeyRow::structural("jtype", "class of the executor; `!Class` is the same"),
    shared::rows::WITH.documented("parameters of the executor"),
    rows::METAS,
    shared::rows::PY_MODULES,
    rows::REQUESTS,
    rows::DYNAMIC_BATCHING,
    rows::COMPONENTS,
    KeyRow::ignored("version", "there is one format of an executor's YAML"),
];

/// `metas:`.
pub(super) const METAS_TABLE: &[KeyRow] = &[
    shared::rows::NAME.documented("name of the executor, for its directory and for drivers"),
    shared::rows::WORKSPACE.documented("directory in which the executor stores its data"),
    shared::rows::PY_MODULES,
    shared::rows::PLUGINS,
    shared::rows::SHA256,
    shared::rows::READ_ONLY,
    rows::META_DESCRIPTION,
    KeyRow::ignored("batch_size", "an executor is called with all documents of a request"),
    KeyRow::ignored("is_trained", STATE),
    KeyRow::ignored("is_updated", STATE),
    KeyRow::ignored("max_snapshot", STATE),
    KeyRow::ignored("replica_id", STATE).aliases(&["pea_id"]),
    KeyRow::ignored("separated_workspace", "it is a key of the pod"),
    KeyRow::ignored("replica_workspace", "each shard has its own directory").aliases(&["pea_workspace"]),
    KeyRow::ignored("on_gpu", "write `device: cuda` under `with:` of an executor that has this parameter"),
    KeyRow::ignored("warn_unnamed", "a name only selects the directory"),
    KeyRow::ignored("root_workspace", STATE),
    KeyRow::ignored("root_name", STATE),
    KeyRow::ignored("keywords", UNUSED),
    KeyRow::ignored("author", UNUSED),
    KeyRow::ignored("url", UNUSED),
    KeyRow::ignored("vendor", UNUSED),
    KeyRow::ignored("license", UNUSED),
    KeyRow::ignored("avatar", UNUSED),
    KeyRow::ignored("platform", UNUSED),
    KeyRow::ignored("documentation", UNUSED),
    KeyRow::ignored("version", UNUSED),
];
