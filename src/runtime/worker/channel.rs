//! Sends parts to the workers of one shard: into a queue, with a channel of tokens that wakes threads (crossbeam) or a task
//! (tokio), or by a direct call for inline executors.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::inline_worker::InlineWorkers;
use super::part_queue::{PartQueue, Pushed};
use crate::runtime::routing::Part;

/// Sending end of the channel to one shard.
pub(in crate::runtime) enum PartSender {
    /// The sender calls the executor.
    Inline(InlineWorkers),
    /// Queue of worker threads, and the tokens that wake them.
    Thread(Arc<PartQueue>, crossbeam_channel::Sender<()>),
    /// Queue of a task, and the tokens that wake it.
    Task(Arc<PartQueue>, mpsc::Sender<()>),
}

impl PartSender {
    /// Sends a part without waiting. Inline executors are called by the sender.
    pub(in crate::runtime) fn send(&self, part: Part) -> SendResult {
        let queue = match self {
            // A part that was taken during the call is delivered already.
            Self::Inline(workers) => {
                return workers.process(part).map_or(SendResult::Queued, SendResult::Done);
            }
            Self::Thread(queue, _) | Self::Task(queue, _) => queue,
        };
        match queue.push(part) {
            Pushed::Refused(part) => SendResult::Refused(part),
            Pushed::Full => SendResult::Lost,
            Pushed::Queued if self.wake_worker() => SendResult::Queued,
            Pushed::Queued => {
                queue.clear();
                SendResult::Lost
            }
        }
    }

    /// Sends a token. Returns `false` if there is no worker. If the channel is full, it has enough tokens: there is a slot
    /// for each part.
    fn wake_worker(&self) -> bool {
        use crossbeam_channel::TrySendError;
        match self {
            Self::Inline(_) => true,
            Self::Thread(_, tokens) => !matches!(tokens.try_send(()), Err(TrySendError::Disconnected(()))),
            Self::Task(_, tokens) => {
                !matches!(tokens.try_send(()), Err(mpsc::error::TrySendError::Closed(())))
            }
        }
    }
}

/// Result of [`PartSender::send`].
pub(in crate::runtime) enum SendResult {
    /// The part waits for a worker.
    Queued,
    /// An inline executor has processed the part.
    Done(Part),
    /// No worker is expected to take the part, which has an error now.
    Refused(Part),
    /// The queue was full or without workers, and the part was dropped.
    Lost,
}
