//! Hanging workers: the report of one, and the treatment of requests that need it.

use std::sync::Arc;

/// A worker whose call has taken [`GIVE_UP_FACTOR`](crate::limits::GIVE_UP_FACTOR) times its time limit, and so is not
/// expected to return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hang {
    /// The pod's name.
    pub pod: Arc<str>,
    /// Names the pod, the executor, the endpoint and the time of the call.
    pub message: String,
    /// Set when all workers of a shard hang, so that its requests cannot be processed.
    pub blocks_shard: bool,
}

/// Treatment of requests to a shard whose workers all hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime) enum HangPolicy {
    /// Requests fail as soon as the workers hang, so that clients of a service need not wait.
    FailFast,
    /// Requests wait until the calls of all workers are not expected to return, so that a batch job loses no documents to a
    /// slow call.
    Wait,
}
