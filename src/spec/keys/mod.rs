//! The key tables: every key of every dialect, supported, ignored with a reason, or rejected with an alternative.
//!
//! Keys that parsers read are declared with [`keys!`](declare::keys), next to the table that they belong to. A key that several tables
//! list under one name and type is declared in [`shared`]; a table may give it other documentation or other spellings.

mod batching;
mod declare;
mod executor;
mod extensions;
mod gateway;
mod legacy_flow;
mod legacy_pod;
mod modern_common;
mod modern_executor;
mod modern_flow;
mod placement;
mod reasons;
mod shared;
mod strategy;
mod token;

use super::key::KeyRow;

pub(super) use batching::*;
pub(super) use executor::*;
pub(super) use extensions::*;
pub(super) use gateway::*;
pub(super) use legacy_flow::*;
pub(super) use legacy_pod::*;
pub(super) use modern_common::*;
pub(super) use modern_executor::*;
pub(super) use modern_flow::*;
pub(super) use placement::*;
pub(super) use shared::*;
pub(super) use strategy::*;
pub(super) use token::*;

/// A mapping in a flow file or in an executor's file, with the tables of its keys.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// The heading in the reference.
    pub title: &'static str,
    /// The name of the mapping in messages.
    pub name: &'static str,
    /// The tables. A key is in one of them only.
    tables: &'static [&'static [KeyRow]],
}

impl Section {
    /// Every row.
    pub fn rows(&self) -> impl Iterator<Item = &'static KeyRow> {
        self.tables.iter().flat_map(|table| table.iter())
    }

    /// The row of a key, by any of its spellings.
    pub fn find(&self, name: &str) -> Option<&'static KeyRow> {
        self.rows().find(|row| row.spellings().any(|spelling| spelling == name))
    }

    /// Every spelling of every key.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> {
        self.rows().flat_map(KeyRow::spellings)
    }
}

/// The top level of a flow of Jina 0.x and 1.x.
pub(super) const LEGACY_TOP: Section = Section {
    title: "Flow of Jina 0.x and 1.x: top level",
    name: "a flow of Jina 0.x or 1.x",
    tables: &[LEGACY_TOP_TABLE],
};
/// `with:` of a flow of Jina 0.x and 1.x.
pub(super) const LEGACY_FLOW: Section = Section {
    title: "Flow of Jina 0.x and 1.x: `with:`",
    name: "the flow's `with:`",
    tables: &[LEGACY_FLOW_TABLE, FLOW_EXTENSIONS],
};
/// A pod of Jina 0.x and 1.x.
pub(super) const LEGACY_POD: Section =
    Section { title: "Pod of Jina 0.x and 1.x", name: "a pod", tables: &[LEGACY_POD_TABLE, POD_EXTENSIONS] };
/// The top level of a flow of Jina 2 and 3.
pub(super) const MODERN_TOP: Section =
    Section { title: "Flow of Jina 2 and 3: top level", name: "a flow", tables: &[MODERN_TOP_TABLE] };
/// `with:` of a flow of Jina 2 and 3, and its `gateway:`.
pub(super) const MODERN_FLOW: Section = Section {
    title: "Flow of Jina 2 and 3: `with:` and `gateway:`",
    name: "the flow's `with:`",
    tables: &[MODERN_FLOW_TABLE, GATEWAY_TABLE, MODERN_COMMON_TABLE, FLOW_EXTENSIONS],
};
/// An executor of a flow of Jina 2 and 3.
pub(super) const MODERN_EXECUTOR: Section = Section {
    title: "Executor of a flow of Jina 2 and 3",
    name: "an executor",
    tables: &[MODERN_EXECUTOR_TABLE, MODERN_CONNECTION_TABLE, MODERN_COMMON_TABLE, POD_EXTENSIONS],
};
/// `with:` of a Deployment in its own file: a flow of one executor, with its gateway.
pub(super) const DEPLOYMENT: Section = Section {
    title: "Deployment in its own file: `with:`",
    name: "a Deployment's `with:`",
    tables: &[MODERN_EXECUTOR_TABLE, GATEWAY_TABLE, MODERN_COMMON_TABLE, POD_EXTENSIONS, FLOW_EXTENSIONS],
};
/// The top level of an executor's YAML.
pub(super) const EXECUTOR: Section =
    Section { title: "Executor's YAML: top level", name: "an executor's YAML", tables: &[EXECUTOR_TABLE] };
/// `metas:` of an executor's YAML.
pub(super) const EXECUTOR_METAS: Section =
    Section { title: "Executor's YAML: `metas:`", name: "`metas:`", tables: &[METAS_TABLE] };
/// One endpoint below `uses_dynamic_batching:`.
pub(super) const ENDPOINT_BATCHING: Section = Section {
    title: "Dynamic batching of an endpoint",
    name: "an endpoint's batching",
    tables: &[BATCHING_TABLE],
};
/// A mapping below `strategy:`.
pub(super) const POD_STRATEGY: Section =
    Section { title: "Placement strategy: `strategy:`", name: "a strategy", tables: &[STRATEGY_TABLE] };
/// `time:` of a strategy.
pub(super) const STRATEGY_TIME: Section =
    Section { title: "Placement strategy: `time:`", name: "a strategy's `time:`", tables: &[TIME_TABLE] };

/// An item of `tokens:`.
pub(super) const SERVED_TOKEN: Section =
    Section { title: "Token of a served flow: `tokens:`", name: "a token", tables: &[TOKEN_TABLE] };

/// The top level of a placement file.
pub(super) const PLACEMENT: Section =
    Section { title: "Placement file: top level", name: "a placement", tables: &[PLACEMENT_TABLE] };
/// `token:` of a placement file.
pub(super) const PLACEMENT_TOKEN: Section = Section {
    title: "Placement file: `token:`",
    name: "a placement's `token:`",
    tables: &[WORKER_TOKEN_TABLE],
};

/// Every section, for the reference and for tests.
pub const SECTIONS: &[Section] = &[
    LEGACY_TOP,
    LEGACY_FLOW,
    LEGACY_POD,
    MODERN_TOP,
    MODERN_FLOW,
    MODERN_EXECUTOR,
    DEPLOYMENT,
    EXECUTOR,
    EXECUTOR_METAS,
    ENDPOINT_BATCHING,
    POD_STRATEGY,
    STRATEGY_TIME,
    SERVED_TOKEN,
    PLACEMENT,
    PLACEMENT_TOKEN,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_section_lists_each_spelling_once() {
        for section in SECTIONS {
            let mut seen = BTreeSet::new();
            let twice: Vec<&str> = section.spellings().filter(|spelling| !seen.insert(*spelling)).collect();
            assert!(twice.is_empty(), "{}: {twice:?}", section.name);
        }
    }
}
