//! The channel to the workers of one shard. Threads take from a crossbeam channel, tasks from one of tokio's; both are
//! bounded, and whoever sends does not see the difference.

use tokio::sync::mpsc;

use super::part::Part;

/// The sending end.
pub(super) enum Sender {
    /// To threads.
    Thread(crossbeam_channel::Sender<Part>),
    /// To a task.
    Task(mpsc::Sender<Part>),
}

impl Sender {
    /// Sends without waiting; `false` when there was no slot or nobody is there to receive.
    pub(super) fn send(&self, part: Part) -> bool {
        match self {
            Self::Thread(sender) => sender.try_send(part).is_ok(),
            Self::Task(sender) => sender.try_send(part).is_ok(),
        }
    }
}
