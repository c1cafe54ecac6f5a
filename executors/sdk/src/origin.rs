//! Where documents came from that a join handed on side by side.

use std::sync::Arc;

/// The documents of a call that one of the executors before it made. A join with `no_reduce` lists what every branch, or
/// every shard, made, in the order of `needs`; everywhere else nobody needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The executor's name in the flow.
    pub executor: Arc<str>,
    /// How many documents, from where those of the origin before it end.
    pub documents: usize,
}
