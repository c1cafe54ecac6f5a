//! State of index builds that outlives a single build.

use crate::ann::IndexType;

/// State of index builds.
#[derive(Debug, Default)]
pub(in crate::shard) struct BuildState {
    /// Index types that FAISS failed to train on these vectors. Not tried again until the shard is reopened.
    pub(super) failed_types: Vec<IndexType>,
    /// Number of live rows when the served index was built.
    pub(super) built_for: u64,
    /// A thread is building an index; at most one at a time does.
    pub(super) is_building: bool,
    /// The served index rejected rows and receives no more rows.
    pub(super) rejects_rows: bool,
}

/// Next step of the background task.
#[derive(Debug, PartialEq)]
pub(super) enum NextStep {
    /// Build an index of this type.
    Build(IndexType),
    /// Add the rows that the served index does not contain yet.
    CatchUp,
    /// Nothing to do.
    Idle,
}
