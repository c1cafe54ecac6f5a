//! The tables: every key of every dialect, obeyed, without effect, or refused with a reason.

mod batching;
mod executor;
mod gateway;
mod legacy_flow;
mod legacy_pod;
mod modern_common;
mod modern_executor;
mod modern_flow;
mod ours;
mod reasons;
mod strategy;

use super::Key;

pub use batching::BATCHING;
pub use executor::{EXECUTOR, METAS};
pub use gateway::GATEWAY;
pub use legacy_flow::{LEGACY_FLOW, LEGACY_TOP};
pub use legacy_pod::LEGACY_POD;
pub use modern_common::MODERN_COMMON;
pub use modern_executor::{MODERN_EXECUTOR, MODERN_POD};
pub use modern_flow::{MODERN_FLOW, MODERN_TOP};
pub use ours::{OUR_FLOW, OUR_POD};
pub use strategy::{STRATEGY, TIME};

/// A place where keys stand, with the tables that hold there.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// What to call it in messages.
    pub name: &'static str,
    /// The tables; a key may stand in one of them only.
    pub tables: &'static [&'static [Key]],
}

impl Place {
    /// Every row.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.tables.iter().flat_map(|table| table.iter())
    }

    /// The row of a key, by any of its spellings.
    pub fn find(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.spellings().any(|spelling| spelling == name))
    }

    /// Every spelling of every key that is worth suggesting.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> {
        self.keys().flat_map(Key::spellings)
    }
}

/// Every place, for the reference and for tests.
pub const PLACES: &[Place] = &[
    LEGACY_TOP_PLACE,
    LEGACY_FLOW_PLACE,
    LEGACY_POD_PLACE,
    MODERN_TOP_PLACE,
    MODERN_FLOW_PLACE,
    MODERN_EXECUTOR_PLACE,
    DEPLOYMENT_PLACE,
    EXECUTOR_PLACE,
    METAS_PLACE,
    BATCHING_PLACE,
    STRATEGY_PLACE,
    TIME_PLACE,
];

/// The top level of a flow of Jina 0.x.
pub const LEGACY_TOP_PLACE: Place = Place { name: "a flow of Jina 0.x", tables: &[LEGACY_TOP] };
/// `with:` of a flow of Jina 0.x and 1.x.
pub const LEGACY_FLOW_PLACE: Place = Place { name: "the flow's `with:`", tables: &[LEGACY_FLOW, OUR_FLOW] };
/// A pod of Jina 0.x and 1.x.
pub const LEGACY_POD_PLACE: Place = Place { name: "a pod", tables: &[LEGACY_POD, OUR_POD] };
/// The top level of a flow of Jina 2 and 3.
pub const MODERN_TOP_PLACE: Place = Place { name: "a flow", tables: &[MODERN_TOP] };
/// `with:` of a flow of Jina 2 and 3, and its `gateway:`.
pub const MODERN_FLOW_PLACE: Place =
    Place { name: "the flow's `with:`", tables: &[MODERN_FLOW, GATEWAY, MODERN_COMMON, OUR_FLOW] };
/// An executor of a flow of Jina 2 and 3.
pub const MODERN_EXECUTOR_PLACE: Place =
    Place { name: "an executor", tables: &[MODERN_EXECUTOR, MODERN_POD, MODERN_COMMON, OUR_POD] };
/// `with:` of a Deployment that is a file of its own: a flow of one executor, with its gateway.
pub const DEPLOYMENT_PLACE: Place = Place {
    name: "a Deployment's `with:`",
    tables: &[MODERN_EXECUTOR, GATEWAY, MODERN_COMMON, OUR_POD, OUR_FLOW],
};
/// The top level of an executor's YAML.
pub const EXECUTOR_PLACE: Place = Place { name: "an executor's YAML", tables: &[EXECUTOR] };
/// `metas:` of an executor's YAML.
pub const METAS_PLACE: Place = Place { name: "`metas:`", tables: &[METAS] };

/// One endpoint below `uses_dynamic_batching:`.
pub const BATCHING_PLACE: Place = Place { name: "an endpoint's batching", tables: &[BATCHING] };
/// A mapping below `strategy:`.
pub const STRATEGY_PLACE: Place = Place { name: "a strategy", tables: &[STRATEGY] };
/// `time:` of a strategy.
pub const TIME_PLACE: Place = Place { name: "a strategy's `time:`", tables: &[TIME] };

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_key_stands_once_in_a_place() {
        for place in PLACES {
            let mut seen = BTreeSet::new();
            let twice: Vec<&str> = place.spellings().filter(|spelling| !seen.insert(*spelling)).collect();
            assert!(twice.is_empty(), "{}: {twice:?}", place.name);
        }
    }
}
