//! The parameter `fsync`: the moment at which a write is acknowledged.

use std::time::Duration;

flowrun_sdk::choice! {
    /// The moment at which a write is acknowledged.
    pub enum Fsync {
        /// Acknowledged when it is on disk: an acknowledged write survives a power failure.
        Always = "always",
        /// Acknowledged when the operating system has it, which syncs it within a second: a power failure loses the
        /// writes of that second, including the documents that they replaced.
        Interval = "interval",
        /// Acknowledged when the operating system has it: it survives the end of the process, but not always that of
        /// the machine.
        Never = "never",
    }
}

/// Interval between syncs under [`Fsync::Interval`].
pub(crate) const FSYNC_INTERVAL: Duration = Duration::from_secs(1);
