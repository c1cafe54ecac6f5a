//! The channel to the workers of one shard: a crossbeam channel for threads, a tokio channel for a task, both bounded,
//! or a direct call for inline executors.

use tokio::sync::mpsc;

use super::inline_worker::InlineWorkers;
use crate::runtime::routing::Part;

/// Sending end of the channel to one shard.
pub(in crate::runtime) enum PartSender {
    Inline(InlineWorkers),
    Thread(crossbeam_channel::Sender<Part>),
    Task(mpsc::Sender<Part>),
}

impl PartSender {
    /// Sends a part without waiting. Inline executors are called by the sender.
    pub(in crate::runtime) fn send(&self, part: Part) -> SendResult {
        let queued = match self {
            Self::Inline(workers) => return SendResult::Done(workers.process(part)),
            Self::Thread(sender) => sender.try_send(part).is_ok(),
            Self::Task(sender) => sender.try_send(part).is_ok(),
        };
        if queued { SendResult::Queued } else { SendResult::Lost }
    }
}

/// Result of [`PartSender::send`].
#[expect(clippy::large_enum_variant, reason = "a box would be one allocation per hop")]
pub(in crate::runtime) enum SendResult {
    /// The part is in the channel.
    Queued,
    /// An inline executor has processed the part.
    Done(Part),
    /// The channel was full or closed, and the part was dropped.
    Lost,
}
