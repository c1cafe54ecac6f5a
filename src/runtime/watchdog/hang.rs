//! Hanging workers: the limit of their calls, the report of one, and the treatment of requests that need it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Time that a call may take before its worker is suspected to hang, and the key of the flow that sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime) struct CallLimit {
    pub(super) time: Duration,
    key: &'static str,
}

impl CallLimit {
    /// The limit of a pod: its `timeout_send`, or else the `timeout` of the flow; `None` if it has neither.
    pub(in crate::runtime) fn of_pod(
        timeout_send: Option<Duration>,
        flow_timeout: Option<Duration>,
    ) -> Option<Self> {
        let own = timeout_send.map(|time| Self { time, key: "`timeout_send`" });
        own.or_else(|| flow_timeout.map(|time| Self { time, key: "`timeout` of the flow" }))
    }
}

impl fmt::Display for CallLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms ({})", self.time.as_millis(), self.key)
    }
}

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
