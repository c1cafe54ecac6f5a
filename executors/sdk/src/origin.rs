//! The executors that documents of a call came from, after a join without reduction.

use std::sync::Arc;

/// A run of consecutive documents of a call that came from the same executor.
///
/// A join with `no_reduce` concatenates the documents of all branches or shards, in the order of `needs`, instead of
/// merging them; their origins distinguish them. Calls have no origins otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Name of the executor in the flow.
    pub executor: Arc<str>,
    /// Number of documents, counted from the end of the previous origin.
    pub documents: usize,
}
